//! nfdump's `fmt:` formats: any text with tokens in it, and the formats that are made of them.
//!
//! `line`, `long`, `extended`, `biline`, `bilong`, `gline`, `glong` and `nsel` are such formats. Cells,
//! headers and widths are nfdump 1.7.10's; `docs/deviations.md` lists the differences.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::file::block::Block;
use crate::file::names::Names;
use crate::flow::bytes::{acl_at, nat_offset, text_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::view::Flow;
use crate::output::cells;
use crate::output::csv;
use crate::output::csv::RecordNumbers;
use crate::output::fmt_list::Piece;
pub use crate::output::fmt_list::{FmtList, PREDEFINED, UnknownFmtToken};
use crate::output::fmt_row::Row;
use crate::output::fmt_tokens::{Cell, Shown, Side, Style};
use crate::output::fmt_values::{blanks, exporter_version, hex_dump, nbar_id, version};
use crate::output::format::FlowFormat;
use crate::output::text;
use crate::output::text::TextBuffer;
use crate::payload::tls::Sender;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
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
    ident: Option<Vec<u8>>,
    names: Arc<Names>,
    records: Option<RecordNumbers>,
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
        let counts = list.tokens().any(|name| name == "cnt");
        Self {
            list,
            options,
            header: true,
            times: TimeFormatter::new(zone),
            utc: TimeFormatter::new(Zone::utc()),
            ident: None,
            names: Arc::default(),
            records: counts.then(RecordNumbers::default),
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

    fn cell(&mut self, cell: Cell, row: &Row<'_>, out: &mut TextBuffer) {
        match cell {
            Cell::U8(id, at, width) => {
                self.number(u8_at(row.payload(id), at).into(), width, out);
            }
            Cell::U16(id, at, width) => {
                self.number(u16_at(row.payload(id), at).into(), width, out);
            }
            Cell::U32(id, at, width) => {
                self.number(u32_at(row.payload(id), at).into(), width, out);
            }
            Cell::Counter(id, at) => self.counter(u64_at(row.payload(id), at), out),
            Cell::First(style) => self.time(row.first, style, out),
            Cell::Last(style) => self.time(u64_at(row.generic, 8), style, out),
            Cell::Received(style) => self.time(u64_at(row.generic, 16), style, out),
            Cell::Duration if !self.options.plain_numbers => {
                self.right(16, out, |cell| cells::duration(row.duration(), cell));
            }
            Cell::Duration | Cell::DurationSeconds => {
                self.right(16, out, |cell| text::thousandths(row.duration(), cell));
            }
            Cell::DstPort if matches!(row.proto(), 1 | 58) => {
                self.right(6, out, |cell| icmp(row, cell));
            }
            Cell::DstPort => self.number(u16_at(row.generic, 42).into(), 6, out),
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
                let flags = u8_at(row.generic, 45);
                if self.options.plain_numbers {
                    self.number(flags.into(), 8, out);
                } else {
                    let flags = if row.proto() == 6 { flags } else { 0 };
                    out.extend(&TcpFlags(flags).letters());
                }
            }
            Cell::BitsPerSecond => {
                let bits = u64_at(row.generic, 32).wrapping_mul(8);
                self.counter(row.per_second(bits), out);
            }
            Cell::PacketsPerSecond => {
                self.counter(row.per_second(u64_at(row.generic, 24)), out);
            }
            Cell::BytesPerPacket => {
                let (packets, bytes) = (u64_at(row.generic, 24), u64_at(row.generic, 32));
                // As in nfdump, 32 bits of it.
                let mean = bytes.checked_div(packets).unwrap_or(0) as u32;
                self.number(mean.into(), 6, out);
            }
            Cell::Address(v4, v6, side, shown) => {
                let address = row.address(v4, v6, side);
                self.address(address, side, shown, row, out);
            }
            Cell::Flows => self.number(
                row.flow
                    .element(5)
                    .map_or(1, |counters| u64_at(counters, 0)),
                5,
                out,
            ),
            other => self.rare(other, row, out),
        }
    }

    /// Cells that are asked for less often.
    fn rare(&mut self, cell: Cell, row: &Row<'_>, out: &mut TextBuffer) {
        match cell {
            Cell::Direction => {
                out.extend(b"  ");
                out.push(if u8_at(row.payload(4), 10) == 0 {
                    b'I'
                } else {
                    b'E'
                });
            }
            Cell::Network(side) => self.network(row, side, out),
            Cell::Mpls(at) => csv::padded_label(u32_at(row.payload(14), at), out),
            Cell::MplsAll => {
                for at in (0..40).step_by(4) {
                    csv::padded_label(u32_at(row.payload(14), at), out);
                    out.push(b' ');
                }
            }
            Cell::Mac(at) => text::mac(MacAddr::from_number(u64_at(row.payload(15), at)), out),
            Cell::Micros(at) => {
                self.right(9, out, |cell| {
                    text::thousandths(u64_at(row.payload(17), at), cell);
                });
            }
            Cell::EventTime => {
                let time = row.event().map_or(0, |(_, event)| u64_at(event, 0));
                self.time(time, Style::Local, out);
            }
            Cell::EventMillis => {
                let time = row.event().map_or(0, |(_, event)| u64_at(event, 0));
                self.number(time, 13, out);
            }
            Cell::Event => self.event(row, out),
            Cell::XEvent => match row.flow.element(19).map(|event| u16_at(event, 12)) {
                None => out.extend(b"<no-evt>"),
                Some(0) => out.extend(b" IGNORE"),
                Some(1001) => out.extend(b"  I-ACL"),
                Some(1002) => out.extend(b"  E-ACL"),
                Some(1003) => out.extend(b"   DENY"),
                Some(1004) => out.extend(b"  NOSYN"),
                Some(other) => self.number(other.into(), 7, out),
            },
            Cell::AclHex | Cell::AclDecimal => self.acl(cell == Cell::AclHex, row, out),
            Cell::ObservationDomain => match row.flow.element(33) {
                None => out.extend(b"0x00"),
                Some(ids) => text::display(format_args!("0x{:09x}", u32_at(ids, 8)), out),
            },
            Cell::ObservationPoint => match row.flow.element(33) {
                None => out.extend(b"0x00"),
                Some(ids) => text::display(format_args!("0x{:010x}", u64_at(ids, 0)), out),
            },
            Cell::FlowId => {
                out.extend(b"0x");
                let id = u64_at(row.payload(39), 0);
                self.right(13, out, |cell| text::hex_long(id, cell));
            }
            Cell::ExporterVersion => exporter_version(&row.flow, out),
            Cell::Record => self.number(row.record, 5, out),
            Cell::Ident => {
                let from = out.len();
                out.extend(self.ident.as_deref().unwrap_or(b"<no ident>"));
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
                self.number(u8_at(row.payload(42), 2).into(), 5, out);
                out.push(b' ');
                self.number(u8_at(row.payload(42), 3).into(), 5, out);
            }
            Cell::Fragment => {
                let flags = u8_at(row.payload(42), 1);
                out.extend(if flags & 0x40 != 0 { b"DF" } else { b"--" });
                out.extend(if flags & 0x20 != 0 { b"MF" } else { b"--" });
            }
            Cell::EtherType => {
                text::display(format_args!("0x{:04x}", u16_at(row.payload(38), 24)), out);
            }
            Cell::NewLine => out.push(b'\n'),
            other => self.words(other, row, out),
        }
    }

    /// Cells of text.
    fn words(&mut self, cell: Cell, row: &Row<'_>, out: &mut TextBuffer) {
        let log = row.flow.element(37);
        match cell {
            Cell::UserName => match row.flow.element(24) {
                None => out.extend(b"<empty>"),
                Some(user) => csv::plain(text_at(user, 0, row.flow.user_name_max()), out),
            },
            Cell::NatString => match row.flow.element(41) {
                None => out.extend(b"<unknown>"),
                Some(string) => csv::plain(text_at(string, 0, usize::MAX), out),
            },
            Cell::InterfaceName(at) => {
                let index = u32_at(row.payload(4), at);
                let known = self.names.name_counts().1 != 0;
                let name = self.names.interface(index);
                csv::named(known, index, name, b" <no if name>", out);
            }
            Cell::VrfName(at) => {
                let id = u32_at(row.payload(36), at);
                let known = self.names.name_counts().2 != 0;
                csv::named(known, id, self.names.vrf(id), b" <no vrf name>", out);
            }
            Cell::NbarId => nbar_id(row.flow.element(27), out),
            Cell::NbarName => match row.flow.element(27).map(|id| self.names.application(id)) {
                None => out.extend(b"<no nbar>"),
                Some(None) => out.extend(b"<no info>"),
                Some(Some(found)) => {
                    csv::plain(&found.name, out);
                    if let Some(description) = &found.description {
                        out.push(b'/');
                        csv::plain(description, out);
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
                        csv::plain(text_at(log, 20, usize::MAX), cell);
                    });
                }
            },
            Cell::PfAction => self.packet_filter(log, 0, &csv::PF_ACTIONS, out),
            Cell::PfReason => self.packet_filter(log, 1, &csv::PF_REASONS, out),
            Cell::PfDirection => out.extend(match log {
                None => &b"<no pfinfo>"[..],
                Some(log) if u8_at(log, 2) == 0 => b"out",
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
                    self.right(6, out, |cell| csv::plain(name, cell));
                }
            },
            Cell::Tls => out.extend(row.hello().map_or(&b"   0"[..], |hello| version(&hello))),
            // Everything else is written by `cell` and `rare`.
            _ => {}
        }
    }

    fn packet_filter(
        &mut self,
        log: Option<&[u8]>,
        at: usize,
        names: &[&str],
        out: &mut TextBuffer,
    ) {
        let name = log.map_or("<no-pf>", |log| {
            let name = names.get(usize::from(u8_at(log, at)));
            name.copied().unwrap_or("<undef>")
        });
        self.right(6, out, |cell| cell.extend(name.as_bytes()));
    }

    fn acl(&mut self, ingress: bool, row: &Row<'_>, out: &mut TextBuffer) {
        let words = acl_at(row.payload(23), if ingress { 0 } else { 12 });
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
        let found = row.event().map(|(id, event)| match id {
            19 => (u8_at(event, 14), &NSEL[..], "Unknw"),
            _ => (u8_at(event, nat_offset(event, 12)), &NAT[..], "Unknown"),
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
        let second = usize::from(side == Side::Destination);
        let port = match shown {
            Shown::Plain | Shown::Narrow => return,
            Shown::Place => return out.extend(b"(..)"),
            Shown::PlacePort => {
                out.extend(b"(..)");
                u16_at(row.generic, 40 + 2 * second)
            }
            Shown::Port => u16_at(row.generic, 40 + 2 * second),
            Shown::NatPort => u16_at(row.payload(22), 2 * second),
        };
        out.push(if address.is_ipv4() { b':' } else { b'.' });
        let from = out.len();
        if second == 1 && shown != Shown::NatPort && matches!(row.proto(), 1 | 58) {
            icmp(row, out);
        } else {
            text::decimal(port.into(), out);
        }
        text::pad(from, 5, out);
    }

    /// Network and mask; 0 without element 4.
    fn network(&mut self, row: &Row<'_>, side: Side, out: &mut TextBuffer) {
        let mask = u8_at(row.payload(4), if side == Side::Source { 8 } else { 9 });
        let network = match row.address(2, 3, side) {
            IpAddr::V4(found) => {
                let host = u32::MAX.checked_shr(mask.into()).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(found.to_bits() & !host))
            }
            IpAddr::V6(found) => {
                let host = u128::MAX.checked_shr(mask.into()).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(found.to_bits() & !host))
            }
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
        if let Some(mut record) = csv::outer_record(&row.flow) {
            // Unlike CSV, lines show no ports of the packets inside.
            if let Some(ports) = record.get_mut(csv::PORTS) {
                ports.fill(0);
            }
            self.line(&Row::new(Flow::new(&record, None), row.record), out);
        }
    }
}

impl FlowFormat for FmtFormat {
    fn set_file(&mut self, ident: Option<&[u8]>, _: &str) {
        self.ident = ident.map(<[u8]>::to_vec);
    }

    fn set_names(&mut self, names: &Arc<Names>) {
        self.names = Arc::clone(names);
    }

    fn set_block(&mut self, block: &Block, records_before: u64) {
        if let Some(records) = &mut self.records {
            records.enter(block, records_before);
        }
    }

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

    fn flow(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        const TUNNELS: u64 = 1 << 31 | 1 << 32;
        let records = self.records.as_ref();
        let record = records.map_or(number, |records| records.number(flow).unwrap_or(number));
        let row = Row::new(*flow, record);
        if flow.elements() & TUNNELS != 0 && !self.options.no_tunnel_lines {
            self.tunnel_line(&row, out);
        }
        self.line(&row, out);
    }

    fn end(&mut self, _: u64, _: &mut TextBuffer) {}
}

/// Type and code.
fn icmp(row: &Row<'_>, out: &mut TextBuffer) {
    text::decimal(u8_at(row.generic, 43).into(), out);
    out.push(b'.');
    text::decimal(u8_at(row.generic, 42).into(), out);
}
