//! The values of CSV columns.

use std::hint::black_box;
use std::net::IpAddr;

use crate::flow::at::{self, At, id, size};
use crate::flow::bytes::{acl_at, ip4_at, ip6_at, text_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::view::{Flow, Side, network4, network6};
use crate::output::buffer::TextBuffer;
use crate::output::clock;
use crate::output::csv::row::Row;
use crate::output::csv::tokens::{Column, Style, Token, Words};
use crate::output::line::Line;
use crate::output::text;
use crate::payload::tls::Version;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::packet_filter;
use crate::value::protocol::{ICMP, ICMP6, TCP};
use crate::value::time::Timestamp;
use crate::value::zone::{TimeFormatter, Zone};

/// Prints the values of columns.
#[derive(Debug)]
pub(super) struct Printer {
    times: TimeFormatter,
    utc: TimeFormatter,
}

impl Printer {
    /// With times in `zone`.
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            times: TimeFormatter::new(zone),
            utc: TimeFormatter::new(Zone::utc()),
        }
    }

    /// Values of columns that are asked for often, from the first on, with a comma behind each. Returns how
    /// many columns are done: all, or those up to one that is not written here, or as many as a line has
    /// room for, which is at least one.
    #[inline(never)]
    pub(super) fn usual(
        &mut self,
        columns: &[Token],
        row: &Row<'_>,
        out: &mut TextBuffer,
    ) -> usize {
        let Some(mut line) = out.line() else {
            return 0;
        };
        let mut done = 0;
        for token in columns {
            if line.is_nearly_full() {
                break;
            }
            match token.column {
                Column::U8(at) => line.octet(u8_at(row.payload(at.element), at.offset)),
                Column::U16(at) => {
                    line.decimal16(u16_at(row.payload(at.element), at.offset));
                }
                Column::U32(at) => {
                    line.decimal(u32_at(row.payload(at.element), at.offset).into());
                }
                Column::U64(at) => line.decimal(u64_at(row.payload(at.element), at.offset)),
                Column::First(style) => self.line_time(row.first(), style, &mut line),
                Column::Last(style) => self.line_time(row.last(), style, &mut line),
                Column::Received(style) => {
                    let ms = u64_at(row.generic, at::received.offset);
                    self.line_time(ms, style, &mut line);
                }
                Column::Duration => match row.duration() {
                    duration @ 0..text::EXACT => line.thousandths(duration),
                    _ => break,
                },
                Column::Address(at) => match row.address(at) {
                    IpAddr::V4(address) => line.ip4(address),
                    IpAddr::V6(address) => line.ip6(address),
                },
                Column::DstPort => match row.proto() {
                    ICMP | ICMP6 => {
                        line.octet(u8_at(row.generic, at::icmp_type.offset));
                        line.push(b'.');
                        line.octet(u8_at(row.generic, at::icmp_code.offset));
                    }
                    _ => line.decimal16(u16_at(row.generic, at::dst_port.offset)),
                },
                Column::TcpFlags => {
                    let flags = if row.proto() == TCP {
                        u8_at(row.generic, at::tcp_flags.offset)
                    } else {
                        0
                    };
                    line.put(&TcpFlags(flags).letters(), 8);
                }
                Column::Flows => {
                    let counters = row.flow.element(id::COUNTERS);
                    let flows =
                        counters.map_or(1, |counters| u64_at(counters, at::aggr_flows.offset));
                    line.decimal(flows);
                }
                // Or the compiler makes its digits for every row, in front of the loop.
                Column::Line => line.decimal(black_box(row.line)),
                Column::FirstMillis => line.decimal(row.first()),
                Column::LastMillis => line.decimal(row.last()),
                Column::Family => match (has(row, id::IPV4), has(row, id::IPV6)) {
                    (_, true) => line.put(b"10", 2),
                    (true, false) => line.push(b'2'),
                    (false, false) => line.push(b'0'),
                },
                Column::FastAddress([v4, v6]) => {
                    if let Some(payload) = row.flow.element(v6.element) {
                        line.ip6(ip6_at(payload, v6.offset));
                    } else if let Some(payload) = row.flow.element(v4.element) {
                        line.ip4(ip4_at(payload, v4.offset));
                    }
                }
                _ => break,
            }
            line.push(b',');
            done += 1;
        }
        let length = line.len();
        out.advance(length);
        done
    }

    #[inline(always)]
    fn line_time(&mut self, ms: u64, style: Style, line: &mut Line<'_>) {
        let times = match style {
            Style::Raw => return line.thousandths(ms),
            Style::Local => &mut self.times,
            Style::Utc => &mut self.utc,
        };
        if ms == 0 {
            return line.put(b"0000-00-00 00:00:00.000", 23);
        }
        clock::time::<b' ', 0>(ms, times, line);
        line.step_back();
    }

    /// A value that [`usual`](Self::usual) leaves out.
    pub(super) fn value(&mut self, column: &Column, row: &Row<'_>, out: &mut TextBuffer) {
        match *column {
            Column::Duration => text::thousandths(row.duration(), out),
            _ => self.rare(column, row, out),
        }
    }

    /// Columns that are asked for less often: numbers and times.
    #[inline(never)]
    fn rare(&mut self, column: &Column, row: &Row<'_>, out: &mut TextBuffer) {
        match *column {
            Column::Mac(at) => {
                let number = u64_at(row.payload(at.element), at.offset);
                text::mac(MacAddr::from_number(number), out);
            }
            Column::Micros(at) => {
                text::thousandths(u64_at(row.payload(at.element), at.offset), out);
            }
            Column::Mpls(at) => padded_label(u32_at(row.payload(at.element), at.offset), out),
            Column::MplsAll => {
                for at in (0..size::MPLS).step_by(size_of::<u32>()) {
                    padded_label(u32_at(row.payload(id::MPLS), at), out);
                    out.push(b' ');
                }
            }
            Column::EventTime => match row.event().0 {
                0 => out.extend(b"0000-00-00 00:00:00.000"),
                ms => out.extend(self.times.spaced_text(Timestamp::from_millis(ms))),
            },
            Column::EventMillis => text::decimal(row.event().0, out),
            Column::Event => text::decimal(row.event().1.into(), out),
            Column::BitsPerSecond => {
                text::decimal(row.per_second(row.bytes().wrapping_mul(8)), out);
            }
            Column::PacketsPerSecond => text::decimal(row.per_second(row.packets()), out),
            Column::BytesPerPacket => {
                // nfdump keeps the lower 32 bits.
                let mean = row.bytes().checked_div(row.packets()).unwrap_or(0) as u32;
                text::decimal(mean.into(), out);
            }
            Column::Network(side) => network(row, side, out),
            Column::Acl(at, words) => acl(acl_at(row.payload(at.element), at.offset), words, out),
            Column::NbarId => nbar_id(row.flow.element(id::APPLICATION), out),
            Column::ObservationDomain => match row.flow.element(id::OBSERVATION) {
                None => out.extend(b"0x00"),
                Some(ids) => {
                    out.extend(b"0x");
                    text::hex(u32_at(ids, at::observation_domain_id.offset), out);
                }
            },
            Column::ObservationPoint => match row.flow.element(id::OBSERVATION) {
                None => out.extend(b"0x00"),
                Some(ids) => {
                    out.extend(b"0x");
                    text::hex_long(u64_at(ids, at::observation_point_id.offset), out);
                }
            },
            Column::FlowId => {
                out.extend(b"0x");
                text::hex_long(u64_at(row.payload(id::FLOW_ID), at::flow_id.offset), out);
            }
            Column::Record => text::decimal(row.record, out),
            Column::Engine => {
                text::decimal(row.flow.engine_type().into(), out);
                out.push(b'/');
                text::decimal(row.flow.engine_id().into(), out);
            }
            Column::Exporter => text::decimal(row.flow.exporter_sysid().into(), out),
            _ => words(column, row, out),
        }
    }
}

