//! Flows made from values: what was set is read back, by us after writing and by nfdump.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

use proptest::prelude::*;

use nfdecode::element::{self, Condition, Field, FieldKind};
use nfdecode::file::Compression;
use nfdecode::value::{IpFragment, MacAddr, MplsLabel, NatEvent, NselEvent, TcpFlags};
use nfdecode::writer::{Encoding, SysidMap, Writer};
use nfdecode::{BuildError, FieldValue, File, FlowBuilder, OwnedFlow, Timestamp};

use crate::support;

/// Ids that layout 2 stores.
const ELEMENT_MAX: u8 = nfdump_sys::NFDUMP_ELEMENT_MAX_LAYOUT2 as u8;

/// A value for a field, from any number; `None` for fields that no flow stores.
fn value<'a>(field: &Field, seed: u64, text: &'a [u8]) -> Option<FieldValue<'a>> {
    let seed = seed.max(1);
    let byte = (seed as u8).max(1);
    Some(match field.kind {
        FieldKind::U8 | FieldKind::NatEventId => FieldValue::Number(byte.into()),
        FieldKind::U16 => FieldValue::Number(u64::from(seed as u16)),
        FieldKind::U32 | FieldKind::NatPool => FieldValue::Number(u64::from(seed as u32)),
        FieldKind::U64 | FieldKind::Micros => FieldValue::Number(seed),
        FieldKind::Time | FieldKind::FirstSeen | FieldKind::EventTime => {
            FieldValue::Time(Timestamp::from_millis(seed))
        }
        FieldKind::Ip4 => FieldValue::Ip(Ipv4Addr::from_bits(seed as u32 | 1).into()),
        FieldKind::Ip6 => FieldValue::Ip(Ipv6Addr::from_bits(u128::from(seed) << 61 | 1).into()),
        FieldKind::Mac => {
            let [_, _, a, b, c, d, e, f] = seed.to_be_bytes();
            FieldValue::Mac(MacAddr([a, b, c, d, e, f]))
        }
        FieldKind::Mpls => FieldValue::Mpls(MplsLabel(seed as u32)),
        FieldKind::TcpFlags => FieldValue::TcpFlags(TcpFlags(byte)),
        FieldKind::Fragment => FieldValue::Fragment(IpFragment(byte)),
        FieldKind::NselEvent => FieldValue::NselEvent(NselEvent(byte)),
        FieldKind::NatEvent => FieldValue::NatEvent(NatEvent(byte)),
        FieldKind::Acl => FieldValue::Acl([seed as u32, (seed >> 32) as u32, 7]),
        FieldKind::UserName | FieldKind::Text => FieldValue::Text(text),
        FieldKind::Bytes => FieldValue::Bytes(text),
        _ => return None,
    })
}

/// Whether a field can be set beside the others of this family and protocol.
fn fits(element: u8, field: &Field, is_v6: bool, is_icmp: bool) -> bool {
    let family = match field.kind {
        FieldKind::Ip4 => !is_v6,
        FieldKind::Ip6 => is_v6,
        _ => true,
    };
    let condition = match field.condition {
        Condition::Icmp => is_icmp,
        Condition::NotIcmp => !is_icmp,
        _ => true,
    };
    // The numbers of events are the same bytes as the events; the IP version decides about families.
    let is_second = ["event_id", "nat_event_id", "ip_version", "proto"].contains(&field.name);
    element <= ELEMENT_MAX && family && condition && !is_second
}

/// Flows with any set of elements and any values, and the fields that were set.
fn flow() -> impl Strategy<Value = (OwnedFlow, Vec<&'static Field>)> {
    let elements = any::<u64>();
    let seeds = prop::collection::vec(any::<u64>(), 200);
    let text = prop::collection::vec(1_u8..=255, 1..60);
    (elements, seeds, text, any::<bool>(), any::<bool>()).prop_map(
        |(elements, seeds, text, is_v6, is_icmp)| {
            let mut builder = FlowBuilder::new();
            builder.proto(if is_icmp { 1 } else { 6 });
            let mut set = vec![element::field("proto").expect("a field")];
            for ((id, field), seed) in element::fields().zip(seeds) {
                let wanted = id == 1 || elements >> id & 1 == 1;
                if !wanted || !fits(id, field, is_v6, is_icmp) {
                    continue;
                }
                if let Some(value) = value(field, seed, &text) {
                    builder.set(field, value).expect("a value of its type");
                    set.push(field);
                }
            }
            (builder.build().expect("no conflicts"), set)
        },
    )
}

fn write(flows: &[OwnedFlow]) -> Vec<u8> {
    let encoding = Encoding {
        compression: Compression::Lz4,
        level: None,
    };
    let mut writer =
        Writer::new(std::io::Cursor::new(Vec::new()), encoding, None, 0).expect("memory");
    for flow in flows {
        writer
            .write_flow(&flow.view(), &SysidMap::default())
            .expect("memory");
    }
    assert_eq!((writer.left_out(), writer.reduced()), (0, 0));
    writer.finish().expect("memory").into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn values_survive_writing_and_reading(flows in prop::collection::vec(flow(), 1..20)) {
        let built: Vec<_> = flows.iter().map(|(flow, _)| flow.clone()).collect();
        let file = File::from_bytes(write(&built)).expect("a file");
        let read = file.flows().collect::<Result<Vec<_>, _>>().expect("no damage");
        prop_assert_eq!(read.len(), flows.len());
        for ((built, set), read) in flows.iter().zip(&read) {
            for field in set {
                let value = field.value(&built.view());
                prop_assert!(value.is_some(), "{}", field.name);
                prop_assert_eq!(field.value(&read.view()), value, "{}", field.name);
            }
        }
    }
}

