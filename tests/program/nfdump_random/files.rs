//! Files for random command lines: made ones, in which every flow has all elements or any of them, and real ones.

use std::fs;
use std::path::{Path, PathBuf};

use super::Numbers;
use crate::support;
use crate::support::writer::{self, Encoding, FlowRecord};

/// What may be asked of a file, so that nothing but the rows of `docs/deviations.md` that the comparison knows can
/// make a difference.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// The files, as options of nfdump.
    pub(super) options: Vec<String>,
    /// The one file, if it is one.
    pub(super) path: Option<PathBuf>,
    /// All flows have all elements: any list of `-A` has the same rows (otherwise rows N-1, N-2).
    pub(super) is_full: bool,
    /// All flows have addresses (row N-28), and flows of their own (row N-21).
    pub(super) has_pairs: bool,
    /// Flows print alike in every form (rows 1 to 22, C-1 to C-16).
    pub(super) is_exact: bool,
    /// No IPv6 addresses with 64 zero bits in front (row N-3).
    pub(super) has_plain_addresses: bool,
    /// Rates of sums do not fit into 64 bits (row N-48).
    pub(super) has_large_sums: bool,
}

/// First start of a made flow, in milliseconds.
pub(super) const START: u64 = 1_700_000_000_000;
/// Starts of made flows are spread over this time.
pub(super) const SPREAD: u64 = 600_000;

/// Which elements made flows have, beside times, counters and addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elements {
    All,
    Some,
    /// Some, and element 5 may say 0 flows.
    Zero,
}

fn generic(numbers: &mut Numbers, is_v4: bool) -> Vec<u8> {
    let first = START + numbers.below(SPREAD as usize) as u64;
    let last = first + [0, numbers.below(100_000), numbers.below(1000)][numbers.below(3)] as u64;
    let most = [5, 1000, 100_000_000][numbers.below(3)];
    let packets = 1 + numbers.below(most) as u64;
    let bytes = packets * (40 + numbers.below(1400) as u64) + numbers.below(30) as u64;
    let mut payload = [first, last, last + 5, packets, bytes]
        .map(u64::to_le_bytes)
        .concat();
    let ports = [
        0_u16, 22, 53, 80, 443, 1023, 1024, 2000, 32_767, 32_768, 40_000, 49_152, 60_000,
    ];
    let proto = match numbers.below(10) {
        0..5 => 6_u8,
        5..8 => 17,
        8 => [47, 132, 0][numbers.below(3)],
        _ if is_v4 => 1,
        _ => 58,
    };
    let (src, dst) = match proto {
        1 | 58 => (0, [0x0800_u16, 0x0303, 0x0000][numbers.below(3)]),
        _ => (ports[numbers.below(13)], ports[numbers.below(13)]),
    };
    payload.extend(src.to_le_bytes());
    payload.extend(dst.to_le_bytes());
    let flags = [0_u8, 2, 0x12, 0x1b, 0x18, 0xff][numbers.below(6)];
    payload.extend([
        proto,
        flags,
        numbers.below(3) as u8,
        [0_u8, 8, 184][numbers.below(3)],
    ]);
    payload
}

fn v6(numbers: &mut Numbers) -> Vec<u8> {
    let high = 0x2001_0db8_0000_0000_u64 + numbers.below(3) as u64;
    let low = 1 + numbers.below(4) as u64 * 0x0001_0000_0000_0001;
    [high.to_le_bytes(), low.to_le_bytes()].concat()
}

fn v4(numbers: &mut Numbers) -> Vec<u8> {
    let address = 0x0A00_0001_u32 + numbers.below(3) as u32 * 256 + numbers.below(5) as u32;
    address.to_le_bytes().to_vec()
}