/// Whether the flow has an element.
fn has(row: &Row<'_>, id: u8) -> bool {
    row.flow.elements() >> id & 1 == 1
}

/// Columns of text.
fn words(column: &Column, row: &Row<'_>, out: &mut TextBuffer) {
    match *column {
        Column::XEvent => extended_event(row, out),
        Column::Direction => {
            let direction = u8_at(row.payload(id::MISC), at::direction.offset);
            out.push(if direction == 0 { b'I' } else { b'E' });
        }
        Column::UserName => match row.flow.element(id::USER) {
            None => out.extend(b"<empty>"),
            Some(user) => {
                let max = row.flow.user_name_max();
                plain(text_at(user, at::user_name.offset, max), out);
            }
        },
        Column::NatString => match row.flow.element(id::NAT_STRING) {
            None => out.extend(b"<unknown>"),
            Some(text) => plain(text_at(text, at::nat_string.offset, usize::MAX), out),
        },
        Column::NbarName => nbar_name(row, out),
        Column::InterfaceName(at) => {
            let names = row.context.names();
            let index = u32_at(row.payload(at.element), at.offset);
            let known = names.name_counts().1 != 0;
            named(known, index, names.interface(index), b" <no if name>", out);
        }
        Column::VrfName(at) => {
            let names = row.context.names();
            let id = u32_at(row.payload(at.element), at.offset);
            let known = names.name_counts().2 != 0;
            named(known, id, names.vrf(id), b" <no vrf name>", out);
        }
        Column::PfInterface | Column::PfAction | Column::PfReason | Column::PfDirection => {
            packet_filter(column, row.flow.element(id::PF), out);
        }
        Column::Fragment => {
            let flags = u8_at(row.payload(id::IP_INFO), at::ip_fragment.offset);
            out.extend(if flags & 0x40 != 0 { b"DF" } else { b"--" });
            out.extend(if flags & 0x20 != 0 { b"MF" } else { b"--" });
        }
        Column::EtherType => {
            let number = u16_at(row.payload(id::LAYER2), at::ethertype.offset);
            text::display(format_args!("0x{number:04x}"), out);
        }
        Column::Ja3 | Column::Ja4 | Column::Sni | Column::Tls => tls(column, row, out),
        Column::ExporterVersion => exporter_version(&row.flow, out),
        Column::Ident => match row.context.ident() {
            None => out.extend(b"<no ident>"),
            Some(ident) => plain(ident, out),
        },
        Column::Fixed(fixed) => out.extend(fixed.as_bytes()),
        Column::Organisation if !has(row, id::IPV4) && !has(row, id::IPV6) => {
            out.extend(b"none");
        }
        // Nothing to print, or printed by `value` and `rare`.
        _ => {}
    }
}

