//! Tables of element statistics, in text, CSV and JSON.

use nfdecode::FieldValue;
use nfdecode::aggregate::{Counters, Group, Side};
use nfdecode::output::TextBuffer;
use nfdecode::output::cells;
use nfdecode::output::fmt_values;
use nfdecode::value::{TimeFormatter, Zone};

use crate::nfdump::order::{By, ElementTables};
use crate::nfdump::statistic::Show;
use crate::nfdump::totals::{Totals, duration, iso, number_text, per_second, right, spaced};

/// The form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Csv,
    Json,
}

/// How tables are printed.
pub(crate) struct TablePrinter {
    pub(crate) form: Form,
    pub(crate) quiet: bool,
    pub(crate) plain: bool,
    pub(crate) long_addresses: bool,
    pub(crate) tagged: bool,
    times: TimeFormatter,
}

/// The counters that a table shows of a group.
struct Shown {
    first: u64,
    last: u64,
    flows: u64,
    packets: u64,
    bytes: u64,
}

impl Shown {
    fn of(counters: &Counters, side: Side, weight: u64) -> Self {
        let ms = |time: Option<nfdecode::Timestamp>| time.map_or(0, nfdecode::Timestamp::as_millis);
        let (packets, bytes) = match side {
            Side::In => (counters.in_packets, counters.in_bytes),
            Side::Out => (counters.out_packets, counters.out_bytes),
            Side::Both => (
                counters.in_packets.wrapping_add(counters.out_packets),
                counters.in_bytes.wrapping_add(counters.out_bytes),
            ),
        };
        Self {
            first: ms(counters.first),
            last: ms(counters.last),
            flows: counters.flows.wrapping_mul(weight),
            packets: packets.wrapping_mul(weight),
            bytes: bytes.wrapping_mul(weight),
        }
    }

    fn duration(&self) -> u64 {
        self.last.saturating_sub(self.first)
    }

    /// The time that rates are over: none if a time is missing.
    fn span(&self) -> u64 {
        if self.first == 0 || self.last == 0 {
            0
        } else {
            self.duration()
        }
    }

    fn pps(&self) -> u64 {
        per_second(self.packets, self.span())
    }

    fn bps(&self) -> u64 {
        per_second(self.bytes.wrapping_mul(8), self.span())
    }

    /// As in nfdump, 32 bits of it.
    fn bpp(&self) -> u32 {
        self.bytes.checked_div(self.packets).unwrap_or(0) as u32
    }
}

/// In percent of all flows; the product keeps 64 bits, as in nfdump.
fn percent(count: u64, total: u64) -> f64 {
    if total == 0 {
        return 0.0;
    }
    count.wrapping_mul(100) as f64 / total as f64
}

impl TablePrinter {
    pub(crate) fn new(form: Form, zone: Zone) -> Self {
        Self {
            form,
            quiet: false,
            plain: false,
            long_addresses: false,
            tagged: false,
            times: TimeFormatter::new(zone),
        }
    }

    fn value_width(&self, show: Show) -> usize {
        match show {
            Show::Address if self.long_addresses => 43,
            _ => 17,
        }
    }

    /// The lines before the rows.
    pub(crate) fn header(
        &self,
        tables: &ElementTables,
        by: By,
        top: Option<u64>,
        out: &mut TextBuffer,
    ) {
        let statistic = tables.statistic;
        match self.form {
            Form::Text if self.quiet => {}
            Form::Text => {
                let top = top.map_or_else(String::new, |top| format!("{top} "));
                let (name, order) = (statistic.header, by.name);
                out.extend(format!("Top {top}{name} ordered by {order}:\n").as_bytes());
                out.extend(b"Date first seen             Duration     Proto ");
                right(name.as_bytes(), self.value_width(statistic.show), out);
                out.extend(
                    b"    Flows(%)     Packets(%)       Bytes(%)         pps      bps   bpp\n",
                );
            }
            Form::Csv => out.extend(match by.side() {
                Side::Both => &b"ts,te,td,pr,val,fl,flP,pkt,pktP,byt,bytP,pps,bps,bpp\n"[..],
                Side::In => b"ts,te,td,pr,val,fl,flP,ipkt,ipktP,ibyt,ibytP,ipps,ibps,ibpp\n",
                Side::Out => b"ts,te,td,pr,val,fl,flP,opkt,opktP,obyt,obytP,opps,obps,obpp\n",
            }),
            Form::Json => {}
        }
    }

