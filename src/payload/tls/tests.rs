//! Hellos made by hand.

use crate::payload::tls::Hello;
use crate::payload::tls::hello::extension as kind;
use crate::payload::tls::reader::u16s;

fn u16_list(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

/// `body` after its two-byte length.
fn counted(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(body)].concat()
}

fn sni(name: &[u8]) -> Vec<u8> {
    extension(0, &counted(&[&[0], &counted(name)[..]].concat()))
}

fn groups(values: &[u16]) -> Vec<u8> {
    extension(10, &counted(&u16_list(values)))
}

fn signatures(values: &[u16]) -> Vec<u8> {
    extension(13, &counted(&u16_list(values)))
}

fn alpn(names: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = names
        .iter()
        .flat_map(|n| [&[n.len() as u8], *n].concat())
        .collect();
    extension(16, &counted(&list))
}

fn record(kind: u8, version: u16, middle: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = [
        &version.to_be_bytes()[..],
        &[0x11; 32],
        &[2, 7, 7], // session id
        middle,
        &counted(&extensions.concat()),
    ]
    .concat();
    let message = [&[kind, 0][..], &counted(&body)].concat();
    [&[0x16, 3, 1][..], &counted(&message)].concat()
}

fn client(version: u16, ciphers: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    let middle = [&counted(&u16_list(ciphers))[..], &[1, 0]].concat();
    record(1, version, &middle, extensions)
}

fn server(version: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    record(2, version, &[0x13, 0x01, 0], extensions)
}

fn example(version: u16) -> Vec<u8> {
    let extensions = [
        sni(b"www.example.org"),
        groups(&[0x1d, 0x17, 0x18]),
        extension(11, &[1, 0]),
        signatures(&[0x0403, 0x0804, 0x0401]),
        alpn(&[b"h2", b"http/1.1"]),
        extension(23, b""),
        extension(43, &[2, 3, 4]),
    ];
    client(version, &[0x1301, 0x1302, 0xc02b], &extensions)
}

/// Version, SNI, JA3 and JA4 as text.
fn summary(payload: &[u8]) -> Option<[String; 4]> {
    let hello = Hello::parse(payload)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some([
        hello.version().to_string(),
        text(hello.sni().unwrap_or_default()),
        text(&hello.ja3()),
        text(hello.ja4().as_ref().map_or(&[][..], |ja4| ja4)),
    ])
}

fn ja4_of(extensions: &[Vec<u8>]) -> String {
    summary(&client(0x303, &[0x1301], extensions)).unwrap()[3].clone()
}

#[test]
fn client_hello() {
    let expected = [
        "TLS1.2",
        "www.example.org",
        "cc714807473ee817a900cef1373643e4",
        "t12d0307h2_5559582ccdc4_1fdf4de06b7e",
    ];
    assert_eq!(summary(&example(0x303)).unwrap(), expected);
    let longer = [example(0x303), vec![0x17; 9]].concat();
    assert_eq!(summary(&longer).unwrap(), expected);
}

#[test]
fn client_versions() {
    for (wire, text, ja3, code) in [
        (0x0002, "SSL2", "d067467bfbe10f258ac40905e10275fa", "ts2d"),
        (0x0300, "SSL3", "6c70c26a0910dac8d5efa4b03933ef79", "ts3d"),
        (0x0301, "TLS1.0", "09c7a82e05a427d26e7482bf34539f12", "t10d"),
        (0x0302, "TLS1.1", "685c493782526a80557d88fb056fe521", "t11d"),
        (0x0304, "TLS1.3", "6ccffa94459aae87d4b3f60f6b14e890", "t13d"),
    ] {
        let [version, _, md5, fingerprint] = summary(&example(wire)).unwrap();
        assert_eq!((&version[..], &md5[..]), (text, ja3));
        assert!(fingerprint.starts_with(code));
    }
    assert!(summary(&example(0x305)).is_none());
}

#[test]
fn server_hello() {
    let extensions = [extension(43, &[3, 4]), extension(51, b"key")];
    let expected = ["TLS1.2", "", "f4febc55ea12b31ae17cfb7e614afda8", ""];
    assert_eq!(summary(&server(0x303, &extensions)).unwrap(), expected);
    assert_eq!(summary(&server(0x302, &[])).unwrap()[0], "TLS1.1");
    assert!(summary(&server(0x304, &[])).is_none());
    let empty = summary(&server(0x303, &[])).unwrap();
    assert_eq!(empty[2], "e8c07683aecf9b16e8e33f10a5161e4e");
}

#[test]
fn every_proper_prefix_is_refused() {
    let hello = example(0x303);
    for len in 0..hello.len() {
        assert!(Hello::parse(&hello[..len]).is_none(), "{len}");
    }
}

#[test]
fn lists_without_values() {
    // All GREASE: nfdump crashes on these two.
    let grease = [sni(b"a.b"), groups(&[29])];
    let [version, name, _, ja4] = summary(&client(0x303, &[0x0a0a], &grease)).unwrap();
    assert_eq!((&version[..], &name[..]), ("TLS1.2", "a.b"));
    assert_eq!(ja4, "t12d000200_000000000000_a8f3e973773c");
    let [_, _, ja3, ja4] = summary(&client(0x303, &[0x1301], &[extension(0xfafa, b"xx")])).unwrap();
    assert_eq!(ja3, "ea1e247991e541e39bf918cb7cfa5139");
    assert_eq!(ja4, "");

    assert!(summary(&client(0x303, &[], &grease)).is_none());
    assert!(summary(&client(0x303, &[0x1301], &[])).is_none());
    assert_eq!(ja4_of(&[sni(b"a.b"), alpn(&[b"h2"])]), "");
}