/// Text as stored; commas become semicolons, and line ends, which would break the table, blanks.
pub(crate) fn plain(text: &[u8], out: &mut TextBuffer) {
    for byte in text {
        out.push(match byte {
            b',' => b';',
            b'\n' | b'\r' => b' ',
            other => *other,
        });
    }
}

/// Why NSEL denied, or the number.
fn extended_event(row: &Row<'_>, out: &mut TextBuffer) {
    let event = row.flow.element(id::NSEL);
    match event.map(|event| u16_at(event, at::xevent_id.offset)) {
        None => out.extend(b"no-evt"),
        Some(0) => out.extend(b"IGNORE"),
        Some(1001) => out.extend(b"I-ACL"),
        Some(1002) => out.extend(b"E-ACL"),
        Some(1003) => out.extend(b"DENY"),
        Some(1004) => out.extend(b"NOSYN"),
        Some(other) => text::decimal(other.into(), out),
    }
}

/// Three words with blanks between; hexadecimal ones are padded to 8 columns.
fn acl(numbers: [u32; 3], words: Words, out: &mut TextBuffer) {
    for (at, number) in numbers.into_iter().enumerate() {
        if at != 0 {
            out.push(b' ');
        }
        match words {
            Words::Hex => {
                out.extend(b"0x");
                let before = out.len();
                text::hex(number, out);
                text::pad(before, 8, out);
            }
            Words::Decimal => text::decimal(number.into(), out),
        }
    }
}

fn nbar_name(row: &Row<'_>, out: &mut TextBuffer) {
    let Some(id) = row.flow.element(id::APPLICATION) else {
        return out.extend(b"no-nbar");
    };
    let Some(found) = row.context.names().application(id) else {
        return out.extend(b"no-info");
    };
    plain(&found.name, out);
    if let Some(description) = &found.description {
        out.push(b'/');
        plain(description, out);
    }
}

/// What the TLS hello in the payload says.
fn tls(column: &Column, row: &Row<'_>, out: &mut TextBuffer) {
    let hello = row.hello();
    match (column, hello) {
        (Column::Ja3, None) => out.extend(b"no-ja3"),
        (Column::Ja3, Some(hello)) => out.extend(&hello.ja3()),
        (Column::Ja4, hello) => match hello.and_then(|hello| hello.ja4()) {
            None => out.extend(b"no-ja4"),
            Some(ja4) => out.extend(&ja4),
        },
        (Column::Sni, Some(hello)) => plain(hello.sni().unwrap_or_default(), out),
        (_, None) => out.push(b'0'),
        (_, Some(hello)) => out.extend(match hello.version() {
            Version::Ssl2 => b"SSL-2",
            Version::Ssl3 => b"SSL-3",
            Version::Tls10 => b"TLS-1.0",
            Version::Tls11 => b"TLS-1.1",
            Version::Tls12 => b"TLS-1.2",
            Version::Tls13 => b"TLS-1.3",
        }),
    }
}

