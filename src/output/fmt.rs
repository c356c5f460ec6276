//! nfdump's `fmt:` formats: any text with tokens in it, and the formats that are made of them.
//!
//! `line`, `long`, `extended`, `biline`, `bilong`, `gline`, `glong` and `nsel` are such formats. Cells,
//! headers and widths are nfdump 1.7.10's; `docs/deviations.md` lists the differences.
//!
//! One file: a table of tokens and the cells that they print, which belong side by side.

use std::fmt;
use std::net::IpAddr;

use crate::flow::at::{self, At, id, size};
use crate::flow::bytes::{acl_at, text_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::view::{Flow, Side, network4, network6};
use crate::output::buffer::TextBuffer;
use crate::output::cells;
use crate::output::csv::printer::{named, padded_label, plain};
use crate::output::fmt_list::Piece;
pub use crate::output::fmt_list::{FmtList, PREDEFINED, UnknownFmtToken};
use crate::output::fmt_row::Row;
use crate::output::fmt_tokens::{Cell, Shown, Style};
use crate::output::fmt_values::{blanks, exporter_version, hex_dump, nbar_id, version};
use crate::output::format::{FlowContext, FlowFormat};
use crate::output::text;
use crate::output::tunnel;
use crate::payload::tls::Sender;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::packet_filter;
use crate::value::protocol::TCP;
use crate::value::time::Timestamp;
use crate::value::zone::{TimeFormatter, Zone};

/// How values are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FmtOptions {
    /// IPv6 addresses in full: nfdump's `-6`.
    pub long_addresses: bool,
    /// Numbers in full, without units and names: nfdump's `-N`.
    pub plain_numbers: bool,
    /// A byte 0x01 before addresses: nfdump's `-T`.
    pub tagged: bool,
    /// No lines for the outer packets of tunnels.
    pub no_tunnel_lines: bool,
}

/// Flows as lines in a format of nfdump's.
pub struct FmtFormat {
    list: FmtList,
    options: FmtOptions,
    header: bool,
    times: TimeFormatter,
    utc: TimeFormatter,
    cell: TextBuffer,
}

impl fmt::Debug for FmtFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FmtFormat")
            .field("list", &self.list)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Columns of the longest address.
const LONG_ADDRESS: usize = 39;

impl FmtFormat {
    /// Lines of this format, with times in `zone`.
    #[must_use]
    pub fn new(list: FmtList, options: FmtOptions, zone: Zone) -> Self {
        Self {
            list,
            options,
            header: true,
            times: TimeFormatter::new(zone),
            utc: TimeFormatter::new(Zone::utc()),
            cell: TextBuffer::default(),
        }
    }