#[test]
fn grease_stays_in_groups_and_signatures_only() {
    let extensions = [sni(b"a.b"), extension(0x1a1a, b"zz"), groups(&[0x0a0a, 29])];
    let [_, _, ja3, _] = summary(&client(0x303, &[0x2a2a, 0x1301], &extensions)).unwrap();
    assert_eq!(ja3, "05d4f73187f04362902d4c9b44dc5d37");
    let signed = ja4_of(&[sni(b"a.b"), signatures(&[0x0a0a, 0x0403])]);
    assert_eq!(signed, "t12d010200_0f2cb44170f4_477e359890ff");
}

#[test]
fn repeated_extensions() {
    // Lists add up, the last name counts.
    let extensions = [sni(b"a.b"), groups(&[29]), groups(&[23]), sni(b"cc")];
    let hello = client(0x303, &[0x1301], &extensions);
    let list: Vec<u16> = Hello::parse(&hello)
        .unwrap()
        .values(kind::GROUPS)
        .flat_map(u16s)
        .collect();
    assert_eq!(list, [29, 23]);
    assert_eq!(summary(&hello).unwrap()[1], "cc");
    let signed = ja4_of(&[
        sni(b"a.b"),
        groups(&[29]),
        signatures(&[0x403]),
        signatures(&[0x804]),
    ]);
    assert_eq!(signed, "t12d010400_0f2cb44170f4_c1f818edfbb7");
}

#[test]
fn server_name() {
    let name = |extension| {
        let hello = client(0x303, &[0x1301], &[extension]);
        Hello::parse(&hello).map(|hello| hello.sni().map(<[u8]>::to_vec))
    };
    assert_eq!(name(sni(b"ab\0c")), Some(Some(b"ab".to_vec())));
    assert_eq!(name(sni(b"\0abc")), Some(None));
    assert_eq!(name(sni(&[b'x'; 255])), Some(Some(vec![b'x'; 255])));
    assert_eq!(name(sni(&[b'x'; 256])), None);
    assert_eq!(name(groups(&[29])), Some(None));
}

#[test]
fn alpn_in_ja4() {
    for (name, characters) in [
        (&b"h2"[..], "h2"),
        (b"h", "hh"),
        (b"", "00"),
        (b"\0a", "00"),
        (b"a\0", "aa"),
        (b"ab\0cd", "ab"),
        (b"-x.", "-."),
        (b"\xe4x\xff", "ef"),
        (b"\"a", "21"),
        (b"a\\", "6c"),
        (b",", "2c"),
        (b"\n", "0a"),
    ] {
        assert_eq!(
            ja4_of(&[groups(&[29]), alpn(&[name, b"zz"])])[8..10],
            *characters
        );
    }
}

#[test]
fn ja4_counts_up_to_99() {
    let ciphers: Vec<u16> = (1000..1100).collect();
    let extensions = [
        sni(b"a.b"),
        groups(&[29]),
        extension(11, &[1, 0]),
        signatures(&[0x403]),
        alpn(&[b"h2"]),
    ];
    let [_, _, ja3, ja4] = summary(&client(0x303, &ciphers[..99], &extensions)).unwrap();
    assert_eq!(ja3, "77ac285cc86bb07a3133c08a92caae57");
    assert_eq!(ja4, "t12d9905h2_5e14cf2ce885_2bbaf9536c97");
    let [_, _, ja3, ja4] = summary(&client(0x303, &ciphers, &extensions)).unwrap();
    assert_eq!(ja3, "c4e81763c48aa1a45ee8e40d5879fd85");
    assert_eq!(ja4, "");
}

#[test]
fn inner_lengths_decide() {
    // The bytes after the group inside the declared length are read as the next extension.
    let body = [&[0, 2, 0, 29][..], &[0, 11, 0, 2, 1, 0]].concat();
    let hello = client(
        0x303,
        &[0x1301],
        &[sni(b"a.b"), extension(10, &body), extension(11, &[1, 0])],
    );
    assert_eq!(
        summary(&hello).unwrap()[3],
        "t12d010300_0f2cb44170f4_33a13ba74d1c"
    );
    // An odd list misaligns all that follows.
    let odd = [extension(10, &[0, 3, 0, 29, 0]), extension(11, &[1, 0])];
    assert!(summary(&client(0x303, &[0x1301], &odd)).is_none());
    let overrun = [extension(0, &[0xff, 0xff, 0, 0, 1, b'a']), groups(&[29])];
    assert!(summary(&client(0x303, &[0x1301], &overrun)).is_some());
    let [name, list] = overrun;
    let overrun = [name, list, alpn(&[b"h2"])];
    assert!(summary(&client(0x303, &[0x1301], &overrun)).is_none());
}

#[test]
fn mutations_do_not_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let seeds = [example(0x303), server(0x303, &[extension(43, &[3, 4])])];
    for round in 0..40_000 {
        let mut payload = seeds[round % 2].clone();
        for _ in 0..=random(3) {
            let at = random(payload.len());
            match random(3) {
                0 => payload[at] = random(256) as u8,
                1 => payload.insert(at, random(3) as u8),
                _ => payload.truncate(at + 1),
            }
        }
        if let Some(ja4) = Hello::parse(&payload).and_then(|hello| {
            assert_eq!(hello.ja3(), hello.ja3());
            hello.ja4()
        }) {
            assert!(ja4.iter().all(|b| (b' '..=b'~').contains(b)));
        }
    }
}