    /// One row.
    pub(crate) fn row(
        &mut self,
        tables: &ElementTables,
        by: By,
        group: &Group<'_>,
        totals: &Totals,
        out: &mut TextBuffer,
    ) {
        let statistic = tables.statistic;
        let shown = Shown::of(&group.counters(), by.side(), statistic.weight());
        let (value, protocol) = match statistic.show {
            Show::Place => (
                None,
                if tables.by_protocol {
                    group.key(0)
                } else {
                    None
                },
            ),
            Show::Protocol | Show::TunnelProtocol => (group.key(0), group.key(0)),
            _ if tables.by_protocol => (group.key(0), group.key(1)),
            _ => (group.key(0), None),
        };
        let protocol = match protocol {
            Some(FieldValue::Number(number)) => Some(number as u8),
            _ => None,
        };
        let mut text = TextBuffer::default();
        self.value(statistic.show, value, &mut text);
        match self.form {
            Form::Text => self.text_row(statistic.show, protocol, &text, &shown, totals, out),
            Form::Csv => self.csv_row(statistic.show, protocol, &text, &shown, totals, out),
            Form::Json => {
                self.json_row(statistic.name, statistic.show, protocol, &text, &shown, out);
            }
        }
    }

    /// The value as text: in full in CSV and JSON, with its blanks in text.
    fn value(&self, show: Show, value: Option<FieldValue<'_>>, out: &mut TextBuffer) {
        let is_text = self.form == Form::Text;
        let number = match value {
            Some(FieldValue::Number(number)) => number,
            Some(FieldValue::TcpFlags(flags)) => flags.0.into(),
            Some(FieldValue::Time(time)) => time.as_millis(),
            _ => 0,
        };
        match (show, value) {
            (Show::Address, Some(FieldValue::Ip(address))) => {
                let width = if is_text && !self.long_addresses {
                    cells::ADDRESS
                } else {
                    usize::MAX
                };
                cells::short_address(address, width, out);
            }
            (Show::Mac, Some(FieldValue::Mac(mac))) => out.extend(mac.to_string().as_bytes()),
            (Show::Mpls, Some(FieldValue::Mpls(label))) => fmt_values::label(label.0, out),
            (Show::Flags, Some(FieldValue::TcpFlags(flags))) if !self.plain => {
                out.extend(&flags.letters());
            }
            (Show::Flags, _) | (Show::Hex, _) => out.extend(format!("0x{number:x}").as_bytes()),
            (Show::Latency, _) => {
                let text = format!("{:.3}", number as f64 / 1000.0);
                right(text.as_bytes(), if is_text { 9 } else { 0 }, out);
            }
            (Show::Event, _) => out.extend(match number {
                0 => b"ignore",
                1 => b"CREATE",
                2 => b"DELETE",
                3 => b"DENIED",
                _ => b"UNKNOWN",
            }),
            (Show::Acl, Some(FieldValue::Acl([id, extended, hash]))) => {
                out.extend(format!("0x{id:x}/0x{extended:x}/0x{hash:x}").as_bytes());
            }
            (Show::Text, Some(FieldValue::Text(text) | FieldValue::Bytes(text))) => {
                out.extend(text);
            }
            (Show::Nbar, Some(FieldValue::Text(id) | FieldValue::Bytes(id))) => {
                fmt_values::application(id, out);
            }
            (Show::Organisation, _) if is_text => {
                if number == 0 {
                    right(b"unknown", 45, out);
                    out.extend(b"         ");
                } else {
                    right(b"unknown", 45, out);
                    out.extend(format!(" AS{number:<6}").as_bytes());
                }
            }
            (Show::Organisation, _) if number == 0 => out.extend(b"unknown"),
            (Show::Organisation, _) => out.extend(format!("unknown AS{number}").as_bytes()),
            (Show::Place, _) => {}
            _ => out.extend(number.to_string().as_bytes()),
        }
    }