/// An element with small values, so that groups have several flows.
fn element(numbers: &mut Numbers, id: u16, is_v4: bool, which: Elements) -> Option<(u16, Vec<u8>)> {
    let mut word = |limit: usize| (numbers.below(limit) as u32).to_le_bytes();
    let payload = match id {
        4 => {
            let mut payload = [word(3), word(4)].concat();
            let length = if is_v4 { 32 } else { 128 };
            payload.extend([
                1 + numbers.below(length) as u8,
                1 + numbers.below(length) as u8,
            ]);
            payload.extend([numbers.below(2) as u8, numbers.below(3) as u8, 0, 0, 0, 0]);
            payload
        }
        5 => {
            let least = u64::from(which != Elements::Zero);
            let flows = least + numbers.below(3) as u64;
            let out = [0, numbers.below(9000) as u64][numbers.below(2)];
            [flows, out, out * 70].map(u64::to_le_bytes).concat()
        }
        6 | 36 => [word(3), word(2)].concat(),
        7 | 16 => [word(70_000), word(3)].concat(),
        8 | 10 | 12 if is_v4 => v4(numbers),
        9 | 11 | 13 if !is_v4 => v6(numbers),
        14 => (0..10)
            .flat_map(|at| word(if at < 2 { 5000 } else { 2 }))
            .collect(),
        15 => (0..4).flat_map(|_| [word(3), word(2)].concat()).collect(),
        17 => (0..3)
            .flat_map(|_| [word(90_000), [0; 4]].concat())
            .collect(),
        20 if is_v4 => [v4(numbers), v4(numbers)].concat(),
        21 if !is_v4 => [v6(numbers), v6(numbers)].concat(),
        22 => [word(3)[..2].to_vec(), word(5)[..2].to_vec()].concat(),
        33 => [word(4), [0; 4], word(5), [0; 4]].concat(),
        38 => {
            let mut payload = vec![0; 32];
            payload[24..26].copy_from_slice(&[0x00, 0x08]);
            payload[26] = if is_v4 { 4 } else { 6 };
            payload[2] = word(3)[0];
            payload
        }
        42 => [[0, 0], [1 + word(3)[0], 60 + word(3)[0]]].concat(),
        _ => return None,
    };
    Some((id, payload))
}

fn flow(numbers: &mut Numbers, which: Elements) -> FlowRecord {
    let is_v4 = numbers.chance(75);
    let mut elements = vec![(1, generic(numbers, is_v4))];
    elements.push(match is_v4 {
        true => (2, [v4(numbers), v4(numbers)].concat()),
        false => (3, [v6(numbers), v6(numbers)].concat()),
    });
    for id in 4..=42 {
        if which == Elements::All || numbers.chance(50) {
            elements.extend(element(numbers, id, is_v4, which));
        }
    }
    FlowRecord {
        engine: [numbers.below(2) as u8, numbers.below(2) as u8],
        sysid: 1 + numbers.below(2) as u16,
        flags: 0,
        version: [5_u8, 9, 10][numbers.below(3)],
        elements,
    }
}

fn made(numbers: &mut Numbers, path: &Path, which: Elements, flows: usize) {
    let encoding = Encoding::ALL[numbers.below(5)];
    let flows: Vec<Vec<u8>> = (0..flows).map(|_| flow(numbers, which).bytes()).collect();
    let blocks: Vec<Vec<Vec<u8>>> = flows.chunks(97).map(<[_]>::to_vec).collect();
    let mut file = writer::file(Encoding::None, Some("made"), &blocks);
    writer::set_times(&mut file, START, START + SPREAD + 100_000);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, file).expect("it is written");
    if encoding != Encoding::None {
        // The statistics are set; now in the encoding that is meant.
        let method = (encoding as u8).to_string();
        let output = support::nfdecode()
            .args(["nfdump", "-J", &method, "-r"])
            .arg(path)
            .output();
        assert!(
            output.expect("it runs").status.success(),
            "{}",
            path.display()
        );
    }
}