/// A line of the packet filter's log.
fn packet_filter(column: &Column, log: Option<&[u8]>, out: &mut TextBuffer) {
    match column {
        Column::PfInterface => match log {
            None => out.extend(b"<no-pf>"),
            Some(log) => plain(text_at(log, at::pf_interface.offset, usize::MAX), out),
        },
        Column::PfDirection => out.extend(match log {
            None => &b"no pfinfo"[..],
            Some(log) if u8_at(log, at::pf_direction.offset) == 0 => b"out",
            Some(_) => b"in",
        }),
        Column::PfAction => pf_name(log, at::pf_action, &packet_filter::ACTIONS, out),
        _ => match log {
            Some(log) if u8_at(log, at::pf_reason.offset) == packet_filter::REASON_MEMORY.1 => {
                out.extend(packet_filter::REASON_MEMORY.0.as_bytes());
            }
            log => pf_name(log, at::pf_reason, &packet_filter::REASONS, out),
        },
    }
}

fn pf_name(log: Option<&[u8]>, at: At, names: &[&str], out: &mut TextBuffer) {
    out.extend(log.map_or(&b"no-pf"[..], |log| {
        let name = names.get(usize::from(u8_at(log, at.offset)));
        name.map_or(&b"<undef>"[..], |name| name.as_bytes())
    }));
}

/// Engine and selector, for engine 20 with the enterprise number between them.
pub(crate) fn nbar_id(id: Option<&[u8]>, out: &mut TextBuffer) {
    let (engine, rest) = id.and_then(<[u8]>::split_first).unwrap_or((&0, &[]));
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
    };
    let (enterprise, selector) = match (id, engine) {
        (None, _) => (Some(&[][..]), rest),
        (_, 20) => {
            let (enterprise, selector) = rest.split_at_checked(4).unwrap_or((rest, &[]));
            (Some(enterprise), selector)
        }
        _ => (None, rest),
    };
    text::decimal((*engine).into(), out);
    if let Some(enterprise) = enterprise {
        out.extend(b"..");
        text::decimal(number(enterprise).into(), out);
    }
    out.extend(b"..");
    text::decimal(number(selector).into(), out);
}

/// A name with a blank before it, at most 127 bytes together. Files without names print nothing.
pub(crate) fn named(
    known: bool,
    number: u32,
    name: Option<&[u8]>,
    none: &[u8],
    out: &mut TextBuffer,
) {
    const LONGEST: usize = 126;
    match name {
        _ if !known => {}
        _ if number == 0 => out.extend(none),
        None => out.extend(b" <ingress not found>"),
        Some(name) => {
            out.push(b' ');
            plain(name.get(..LONGEST).unwrap_or(name), out);
        }
    }
}

/// The label right-aligned in 8 columns.
pub(crate) fn padded_label(label: u32, out: &mut TextBuffer) {
    let digits = (label >> 4)
        .checked_ilog10()
        .map_or(1, |log| log as usize + 1);
    out.extend(
        b"       "
            .get(..8_usize.saturating_sub(digits))
            .unwrap_or_default(),
    );
    text::mpls(MplsLabel(label), out);
}

/// Network and mask; 0 without masks.
fn network(row: &Row<'_>, side: Side, out: &mut TextBuffer) {
    let (mask, addresses) = match side {
        Side::Source => (at::src_mask, [at::src4_addr, at::src6_addr]),
        Side::Destination => (at::dst_mask, [at::dst4_addr, at::dst6_addr]),
    };
    let mask = u8_at(row.payload(mask.element), mask.offset);
    match row.address(addresses) {
        IpAddr::V4(found) => text::ip4(network4(found, mask), out),
        IpAddr::V6(found) => text::ip6(network6(found, mask), out),
    }
    out.push(b'/');
    text::decimal(mask.into(), out);
}

/// The export protocol of the record.
fn exporter_version(flow: &Flow<'_>, out: &mut TextBuffer) {
    let version = flow.export_version();
    let (name, number) = match version {
        _ if flow.is_event() => ("event", version),
        0 => return out.extend(b"flow"),
        0x80.. => ("sflowV", version & 15),
        0x40..0x80 => ("pcapdV", version & 15),
        _ => ("netflowV", version & 15),
    };
    out.extend(name.as_bytes());
    text::decimal(number.into(), out);
}
