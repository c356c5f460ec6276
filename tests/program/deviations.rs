//! The rows of `docs/deviations.md` that comparing with references cannot show.

use crate::support;
use crate::support::reference::{self, Form};
use nfdecode::File;
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::value::Zone;
use serde_json::Value;

/// An element: id and payload.
type Element<'a> = (u16, &'a [u8]);

/// A file with one flow of these elements.
fn file(ident: &[u8], announced: u16, elements: &[Element<'_>]) -> Vec<u8> {
    let mut flow = Vec::new();
    for (id, payload) in elements {
        flow.extend(id.to_le_bytes());
        flow.extend((payload.len() as u16 + 4).to_le_bytes());
        flow.extend(*payload);
    }
    let mut record = vec![11, 0];
    record.extend((flow.len() as u16 + 12).to_le_bytes());
    record.extend(announced.to_le_bytes());
    record.extend([0; 6]);
    record.extend(flow);

    let mut appendix = vec![1, 0x80];
    appendix.extend((ident.len() as u16 + 5).to_le_bytes());
    appendix.extend(ident);
    appendix.push(0);

    let mut file = vec![
        0x0C, 0xA5, 2, 0, 0, 1, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
    ];
    file.extend((52 + record.len() as u64).to_le_bytes());
    file.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    for records in [record, appendix] {
        file.extend([1, 0, 0, 0]);
        file.extend((records.len() as u32).to_le_bytes());
        file.extend([3, 0, 0, 0]);
        file.extend(records);
    }
    file
}

/// Our object for a flow of these elements.
fn printed(ident: &[u8], announced: u16, elements: &[Element<'_>]) -> Value {
    let file = File::from_bytes(file(ident, announced, elements)).expect("a file");
    let mut format = JsonFormat::ndjson(Zone::utc());
    let context = FlowContext::new(file.ident(), "x");
    let mut out = TextBuffer::default();
    for block in file.blocks() {
        for flow in block.expect("a block").flows() {
            format.flow(1, &flow, &context, &mut out);
        }
    }
    support::assert_json(out.as_bytes(), "ndjson")
}

#[test]
fn any_text_is_valid() {
    for text in [
        &b"say \"hi\""[..],
        b"DOMAIN\\bob",
        b"a\nb\tc\x01",
        b"\xFF\xFEz",
        "gr\u{FC}\u{DF}".as_bytes(),
    ] {
        let expected = String::from_utf8_lossy(text);
        let mut user = text.to_vec();
        user.resize(68, 0);
        let flow = printed(text, 2, &[(24, &user), (41, text)]);
        for key in ["ident", "user_name", "natString"] {
            assert_eq!(flow[key].as_str(), Some(&*expected), "{key}");
        }
    }
}

#[test]
fn networks() {
    let address = |text: &str| {
        let address: std::net::Ipv6Addr = text.parse().expect("an address");
        let (high, low) = ((address.to_bits() >> 64) as u64, address.to_bits() as u64);
        [
            high.to_le_bytes(),
            low.to_le_bytes(),
            high.to_le_bytes(),
            low.to_le_bytes(),
        ]
        .concat()
    };
    let v6 = address("2001:db8:1234:5678:9abc:def0:1122:3344");
    for (mask, expected) in [
        (0, "::"),
        (32, "2001:db8::"),
        (48, "2001:db8:1234::"),
        (64, "2001:db8:1234:5678::"),
        (127, "2001:db8:1234:5678:9abc:def0:1122:3344"),
        (128, "2001:db8:1234:5678:9abc:def0:1122:3344"),
        (255, "2001:db8:1234:5678:9abc:def0:1122:3344"),
    ] {
        let mut misc = [0; 16];
        (misc[8], misc[9]) = (mask, 1);
        let flow = printed(b"x", 2, &[(3, &v6), (4, &misc)]);
        assert_eq!(flow["src_net"], expected, "/{mask}");
        assert_eq!(flow["dst_net"], "::", "/1");
    }
    let mut misc = [0; 16];
    (misc[8], misc[9]) = (65, 24);
    let flow = printed(
        b"x",
        2,
        &[(2, &[1, 2, 0, 192, 2, 100, 51, 198]), (4, &misc)],
    );
    assert_eq!(
        (flow["src_net"].as_str(), flow["dst_net"].as_str()),
        (Some("192.0.2.1"), Some("198.51.100.0"))
    );
    // Without an address, and without masks, there is no network.
    assert_eq!(printed(b"x", 1, &[(4, &misc)])["src_net"], "");
    assert_eq!(printed(b"x", 2, &[(3, &v6), (4, &[0; 16])])["src_net"], "");
}

#[test]
fn old_nat_events() {
    let time = 1_700_000_000_123_u64.to_le_bytes();
    let old = [
        &time[..],
        &[88, 0, 0, 0, 77, 0, 0, 0, 99, 0, 0, 0, 4, 0, 0, 0],
    ]
    .concat();
    let new = [&time[..], &[99, 0, 0, 0, 4, 0, 0, 0]].concat();
    for event in [old, new] {
        let flow = printed(b"x", 1, &[(25, &event)]);
        assert_eq!(flow["nat_pool_id"], 99);
        assert_eq!(
            (&flow["nat_event_id"], &flow["nat_event"]),
            (&Value::from(4), &Value::from("NAT44 session create"))
        );
        assert_eq!(flow["t_event"], "2023-11-14T22:13:20.123");
    }
}

#[test]
fn elements_end_with_their_record() {
    // Four of eight bytes: the rest is zero, not what follows.
    let flow = printed(
        b"x",
        2,
        &[(2, &[1, 2, 0, 192]), (39, &[7, 0, 0, 0, 0, 0, 0, 0])],
    );
    assert_eq!(
        (flow["src4_addr"].as_str(), flow["dst4_addr"].as_str()),
        (Some("192.0.2.1"), Some("0.0.0.0"))
    );
    assert_eq!(flow["flowID"], 7);
    // More elements announced than there are.
    let flow = printed(b"x", 9, &[(39, &[7, 0, 0, 0, 0, 0, 0, 0])]);
    assert_eq!(flow["flowID"], 7);
    assert_eq!(flow.as_object().map(serde_json::Map::len), Some(6));
}

/// Flows that nfdump leaves out are those after the ones it prints.
#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn damaged_blocks_keep_what_is_intact() {
    let Some(folder) = support::test_data("elements") else {
        return;
    };
    for (name, flows) in [("82_block_numtoohigh", 3), ("82_rec_numelem_high", 2)] {
        let output = support::nfdecode()
            .args(["read", "-f", "ndjson"])
            .arg(folder.join(format!("{name}.nf")))
            .output();
        let output = output.expect("it runs");
        let ours = reference::our_flows(&output.stdout, Form::Ndjson);
        assert_eq!(ours.len(), flows, "{name}");
        // No member that nfdump took from beyond the record.
        assert!(
            ours.iter().flatten().all(|(key, _)| key != "ip6_next_hop"),
            "{name}"
        );
    }
}