/// Real files, and whether all their flows have addresses, and plain ones.
const REAL: [(&str, bool, bool); 14] = [
    ("statistics/files/masks.nf", true, true),
    ("statistics/files/ties40.nf", true, true),
    ("statistics/files/ties120.nf", true, true),
    ("statistics/files/units.nf", true, true),
    ("statistics/files/sums.nf", false, true),
    ("statistics/files/bidir.nf", false, true),
    ("filter/nfgen.nf", false, false),
    ("nfcapd/layout2/exp-ipfix-ios-xr__1.7.10-none", true, false),
    ("nfcapd/layout2/exp-v9-cisco__git-none", true, true),
    ("nfcapd/layout2/derived-bidir", true, true),
    ("nfcapd/layout2/exp-v5__1.7.10-lz4", true, true),
    ("nfcapd/layout2/exp-nsel-asa__1.7.5-none", true, true),
    (
        "nfcapd/layout2/exp-nat-events-sampling-frames__1.7.10-lzo",
        true,
        false,
    ),
    ("nfcapd/layout1/exp-v5__1.6.13-lzo", true, true),
];

/// All inputs; made files are in the folder.
pub(super) fn inputs(numbers: &mut Numbers, folder: &Path) -> Vec<Input> {
    let text = |path: &Path| path.display().to_string();
    let mut inputs = Vec::new();
    for number in 0..6 {
        for which in [Elements::All, Elements::Some, Elements::Zero] {
            let name = ["all", "some", "zero"][which as usize];
            let path = folder.join(format!("{name}{number}/nfcapd.20231114221{number}"));
            made(numbers, &path, which, [300, 40, 600, 3, 120, 1][number]);
            inputs.push(Input {
                options: vec!["-r".to_owned(), text(&path)],
                path: Some(path),
                is_full: which == Elements::All,
                has_pairs: which != Elements::Zero,
                is_exact: true,
                has_plain_addresses: true,
                has_large_sums: false,
            });
        }
    }
    // Directories with several files, for `-r`, `-R` and `-M`.
    for (part, minute) in [
        ("one", 0),
        ("one", 5),
        ("one", 10),
        ("two", 0),
        ("two", 5),
        ("two", 10),
    ] {
        let path = folder.join(format!("{part}/nfcapd.2023111422{minute:02}"));
        made(numbers, &path, Elements::All, 30 + minute);
    }
    let at = |name: &str| text(&folder.join(name));
    for options in [
        vec!["-r".to_owned(), at("one")],
        vec!["-R".to_owned(), at("one")],
        vec!["-R".to_owned(), at("one/nfcapd.202311142205")],
        vec![
            "-R".to_owned(),
            at("one/nfcapd.202311142200:nfcapd.202311142205"),
        ],
        vec![
            "-R".to_owned(),
            at("one/nfcapd.202311142205:nfcapd.202311142210"),
        ],
        vec![
            "-M".to_owned(),
            at("one:two"),
            "-R".to_owned(),
            ".".to_owned(),
        ],
        vec![
            "-M".to_owned(),
            at("one:two"),
            "-r".to_owned(),
            "nfcapd.202311142205".to_owned(),
        ],
        vec![
            "-M".to_owned(),
            at("one:two"),
            "-R".to_owned(),
            "nfcapd.202311142200:nfcapd.202311142205".to_owned(),
        ],
    ] {
        inputs.push(Input {
            options,
            path: None,
            is_full: true,
            has_pairs: true,
            is_exact: true,
            has_plain_addresses: true,
            has_large_sums: false,
        });
    }
    if let Some(data) = support::test_data("statistics") {
        let data = data.parent().expect("a folder");
        for (name, has_pairs, has_plain_addresses) in REAL {
            let path = data.join(name);
            inputs.push(Input {
                options: vec!["-r".to_owned(), text(&path)],
                path: Some(path),
                is_full: false,
                has_pairs,
                is_exact: false,
                has_plain_addresses,
                has_large_sums: ["units.nf", "sums.nf"]
                    .iter()
                    .any(|file| name.ends_with(file)),
            });
        }
    }
    inputs
}
