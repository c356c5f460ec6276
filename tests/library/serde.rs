//! `Serialize` of flows: names, forms and absent fields, as the module's documentation says.

use crate::support;

use nfdecode::value::{IpFragment, MacAddr, MplsLabel, NatEvent, NselEvent, TcpFlags};
use nfdecode::{FieldValue, File, Flow, Timestamp};
use serde_json::{Value, json};

fn json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("it serializes")
}

#[test]
fn forms_of_values() {
    assert_eq!(
        json(Timestamp::from_millis(1_767_268_800_250)),
        json!("2026-01-01T12:00:00.250Z")
    );
    assert_eq!(
        json(MacAddr([2, 0, 0x5E, 0x10, 0, 1])),
        json!("02:00:5e:10:00:01")
    );
    assert_eq!(json(TcpFlags(0x1B)), json!("...AP.SF"));
    assert_eq!(json(IpFragment(0x40)), json!("DF"));
    assert_eq!(json(MplsLabel(0x0003_E815)), json!("16001-2-1"));
    assert_eq!(json(NselEvent(3)), json!("DENIED"));
    assert_eq!(json(NatEvent(4)), json!("NAT44 session create"));
    assert_eq!(json(FieldValue::Acl([1, 2, 3])), json!([1, 2, 3]));
    assert_eq!(json(FieldValue::Text(b"caf\xE9")), json!("caf\u{FFFD}"));
    assert_eq!(json(FieldValue::Bytes(&[0, 0xAB])), json!("00ab"));
    assert_eq!(json(FieldValue::Number(u64::MAX)), json!(u64::MAX));
}

#[test]
fn a_flow() {
    let path = crate::support::root().join("tests/fixtures/archive/nfcapd.202611241330");
    let file = File::open(path).expect("it opens");
    let flow = file.flows().next().expect("a flow").expect("it is intact");
    let mut value = json(&flow);
    // The time of recording.
    let received = value
        .as_object_mut()
        .and_then(|flow| flow.remove("received"));
    assert!(received.is_some_and(|time| time.as_str().is_some_and(|text| text.ends_with('Z'))));
    assert_eq!(
        value,
        json!({
            "export_version": 0x41,
            "engine_type": 17,
            "engine_id": 1,
            "exporter_sysid": 0,
            "is_event": false,
            "is_sampled": false,
            "is_anonymized": false,
            "first": "2026-11-24T13:31:57.679Z",
            "last": "2026-11-24T13:31:57.679Z",
            "in_packets": 1,
            "in_bytes": 84,
            "proto": 17,
            "tcp_flags": "........",
            "src_port": 41456,
            "dst_port": 53,
            "fwd_status": 0,
            "src_tos": 0,
            "src4_addr": "192.0.2.10",
            "dst4_addr": "192.0.2.1",
        })
    );
}

/// Names and order are those of the table, and nothing that the flow has is missing.
fn check(flow: Flow<'_>) {
    let value = json(flow);
    let object = value.as_object().expect("an object");
    let names: Vec<&str> = object.keys().skip(7).map(String::as_str).collect();
    let wanted: Vec<&str> = flow.fields().map(|(field, _)| field.name).collect();
    assert_eq!(names, wanted);
    for (field, found) in flow.fields() {
        assert_eq!(object.get(field.name), Some(&json(found)));
    }
}

#[test]
#[cfg_attr(
    not(reference_data),
    ignore = "needs the reference data: set NFDECODE_TESTDATA"
)]
fn flows_of_all_elements() {
    let Some(folder) = support::test_data("elements") else {
        return;
    };
    let mut flows = 0;
    for path in support::files_below(&folder) {
        let Ok(file) = File::open(&path) else {
            continue;
        };
        for flow in file.flows().flatten().take(200) {
            check(flow.view());
            flows += 1;
        }
    }
    assert!(flows > 300, "{flows}");
}