/// A flow with most kinds of fields.
fn example() -> Result<OwnedFlow, BuildError> {
    FlowBuilder::new()
        .exporter_sysid(0)
        .is_sampled(true)
        .first(Timestamp::from_millis(1_767_225_600_000))
        .last(Timestamp::from_millis(1_767_225_601_500))
        .received(Timestamp::from_millis(1_767_225_602_000))
        .proto(6)
        .tcp_flags(TcpFlags::SYN | TcpFlags::ACK)
        .src_addr(Ipv4Addr::new(192, 0, 2, 1).into())
        .dst_addr(Ipv4Addr::new(198, 51, 100, 2).into())
        .src_port(50_000)
        .dst_port(443)
        .in_packets(12)
        .in_bytes(3456)
        .src_as(64_496)
        .in_src_mac(MacAddr([2, 0, 0x5e, 0x10, 0, 1]))
        .mpls_1(MplsLabel(16 << 4 | 1))
        .next_hop(
            "2001:db8::1"
                .parse::<Ipv6Addr>()
                .expect("an address")
                .into(),
        )
        .user_name(b"alice")
        .nat_string(b"subscriber 1")
        .build()
}

#[test]
fn values_are_read_back() {
    let flow = example().expect("no conflicts");
    assert!(flow.is_sampled() && !flow.is_event());
    assert_eq!(
        flow.src_addr(),
        Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
    );
    assert_eq!(
        (flow.src_port(), flow.dst_port()),
        (Some(50_000), Some(443))
    );
    assert_eq!(flow.user_name(), Some(&b"alice"[..]));
    assert_eq!(flow.nat_string(), Some(&b"subscriber 1"[..]));
    assert_eq!((flow.src_as(), flow.dst_as()), (Some(64_496), Some(0)));
    assert_eq!(flow.src_vlan(), None);
}

#[test]
#[cfg_attr(
    not(reference_programs),
    ignore = "needs the reference programs: set NFDECODE_ORACLE"
)]
fn nfdump_reads_built_flows() {
    let Some(nfdump) = support::oracle("1.7.10", "nfdump") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nfcapd.made");
    std::fs::write(&path, write(&[example().expect("no conflicts")])).expect("a file");
    let output = Command::new(nfdump)
        .arg("-q")
        .arg("-r")
        .arg(&path)
        .args(["-o", "ndjson"])
        .output()
        .expect("it runs");
    let flows = support::assert_ndjson(&output.stdout, "nfdump");
    let flow = flows.first().expect("a flow");
    for (key, value) in [
        ("src4_addr", "192.0.2.1"),
        ("dst4_addr", "198.51.100.2"),
        ("ip6_next_hop", "2001:db8::1"),
        ("in_src_mac", "02:00:5e:10:00:01"),
        ("tcp_flags", "...A..S."),
        ("user_name", "alice"),
        ("natString", "subscriber 1"),
        ("mpls_1", "16-0-1"),
    ] {
        assert_eq!(flow[key], value, "{key}: {flow}");
    }
    for (key, value) in [
        ("src_port", 50_000),
        ("dst_port", 443),
        ("in_packets", 12),
        ("in_bytes", 3456),
        ("src_as", 64_496),
        ("sampled", 1),
    ] {
        assert_eq!(flow[key], value, "{key}: {flow}");
    }
}

#[test]
fn conflicts_are_errors() {
    let conflict = |builder: &FlowBuilder| match builder.build() {
        Err(BuildError::Conflict { field }) => field,
        other => panic!("{other:?}"),
    };
    let mut icmp = FlowBuilder::new();
    icmp.proto(1).dst_port(80);
    assert_eq!(conflict(&icmp), "dst_port");
    let mut families = FlowBuilder::new();
    families
        .src4_addr(Ipv4Addr::LOCALHOST)
        .src6_addr(Ipv6Addr::LOCALHOST);
    conflict(&families);
    let mut text = FlowBuilder::new();
    text.user_name(b"a\0b");
    assert_eq!(conflict(&text), "user_name");
    let mut events = FlowBuilder::new();
    events.event(NselEvent(1)).event_id(2);
    conflict(&events);
    let mut large = FlowBuilder::new();
    large.in_payload(&[1; 65_530]);
    assert_eq!(large.build(), Err(BuildError::TooLarge));
    let field = element::field("src_port").expect("a field");
    let wrong = FlowBuilder::new()
        .set(field, FieldValue::Number(65_536))
        .err();
    assert_eq!(wrong, Some(BuildError::WrongValue { field: "src_port" }));
    let net = element::field("src_net").expect("a field");
    let any = FieldValue::Ip(Ipv4Addr::LOCALHOST.into());
    assert!(FlowBuilder::new().set(net, any).is_err());
}