    /// The same without the line of headers.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = false;
        self
    }

    fn address_width(&self) -> usize {
        if self.options.long_addresses {
            LONG_ADDRESS
        } else {
            cells::ADDRESS
        }
    }

    fn line(&mut self, row: &Row<'_>, out: &mut TextBuffer) {
        let list = self.list.clone();
        for piece in list.0.iter() {
            match piece {
                Piece::Text(text) => out.extend(text.as_bytes()),
                Piece::Token(token) => self.cell(token.cell, row, out),
            }
        }
        out.push(b'\n');
    }

    /// What `write` writes, right-aligned.
    fn right(&mut self, width: usize, out: &mut TextBuffer, write: impl FnOnce(&mut TextBuffer)) {
        self.cell.clear();
        write(&mut self.cell);
        blanks(width.saturating_sub(self.cell.len()), out);
        out.extend(self.cell.as_bytes());
    }

    fn number(&mut self, number: u64, width: usize, out: &mut TextBuffer) {
        let digits = number.checked_ilog10().map_or(1, |log| log as usize + 1);
        blanks(width.saturating_sub(digits), out);
        text::decimal(number, out);
    }

    fn counter(&mut self, number: u64, out: &mut TextBuffer) {
        const WIDTH: usize = 8;
        if self.options.plain_numbers || number < 1_000_000 {
            self.number(number, WIDTH, out);
        } else {
            self.right(WIDTH, out, |cell| cells::scaled(number, cell));
        }
    }

    /// Long: a list of tokens, one arm each.
    fn cell(&mut self, cell: Cell, row: &Row<'_>, out: &mut TextBuffer) {
        match cell {
            Cell::U8(at, width) => {
                self.number(u8_at(row.payload(at.element), at.offset).into(), width, out);
            }
            Cell::U16(at, width) => {
                self.number(
                    u16_at(row.payload(at.element), at.offset).into(),
                    width,
                    out,
                );
            }
            Cell::U32(at, width) => {
                self.number(
                    u32_at(row.payload(at.element), at.offset).into(),
                    width,
                    out,
                );
            }
            Cell::Counter(at) => {
                self.counter(u64_at(row.payload(at.element), at.offset), out);
            }
            Cell::First(style) => self.time(row.first, style, out),
            Cell::Last(style) => self.time(u64_at(row.generic, at::last.offset), style, out),
            Cell::Received(style) => {
                self.time(u64_at(row.generic, at::received.offset), style, out)
            }
            Cell::Duration if !self.options.plain_numbers => {
                self.right(16, out, |cell| cells::duration(row.duration(), cell));
            }
            Cell::Duration | Cell::DurationSeconds => {
                self.right(16, out, |cell| text::thousandths(row.duration(), cell));
            }
            Cell::DstPort if matches!(row.proto(), 1 | 58) => {
                self.right(6, out, |cell| icmp(row, cell));
            }
            Cell::DstPort => self.number(u16_at(row.generic, at::dst_port.offset).into(), 6, out),
            Cell::Protocol => {
                let from = out.len();
                match cells::protocol_name(row.proto()) {
                    name if !name.is_empty() && !self.options.plain_numbers => {
                        out.extend(name.as_bytes());
                    }
                    _ => text::decimal(row.proto().into(), out),
                }
                text::pad(from, 5, out);
            }
            Cell::Flags => {
                let flags = match row.proto() {
                    TCP => u8_at(row.generic, at::tcp_flags.offset),
                    _ => 0,
                };
                if self.options.plain_numbers {
                    self.number(flags.into(), 8, out);
                } else {
                    out.extend(&TcpFlags(flags).letters());
                }
            }
            Cell::BitsPerSecond => {
                let bits = u64_at(row.generic, at::in_bytes.offset).wrapping_mul(8);
                self.counter(row.per_second(bits), out);
            }
            Cell::PacketsPerSecond => {
                self.counter(
                    row.per_second(u64_at(row.generic, at::in_packets.offset)),
                    out,
                );
            }
            Cell::BytesPerPacket => {
                let (packets, bytes) = (
                    u64_at(row.generic, at::in_packets.offset),
                    u64_at(row.generic, at::in_bytes.offset),
                );
                // As in nfdump, 32 bits of it.
                let mean = bytes.checked_div(packets).unwrap_or(0) as u32;
                self.number(mean.into(), 6, out);
            }
            Cell::Address(places, side, shown) => {
                let address = row.address(places);
                self.address(address, side, shown, row, out);
            }
            Cell::Flows => self.number(
                row.flow
                    .element(id::COUNTERS)
                    .map_or(1, |counters| u64_at(counters, at::aggr_flows.offset)),
                5,
                out,
            ),
            other => self.rare(other, row, out),
        }
    }

    /// Cells that are asked for less often.
    ///
    /// Long: a list of tokens, one arm each.
    fn rare(&mut self, cell: Cell, row: &Row<'_>, out: &mut TextBuffer) {
        match cell {
            Cell::Direction => {
                out.extend(b"  ");
                out.push(if u8_at(row.payload(id::MISC), at::direction.offset) == 0 {
                    b'I'
                } else {
                    b'E'
                });
            }
            Cell::Network(side) => self.network(row, side, out),
            Cell::Mpls(at) => padded_label(u32_at(row.payload(at.element), at.offset), out),
            Cell::MplsAll => {
                for at in (0..size::MPLS).step_by(4) {
                    padded_label(u32_at(row.payload(id::MPLS), at), out);
                    out.push(b' ');
                }
            }
            Cell::Mac(at) => {
                let address = u64_at(row.payload(at.element), at.offset);
                text::mac(MacAddr::from_number(address), out);
            }
            Cell::Micros(at) => {
                self.right(9, out, |cell| {
                    text::thousandths(u64_at(row.payload(at.element), at.offset), cell);
                });
            }
            Cell::EventTime => {
                let time = row.event_time();
                self.time(time, Style::Local, out);
            }
            Cell::EventMillis => {
                let time = row.event_time();
                self.number(time, 13, out);
            }
            Cell::Event => self.event(row, out),
            Cell::XEvent => match row.extended_event() {
                None => out.extend(b"<no-evt>"),
                Some(0) => out.extend(b" IGNORE"),
                Some(1001) => out.extend(b"  I-ACL"),
                Some(1002) => out.extend(b"  E-ACL"),
                Some(1003) => out.extend(b"   DENY"),
                Some(1004) => out.extend(b"  NOSYN"),
                Some(other) => self.number(other.into(), 7, out),
            },
            Cell::AclHex | Cell::AclDecimal => self.acl(cell == Cell::AclHex, row, out),
            Cell::ObservationDomain => match row.flow.element(id::OBSERVATION) {
                None => out.extend(b"0x00"),
                Some(ids) => text::display(
                    format_args!("0x{:09x}", u32_at(ids, at::observation_domain_id.offset)),
                    out,
                ),
            },
            Cell::ObservationPoint => match row.flow.element(id::OBSERVATION) {
                None => out.extend(b"0x00"),
                Some(ids) => text::display(
                    format_args!("0x{:010x}", u64_at(ids, at::observation_point_id.offset)),
                    out,
                ),
            },
            Cell::FlowId => {
                out.extend(b"0x");
                let number = u64_at(row.payload(id::FLOW_ID), at::flow_id.offset);
                self.right(13, out, |cell| text::hex_long(number, cell));
            }
            Cell::ExporterVersion => exporter_version(&row.flow, out),
            Cell::Record => self.number(row.record, 5, out),
            Cell::Ident => {
                let from = out.len();
                out.extend(row.context.ident().unwrap_or(b"<no ident>"));
                text::pad(from, 12, out);
            }
            Cell::Engine => {
                self.number(row.flow.engine_type().into(), 3, out);
                out.push(b'/');
                let from = out.len();
                text::decimal(row.flow.engine_id().into(), out);
                text::pad(from, 3, out);
            }
            Cell::Exporter => self.number(row.flow.exporter_sysid().into(), 6, out),
            Cell::Fixed(fixed) => out.extend(fixed.as_bytes()),
            Cell::Ttl => {
                self.number(
                    u8_at(row.payload(id::IP_INFO), at::min_ttl.offset).into(),
                    5,
                    out,
                );
                out.push(b' ');
                self.number(
                    u8_at(row.payload(id::IP_INFO), at::max_ttl.offset).into(),
                    5,
                    out,
                );
            }
            Cell::Fragment => {
                let flags = u8_at(row.payload(id::IP_INFO), at::ip_fragment.offset);
                out.extend(if flags & 0x40 != 0 { b"DF" } else { b"--" });
                out.extend(if flags & 0x20 != 0 { b"MF" } else { b"--" });
            }
            Cell::EtherType => {
                let number = u16_at(row.payload(id::LAYER2), at::ethertype.offset);
                text::display(format_args!("0x{number:04x}"), out);
            }
            Cell::NewLine => out.push(b'\n'),
            other => self.words(other, row, out),
        }
    }

    /// Cells of text.
    ///
    /// Long: a list of tokens, one arm each.
    fn words(&mut self, cell: Cell, row: &Row<'_>, out: &mut TextBuffer) {
        let log = row.flow.element(id::PF);
        let names = row.context.names();
        match cell {
            Cell::UserName => match row.flow.element(id::USER) {
                None => out.extend(b"<empty>"),
                Some(user) => plain(
                    text_at(user, at::user_name.offset, row.flow.user_name_max()),
                    out,
                ),
            },
            Cell::NatString => match row.flow.element(id::NAT_STRING) {
                None => out.extend(b"<unknown>"),
                Some(string) => plain(text_at(string, at::nat_string.offset, usize::MAX), out),
            },
            Cell::InterfaceName(at) => {
                let index = u32_at(row.payload(at.element), at.offset);
                let known = names.name_counts().1 != 0;
                let name = names.interface(index);
                named(known, index, name, b" <no if name>", out);
            }
            Cell::VrfName(at) => {
                let id = u32_at(row.payload(at.element), at.offset);
                let known = names.name_counts().2 != 0;
                named(known, id, names.vrf(id), b" <no vrf name>", out);
            }
            Cell::NbarId => nbar_id(row.flow.element(id::APPLICATION), out),
            Cell::NbarName => match row
                .flow
                .element(id::APPLICATION)
                .map(|id| names.application(id))
            {
                None => out.extend(b"<no nbar>"),
                Some(None) => out.extend(b"<no info>"),
                Some(Some(found)) => {
                    plain(&found.name, out);
                    if let Some(description) = &found.description {
                        out.push(b'/');
                        plain(description, out);
                    }
                }
            },
            Cell::Payload(id) => match row.flow.element(id) {
                None => out.extend(b"<no payload>"),
                Some(payload) => hex_dump(payload, out),
            },
            Cell::PfInterface => match log {
                None => out.extend(b"  <no-pf>"),
                Some(log) => {
                    self.right(9, out, |cell| {
                        plain(text_at(log, at::pf_interface.offset, usize::MAX), cell);
                    });
                }
            },
            Cell::PfAction => self.packet_filter(log, at::pf_action, &packet_filter::ACTIONS, out),
            Cell::PfReason => self.packet_filter(log, at::pf_reason, &packet_filter::REASONS, out),
            Cell::PfDirection => out.extend(match log {
                None => &b"<no pfinfo>"[..],
                Some(log) if u8_at(log, at::pf_direction.offset) == 0 => b"out",
                Some(_) => b" in",
            }),
            Cell::Ja3 => match row.hello() {
                None => self.right(38, out, |cell| cell.extend(b"no ja3")),
                Some(hello) => {
                    out.extend(if hello.sender() == Sender::Server {
                        b"ja3s: "
                    } else {
                        b"ja3 : "
                    });
                    out.extend(&hello.ja3());
                }
            },
            Cell::Ja4 => match row.hello().and_then(|hello| hello.ja4()) {
                None => self.right(38, out, |cell| cell.extend(b"no ja4")),
                Some(ja4) => {
                    out.extend(b"ja4 : ");
                    out.extend(&ja4);
                }
            },
            Cell::Sni => match row.hello() {
                None => out.extend(b"   0"),
                Some(hello) => {
                    let name = hello.sni().unwrap_or_default();
                    self.right(6, out, |cell| plain(name, cell));
                }
            },
            Cell::Tls => out.extend(row.hello().map_or(&b"   0"[..], |hello| version(&hello))),
            // Everything else is written by `cell` and `rare`.
            _ => {}
        }
    }

    fn packet_filter(&mut self, log: Option<&[u8]>, at: At, names: &[&str], out: &mut TextBuffer) {
        let (memory, is_memory) = packet_filter::REASON_MEMORY;
        let name = log.map_or("<no-pf>", |log| match u8_at(log, at.offset) {
            number if at == at::pf_reason && number == is_memory => memory,
            number => names.get(usize::from(number)).copied().unwrap_or("<undef>"),
        });
        self.right(6, out, |cell| cell.extend(name.as_bytes()));
    }

    fn acl(&mut self, ingress: bool, row: &Row<'_>, out: &mut TextBuffer) {
        let words = acl_at(
            row.payload(id::ACL),
            if ingress {
                at::ingress_acl.offset
            } else {
                at::egress_acl.offset
            },
        );
        for (at, word) in words.into_iter().enumerate() {
            if at != 0 {
                out.push(b' ');
            }
            if ingress {
                out.extend(b"0x");
                let from = out.len();
                text::hex(word, out);
                text::pad(from, 8, out);
            } else {
                self.number(word.into(), 10, out);
            }
        }
    }

    fn event(&mut self, row: &Row<'_>, out: &mut TextBuffer) {
        const NSEL: [&str; 6] = ["IGNORE", "CREATE", "DELETE", "DENIED", "ALERT", "UPDATE"];
        const NAT: [&str; 19] = [
            "INVALID", "ADD", "DELETE", "EXHAUST", "ADD44", "DEL44", "ADD64", "DEL64", "ADD44BIB",
            "DEL44BIB", "ADD64BIB", "DEL64BIB", "PEXHAUST", "QUOTAEXH", "ADDADDR", "DELADDR",
            "ADDPBLK", "DELPBLK", "THRESHLD",
        ];
        let found = row.event().map(|(is_nat, number)| match is_nat {
            false => (number, &NSEL[..], "Unknw"),
            true => (number, &NAT[..], "Unknown"),
        });
        if self.options.plain_numbers {
            return text::decimal(found.map_or(0, |(number, ..)| number).into(), out);
        }
        let Some((number, names, unknown)) = found else {
            return out.extend(b"<no-evt>");
        };
        self.right(8, out, |cell| match names.get(usize::from(number)) {
            Some(name) => cell.extend(name.as_bytes()),
            None => text::display(format_args!("{number}-{unknown}"), cell),
        });
    }

    fn tag(&self, out: &mut TextBuffer) {
        if self.options.tagged {
            out.push(1);
        }
    }

    fn address(
        &mut self,
        address: IpAddr,
        side: Side,
        shown: Shown,
        row: &Row<'_>,
        out: &mut TextBuffer,
    ) {
        let width = self.address_width();
        self.tag(out);
        self.right(width, out, |cell| {
            cells::short_address(address, width, cell)
        });
        let port = match shown {
            Shown::Plain | Shown::Narrow => return,
            Shown::Place => return out.extend(b"(..)"),
            Shown::PlacePort => {
                out.extend(b"(..)");
                u16_at(row.generic, port_of(side))
            }
            Shown::Port => u16_at(row.generic, port_of(side)),
            Shown::NatPort => {
                let port = if side == Side::Source {
                    at::src_xlt_port
                } else {
                    at::dst_xlt_port
                };
                u16_at(row.payload(port.element), port.offset)
            }
        };
        out.push(if address.is_ipv4() { b':' } else { b'.' });
        let from = out.len();
        if side == Side::Destination && shown != Shown::NatPort && matches!(row.proto(), 1 | 58) {
            icmp(row, out);
        } else {
            text::decimal(port.into(), out);
        }
        text::pad(from, 5, out);
    }

    /// Network and mask; 0 without element 4.
    fn network(&mut self, row: &Row<'_>, side: Side, out: &mut TextBuffer) {
        let (mask, places) = match side {
            Side::Source => (at::src_mask, [at::src4_addr, at::src6_addr]),
            Side::Destination => (at::dst_mask, [at::dst4_addr, at::dst6_addr]),
        };
        let mask = u8_at(row.payload(mask.element), mask.offset);
        let network = match row.address(places) {
            IpAddr::V4(found) => IpAddr::V4(network4(found, mask)),
            IpAddr::V6(found) => IpAddr::V6(network6(found, mask)),
        };
        self.address(network, side, Shown::Plain, row, out);
        out.push(b'/');
        let from = out.len();
        text::decimal(mask.into(), out);
        text::pad(from, 2, out);
    }

    fn time(&mut self, ms: u64, style: Style, out: &mut TextBuffer) {
        let times = match style {
            Style::Raw => {
                self.number(ms / 1000, 10, out);
                out.push(b'.');
                return text::padded((ms % 1000) as usize, out);
            }
            Style::Local => &mut self.times,
            Style::Utc => &mut self.utc,
        };
        match ms {
            0 => out.extend(b"0000-00-00 00:00:00.000"),
            ms => out.extend(times.spaced_text(Timestamp::from_millis(ms))),
        }
    }

    #[cold]
    fn tunnel_line(&mut self, row: &Row<'_>, out: &mut TextBuffer) {
        if let Some(outer) = tunnel::outer_flow(&row.flow, tunnel::Ports::None) {
            self.line(&Row::new(outer.view(), row.context, row.record), out);
        }
    }
}

