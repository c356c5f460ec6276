//! The text of stored fields, as nfdump's JSON has it.

use std::net::IpAddr;

use crate::flow::bytes::{
    acl_at, ip4_at, ip6_at, nat_offset, text_at, u8_at, u16_at, u32_at, u64_at,
};
use crate::flow::element::FieldKind;
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::text;
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::{IpFragment, TcpFlags};
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;
use crate::value::zone::TimeFormatter;

/// The value of a field; in JSON texts are escaped, and strings have their closing quote.
#[inline]
pub(crate) fn value<const JSON: bool>(
    kind: FieldKind,
    payload: &[u8],
    at: usize,
    flow: &Flow<'_>,
    times: &mut TimeFormatter,
    out: &mut TextBuffer,
) {
    match kind {
        FieldKind::U8 => return text::decimal(u8_at(payload, at).into(), out),
        FieldKind::U16 => return text::decimal(u16_at(payload, at).into(), out),
        FieldKind::U32 => return text::decimal(u32_at(payload, at).into(), out),
        FieldKind::U64 => return text::decimal(u64_at(payload, at), out),
        FieldKind::NatEventId => {
            return text::decimal(u8_at(payload, nat_offset(payload, at)).into(), out);
        }
        FieldKind::NatPool => {
            return text::decimal(u32_at(payload, nat_offset(payload, at)).into(), out);
        }
        FieldKind::Micros => return text::milliseconds(u64_at(payload, at), out),
        FieldKind::Time => time(u64_at(payload, at), times, out),
        FieldKind::FirstSeen => time(flow.first_seen_at(payload, at), times, out),
        FieldKind::EventTime => event_time(u64_at(payload, at), times, out),
        FieldKind::Ip4 => text::ip4(ip4_at(payload, at), out),
        FieldKind::Ip6 => text::ip6(ip6_at(payload, at), out),
        FieldKind::Mac => text::mac(MacAddr::from_number(u64_at(payload, at)), out),
        FieldKind::Mpls => text::mpls(MplsLabel(u32_at(payload, at)), out),
        FieldKind::TcpFlags => out.put(&TcpFlags(u8_at(payload, at)).letters(), 8),
        FieldKind::Fragment => out.extend(IpFragment(u8_at(payload, at)).text().as_bytes()),
        FieldKind::NselEvent => text::display(NselEvent(u8_at(payload, at)), out),
        FieldKind::NatEvent => {
            text::display(NatEvent(u8_at(payload, nat_offset(payload, at))), out)
        }
        FieldKind::Acl => text::acl(acl_at(payload, at), out),
        FieldKind::SrcNet => network(flow.src_net(), out),
        FieldKind::DstNet => network(flow.dst_net(), out),
        FieldKind::UserName => match text_at(payload, at, flow.user_name_max()) {
            [] => out.extend(b"<empty>"),
            name => free_text::<JSON>(name, out),
        },
        FieldKind::Text => free_text::<JSON>(text_at(payload, at, usize::MAX), out),
        FieldKind::Bytes => text::hex_bytes(payload.get(at..).unwrap_or_default(), out),
        // Geo is in the key.
        FieldKind::Geo => return,
        // TLS has its own functions.
        FieldKind::TlsVersion | FieldKind::TlsSni | FieldKind::TlsJa3 | FieldKind::TlsJa4 => {}
    }
    if JSON {
        out.push(b'"');
    }
}

fn free_text<const JSON: bool>(value: &[u8], out: &mut TextBuffer) {
    if JSON {
        text::json_string(value, out);
    } else {
        out.extend(value);
    }
}

#[inline]
fn time(ms: u64, times: &mut TimeFormatter, out: &mut TextBuffer) {
    const USUAL: usize = "2026-01-01T12:00:00.000".len();
    let text = times.iso_text(Timestamp::from_millis(ms));
    match <&[u8; USUAL]>::try_from(text) {
        Ok(text) => out.put(text, USUAL),
        Err(_) => out.extend(text),
    }
}

fn network(network: Option<IpAddr>, out: &mut TextBuffer) {
    match network {
        Some(IpAddr::V4(address)) => text::ip4(address, out),
        Some(IpAddr::V6(address)) => text::ip6(address, out),
        None => {}
    }
}

/// Event times below one second are unknown to nfdump.
fn event_time(ms: u64, times: &mut TimeFormatter, out: &mut TextBuffer) {
    if ms < 1000 {
        out.extend(b"<unknown>.");
        text::decimal(ms, out);
    } else {
        time(ms, times, out);
    }
}