    /// The name of a protocol, or its number.
    fn protocol(&self, protocol: Option<u8>, out: &mut TextBuffer) {
        match protocol {
            None => out.extend(b"any"),
            Some(number) => match cells::protocol_name(number) {
                name if !name.is_empty() && !self.plain => out.extend(name.as_bytes()),
                _ => out.extend(number.to_string().as_bytes()),
            },
        }
    }

    fn text_row(
        &mut self,
        show: Show,
        protocol: Option<u8>,
        value: &TextBuffer,
        shown: &Shown,
        totals: &Totals,
        out: &mut TextBuffer,
    ) {
        spaced(&mut self.times, shown.first, out);
        out.push(b' ');
        // As in nfdump, seconds are those of the rates.
        let time = if self.plain {
            shown.span()
        } else {
            shown.duration()
        };
        duration(time, self.plain, out);
        out.push(b' ');
        let from = out.len();
        self.protocol(protocol, out);
        while out.len() < from + 5 {
            out.push(b' ');
        }
        out.push(b' ');
        if self.tagged && show == Show::Address {
            out.push(1);
        }
        right(value.as_bytes(), self.value_width(show), out);
        for (count, total) in [
            (shown.flows, totals.flows),
            (shown.packets, totals.packets),
            (shown.bytes, totals.bytes),
        ] {
            out.push(b' ');
            self.counter(count, out);
            out.extend(format!("({:4.1})", percent(count, total)).as_bytes());
        }
        for rate in [shown.pps(), shown.bps()] {
            out.push(b' ');
            self.counter(rate, out);
        }
        out.extend(format!(" {:5}\n", shown.bpp()).as_bytes());
    }

    fn counter(&self, number: u64, out: &mut TextBuffer) {
        let mut text = TextBuffer::default();
        number_text(number, self.plain, &mut text);
        right(text.as_bytes(), 8, out);
    }

    fn csv_row(
        &mut self,
        show: Show,
        protocol: Option<u8>,
        value: &TextBuffer,
        shown: &Shown,
        totals: &Totals,
        out: &mut TextBuffer,
    ) {
        for ms in [shown.first, shown.last] {
            spaced(&mut self.times, ms, out);
            // Without the milliseconds.
            for _ in ".000".chars() {
                out.pop();
            }
            out.push(b',');
        }
        let td = shown.span() as f64 / 1000.0;
        out.extend(format!("{td:.3},").as_bytes());
        let from = out.len();
        self.protocol(protocol, out);
        if self.plain && protocol.is_some() && show != Show::TunnelProtocol {
            while out.len() < from + 5 {
                out.push(b' ');
            }
        }
        out.push(b',');
        out.extend(value.as_bytes());
        for (count, total) in [
            (shown.flows, totals.flows),
            (shown.packets, totals.packets),
            (shown.bytes, totals.bytes),
        ] {
            out.extend(format!(",{count},{:.1}", percent(count, total)).as_bytes());
        }
        let (pps, bps, bpp) = (shown.pps(), shown.bps(), shown.bpp());
        out.extend(format!(",{pps},{bps},{bpp}\n").as_bytes());
    }

    fn json_row(
        &mut self,
        name: &str,
        show: Show,
        protocol: Option<u8>,
        value: &TextBuffer,
        shown: &Shown,
        out: &mut TextBuffer,
    ) {
        out.extend(b"{ \"first\" : \"");
        iso(&mut self.times, shown.first, out);
        out.extend(b"\", \"last\" : \"");
        iso(&mut self.times, shown.last, out);
        let protocol = protocol.unwrap_or(0);
        out.extend(format!("\", \"proto\" : {protocol}").as_bytes());
        if show != Show::Protocol {
            out.extend(format!(", \"{name}\" : \"").as_bytes());
            out.extend(value.as_bytes());
            out.push(b'"');
        }
        out.extend(
            format!(
                ", \"flows\" : {}, \"packets\" : {}, \"bytes\" : {}, \"pps\" : {}, \"bps\" : {}, \"bpp\" : {}}}\n",
                shown.flows,
                shown.packets,
                shown.bytes,
                shown.pps(),
                shown.bps(),
                shown.bpp()
            )
            .as_bytes(),
        );
    }
}