impl FlowFormat for FmtFormat {
    fn begin(&mut self, out: &mut TextBuffer) {
        const GROWTH: usize = LONG_ADDRESS - cells::ADDRESS;
        if !self.header {
            return;
        }
        for piece in self.list.0.iter() {
            match piece {
                Piece::Text(text) => blanks(text.len(), out),
                Piece::Token(token) => {
                    let is_wide = match token.cell {
                        Cell::Network(_) => true,
                        Cell::Address(.., shown) => shown != Shown::Narrow,
                        _ => false,
                    };
                    if is_wide && self.options.long_addresses {
                        blanks(GROWTH, out);
                    }
                    out.extend(token.header.as_bytes());
                }
            }
        }
        out.push(b'\n');
    }

    fn flow(&mut self, number: u64, flow: &Flow<'_>, context: &FlowContext, out: &mut TextBuffer) {
        let record = context.record_number().unwrap_or(number);
        let row = Row::new(*flow, context, record);
        if flow.elements() & tunnel::ELEMENTS != 0 && !self.options.no_tunnel_lines {
            self.tunnel_line(&row, out);
        }
        self.line(&row, out);
    }

    fn end(&mut self, _: u64, _: &mut TextBuffer) {}

    fn needs_record_numbers(&self) -> bool {
        self.list.tokens().any(|name| name == "cnt")
    }
}

/// Where a port is in the generic element.
fn port_of(side: Side) -> usize {
    match side {
        Side::Source => at::src_port.offset,
        Side::Destination => at::dst_port.offset,
    }
}

/// Type and code.
fn icmp(row: &Row<'_>, out: &mut TextBuffer) {
    text::decimal(u8_at(row.generic, at::icmp_type.offset).into(), out);
    out.push(b'.');
    text::decimal(u8_at(row.generic, at::icmp_code.offset).into(), out);
}
