//! nfdump's `raw`: a flow on many lines, one for each value.
//!
//! Numbers and names are nfdump 1.7.10's; see `docs/deviations.md`.

use std::net::IpAddr;
use std::sync::Arc;

use crate::file::block::Block;
use crate::file::names::Names;
use crate::flow::bytes::{acl_at, ip4_at, ip6_at, text_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::view::Flow;
use crate::output::cells;
use crate::output::csv;
use crate::output::csv::RecordNumbers;
use crate::output::fmt_values::hex_dump;
use crate::output::format::FlowFormat;
use crate::output::text;
use crate::output::text::TextBuffer;
use crate::payload::tls::{Hello, Sender, Version};
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;
use crate::value::zone::{TimeFormatter, Zone};

/// Columns of a value.
const WIDTH: usize = 18;

/// How a number of an element is shown.
#[derive(Clone, Copy)]
enum Show {
    U16,
    U32,
    U64,
    Ip4,
    Ip6,
    Mac,
    /// Microseconds as milliseconds.
    Micros,
}

/// Lines that show a value of an element as it is: element, offset, label.
const PLAIN: &[(u8, usize, &str, Show)] = &[
    (2, 0, "src addr", Show::Ip4),
    (2, 4, "dst addr", Show::Ip4),
    (3, 0, "src addr", Show::Ip6),
    (3, 16, "dst addr", Show::Ip6),
    (5, 8, "out packets", Show::U64),
    (5, 16, "out bytes", Show::U64),
    (5, 0, "aggr flows", Show::U64),
    (6, 0, "src vlan", Show::U32),
    (6, 4, "dst vlan", Show::U32),
    (7, 0, "src as", Show::U32),
    (7, 4, "dst as", Show::U32),
    (8, 0, "bgp next hop", Show::Ip4),
    (9, 0, "bgp next hop", Show::Ip6),
    (10, 0, "ip next hop", Show::Ip4),
    (11, 0, "ip next hop", Show::Ip6),
    (12, 0, "ip exporter", Show::Ip4),
    (13, 0, "ip exporter", Show::Ip6),
    (15, 0, "in src mac", Show::Mac),
    (15, 8, "out dst mac", Show::Mac),
    (15, 16, "in dst mac", Show::Mac),
    (15, 24, "out src mac", Show::Mac),
    (16, 0, "bgp next as", Show::U32),
    (16, 4, "bgp prev as", Show::U32),
    (17, 0, "cli latency", Show::Micros),
    (17, 8, "srv latency", Show::Micros),
    (17, 16, "app latency", Show::Micros),
    (18, 0, "samplingID", Show::U64),
    (20, 0, "src xlt ip", Show::Ip4),
    (20, 4, "dst xlt ip", Show::Ip4),
    (21, 0, "src xlt ip", Show::Ip6),
    (21, 16, "dst xlt ip", Show::Ip6),
    (22, 0, "src xlt port", Show::U16),
    (22, 2, "dst xlt port", Show::U16),
    (26, 0, "pblock start", Show::U16),
    (26, 2, "pblock end", Show::U16),
    (26, 4, "pblock step", Show::U16),
    (26, 6, "pblock size", Show::U16),
    (34, 0, "inmon size", Show::U16),
    (34, 2, "inmon type", Show::U16),
    (38, 0, "vlanID", Show::U16),
    (38, 4, "post vlanID", Show::U16),
    (38, 2, "custID", Show::U16),
    (38, 6, "post custID", Show::U16),
    (38, 8, "ingress IfID", Show::U32),
    (38, 12, "egress IfID", Show::U32),
    (40, 0, "inServiceID", Show::U16),
    (40, 2, "outServiceID", Show::U16),
];

/// nfdump's `raw`.
pub struct RawFormat {
    times: TimeFormatter,
    ident: Option<Vec<u8>>,
    names: Arc<Names>,
    records: RecordNumbers,
    cell: TextBuffer,
}

impl std::fmt::Debug for RawFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawFormat").finish_non_exhaustive()
    }
}

impl RawFormat {
    /// Flows with times in `zone`.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self {
            times: TimeFormatter::new(zone),
            ident: None,
            names: Arc::default(),
            records: RecordNumbers::default(),
            cell: TextBuffer::default(),
        }
    }

    /// `label = value` with what follows the value.
    fn line(
        &mut self,
        label: &str,
        out: &mut TextBuffer,
        write: impl FnOnce(&mut TextBuffer),
        after: impl FnOnce(&mut Self, &mut TextBuffer),
    ) {
        let mut cell = std::mem::take(&mut self.cell);
        cell.clear();
        write(&mut cell);
        text::display(format_args!("  {label:<12} = "), out);
        for _ in cell.len()..WIDTH {
            out.push(b' ');
        }
        out.extend(cell.as_bytes());
        self.cell = cell;
        after(self, out);
        out.push(b'\n');
    }

    fn number(&mut self, label: &str, number: u64, out: &mut TextBuffer) {
        self.line(label, out, |cell| text::decimal(number, cell), |_, _| {});
    }

    fn show(&mut self, label: &str, out: &mut TextBuffer, value: impl std::fmt::Display) {
        self.line(label, out, |cell| text::display(value, cell), |_, _| {});
    }

    fn time(&mut self, label: &str, ms: u64, out: &mut TextBuffer) {
        let after = |this: &mut Self, out: &mut TextBuffer| {
            out.extend(b" [");
            if ms < 1000 {
                out.extend(b"0000-00-00 00:00:00.");
                text::padded(ms as usize, out);
            } else {
                out.extend(this.times.spaced_text(Timestamp::from_millis(ms)));
            }
            out.push(b']');
        };
        self.line(label, out, |cell| text::decimal(ms, cell), after);
    }

    fn address(&mut self, label: &str, address: IpAddr, out: &mut TextBuffer) {
        self.line(label, out, |cell| cells::address(address, cell), |_, _| {});
    }

    fn header(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        out.extend(b"\nFlow Record: \n");
        self.number("RecordCount", number, out);
        let ident = self.ident.clone();
        self.line(
            "Ident",
            out,
            |cell| cell.extend(ident.as_deref().unwrap_or(b"none")),
            |_, _| {},
        );
        let flags = u8_at(flow.record(), 10) & 0x7F;
        let version = flow.export_version();
        let after = |_: &mut Self, out: &mut TextBuffer| {
            match version {
                _ if flow.is_event() => out.extend(b" EVENT"),
                0 => out.extend(b" FLOW"),
                0x80.. => text::display(format_args!(" SFLOW v{}", version & 15), out),
                0x40..0x80 => text::display(format_args!(" PCAP v{}", version & 15), out),
                _ => text::display(format_args!(" NETFLOW v{}", version & 15), out),
            }
            if flow.is_anonymized() {
                out.extend(b" Anonymized");
            }
            out.extend(if flow.is_sampled() {
                b", Sampled"
            } else {
                b", Unsampled"
            });
        };
        let write = |cell: &mut TextBuffer| text::display(format_args!("0x{flags:02x}"), cell);
        self.line("Flags", out, write, after);
        let elements: Vec<u8> = (1..64)
            .filter(|id| flow.elements() >> id & 1 != 0)
            .collect();
        let stored = u16_at(flow.record(), 4);
        let after = |_: &mut Self, out: &mut TextBuffer| {
            out.extend(b": ");
            for id in &elements {
                text::decimal((*id).into(), out);
                out.push(b' ');
            }
        };
        let write = |cell: &mut TextBuffer| text::decimal(stored.into(), cell);
        self.line("Elements", out, write, after);
        self.number("size", u16_at(flow.record(), 2).into(), out);
        self.number("engine type", flow.engine_type().into(), out);
        self.number("engine ID", flow.engine_id().into(), out);
        self.number("export sysid", flow.exporter_sysid().into(), out);
    }

    fn generic(&mut self, flow: &Flow<'_>, generic: &[u8], out: &mut TextBuffer) {
        let first = flow.first_seen_at(generic, 0);
        if flow.is_event() {
            self.time("Event time", first, out);
        } else {
            self.time("first", first, out);
            self.time("last", u64_at(generic, 8), out);
        }
        match u64_at(generic, 16) {
            0 => self.line(
                "received at",
                out,
                |cell| cell.push(b'0'),
                |_, out| out.extend(b" [0.000]"),
            ),
            received => self.time("received at", received, out),
        }
        let proto = u8_at(generic, 44);
        self.protocol("proto", proto.into(), out);
        let flags = u8_at(generic, 45);
        self.line(
            "tcp flags",
            out,
            |cell| text::display(format_args!("0x{flags:02x}"), cell),
            |_, out| {
                out.push(b' ');
                out.extend(&TcpFlags(flags).letters());
            },
        );
        if matches!(proto, 1 | 58) {
            let (kind, code) = (u8_at(generic, 43), u8_at(generic, 42));
            self.line(
                "ICMP",
                out,
                |cell| text::display(format_args!("{kind:>16}.{code:<2} type.code"), cell),
                |_, _| {},
            );
        } else {
            self.number("src port", u16_at(generic, 40).into(), out);
            self.number("dst port", u16_at(generic, 42).into(), out);
            self.number("src tos", u8_at(generic, 47).into(), out);
            self.number("fwd status", u8_at(generic, 46).into(), out);
        }
        self.number("in packets", u64_at(generic, 24), out);
        self.number("in bytes", u64_at(generic, 32), out);
    }

    fn protocol(&mut self, label: &str, number: u32, out: &mut TextBuffer) {
        self.line(
            label,
            out,
            |cell| text::decimal(number.into(), cell),
            |_, out| {
                out.push(b' ');
                let from = out.len();
                match cells::protocol_name(number as u8) {
                    "" => text::decimal((number as u8).into(), out),
                    name => out.extend(name.as_bytes()),
                }
                if number as u8 != 0 && cells::protocol_name(number as u8).is_empty() {
                    text::pad(from, 5, out);
                }
            },
        );
    }

    fn tunnel(&mut self, flow: &Flow<'_>, out: &mut TextBuffer) {
        if let Some(tunnel) = flow.element(31) {
            self.protocol("tun proto", u32_at(tunnel, 8), out);
            self.address("tun src addr", ip4_at(tunnel, 0).into(), out);
            self.address("tun dst addr", ip4_at(tunnel, 4).into(), out);
        }
        if let Some(tunnel) = flow.element(32) {
            self.protocol("tun proto", u32_at(tunnel, 32), out);
            self.address("tun src addr", ip6_at(tunnel, 0).into(), out);
            self.address("tun dst addr", ip6_at(tunnel, 16).into(), out);
        }
    }

    fn misc(&mut self, flow: &Flow<'_>, misc: &[u8], out: &mut TextBuffer) {
        for (label, at) in [("input", 0), ("output", 4)] {
            let index = u32_at(misc, at);
            self.line(
                label,
                out,
                |cell| text::decimal(index.into(), cell),
                |this, out| {
                    let known = this.names.name_counts().1 != 0;
                    let name = this.names.interface(index);
                    csv::named(known, index, name, b" <no if name>", out);
                },
            );
        }
        for (label, at, side) in [("src mask", 8, 0), ("dst mask", 9, 1)] {
            let mask = u8_at(misc, at);
            let network = flow.network_of(misc, side);
            self.line(
                label,
                out,
                |cell| text::decimal(mask.into(), cell),
                |_, out| {
                    out.push(b' ');
                    if let Some(network) = network {
                        cells::address(network, out);
                    }
                    out.push(b'/');
                    text::decimal(mask.into(), out);
                },
            );
        }
        self.number("dst tos", u8_at(misc, 11).into(), out);
        self.number("direction", u8_at(misc, 10).into(), out);
        let named = |number: u8, names: &[&'static str]| {
            let name = names.get(usize::from(number));
            name.copied().unwrap_or("undef")
        };
        let directions = ["", "initiator", "reverseInitiator", "perimeter"];
        let reasons = [
            "",
            "idle timeout",
            "active timeout",
            "end of Flow detected",
            "forced end",
            "lack of resources",
        ];
        for (label, at, names) in [
            ("biFlow Dir", 12, &directions[..]),
            ("end reason", 13, &reasons[..]),
        ] {
            let number = u8_at(misc, at);
            self.line(
                label,
                out,
                |cell| text::display(format_args!("0x{number:02x}"), cell),
                |_, out| {
                    out.push(b' ');
                    out.extend(named(number, names).as_bytes());
                },
            );
        }
    }

    fn events(&mut self, id: u8, flow: &Flow<'_>, out: &mut TextBuffer) {
        if id == 19 {
            let event = flow.element(19).unwrap_or_default();
            let (number, extended) = (u8_at(event, 14), u16_at(event, 12));
            self.number("connect ID", u32_at(event, 8).into(), out);
            self.line(
                "fw event",
                out,
                |cell| text::decimal(number.into(), cell),
                |_, out| text::display(format_args!(": {}", NselEvent(number)), out),
            );
            self.line(
                "fw ext event",
                out,
                |cell| text::decimal(extended.into(), cell),
                |_, out| {
                    out.extend(b": ");
                    match extended {
                        0 => out.extend(b"IGNORE"),
                        1001 => out.extend(b"I-ACL"),
                        1002 => out.extend(b"E-ACL"),
                        1003 => out.extend(b"DENY"),
                        1004 => out.extend(b"NOSYN"),
                        other => text::decimal(other.into(), out),
                    }
                },
            );
            self.time("Event time", u64_at(event, 0), out);
        } else {
            let number = flow.nat_event_id().unwrap_or(0);
            let number = u8::try_from(number).unwrap_or(u8::MAX);
            self.line(
                "nat event",
                out,
                |cell| text::decimal(number.into(), cell),
                |_, out| text::display(format_args!(": {}", NatEvent(number)), out),
            );
            self.number("nat pool ID", flow.nat_pool_id().unwrap_or(0).into(), out);
        }
    }

    fn payload(&mut self, label: &str, flow: &Flow<'_>, payload: &[u8], out: &mut TextBuffer) {
        self.number(label, payload.len() as u64, out);
        let is_tcp = flow.proto() == Some(6);
        if let Some(hello) = Hello::parse(payload).filter(|_| is_tcp) {
            let version = match hello.version() {
                Version::Ssl2 => "  SSL 2  ",
                Version::Ssl3 => "  SSL 3  ",
                Version::Tls10 => "TLS 1.0",
                Version::Tls11 => "TLS 1.1",
                Version::Tls12 => "TLS 1.2",
                Version::Tls13 => "TLS 1.3",
            };
            text::display(format_args!("    TLS vers   =            {version}\n"), out);
            if let Some(name) = hello.sni() {
                out.extend(b"    sni name   =  ");
                csv::plain(name, out);
                out.push(b'\n');
            }
            out.extend(if hello.sender() == Sender::Server {
                b"    ja3s hash  =  "
            } else {
                b"    ja3 hash   =  "
            });
            out.extend(&hello.ja3());
            out.push(b'\n');
            if let Some(ja4) = hello.ja4() {
                out.extend(b"    ja4 hash   =  ");
                out.extend(&ja4);
                out.push(b'\n');
            }
        }
        hex_dump(payload, out);
    }

    /// Elements of which more is shown than plain values.
    fn special(&mut self, id: u8, flow: &Flow<'_>, payload: &[u8], out: &mut TextBuffer) {
        match id {
            4 => self.misc(flow, payload, out),
            14 => {
                for number in 1..=10 {
                    let label = MplsLabel(u32_at(payload, 4 * (number - 1)));
                    if label.0 != 0 {
                        let name = format!("MPLS Lbl {number:2}");
                        self.line(&name, out, |cell| text::mpls(label, cell), |_, _| {});
                    }
                }
            }
            19 | 25 => self.events(id, flow, out),
            23 => {
                for (label, at) in [("Ingress ACL", 0), ("Egress ACL", 12)] {
                    text::display(format_args!("  {label:<12} =        "), out);
                    text::acl(acl_at(payload, at), out);
                    out.push(b'\n');
                }
            }
            24 => {
                out.extend(b"  username     =        ");
                csv::plain(text_at(payload, 0, flow.user_name_max()), out);
                out.push(b'\n');
            }
            27 => self.application(payload, out),
            29 => self.payload("in payload", flow, payload, out),
            30 => self.payload("out payload", flow, payload, out),
            33 => {
                let (domain, point) = (u32_at(payload, 8), u64_at(payload, 0));
                self.show("obs domainID", out, format_args!("0x{domain:05x}"));
                self.show("obs pointID", out, format_args!("0x{point:010x}"));
            }
            36 => {
                for (label, at) in [("ingress VRF", 4), ("egress VRF", 0)] {
                    let id = u32_at(payload, at);
                    self.line(
                        label,
                        out,
                        |cell| text::decimal(id.into(), cell),
                        |this, out| {
                            let known = this.names.name_counts().2 != 0;
                            let name = this.names.vrf(id);
                            csv::named(known, id, name, b" <no vrf name>", out);
                        },
                    );
                }
            }
            37 => self.packet_filter(payload, out),
            38 => {
                self.show(
                    "ethertype",
                    out,
                    format_args!("0x{:04x}", u16_at(payload, 24)),
                );
                self.number("IP version", u8_at(payload, 26).into(), out);
            }
            39 => self.show("flow ID", out, format_args!("{:#x}", u64_at(payload, 0))),
            41 => {
                let string = String::from_utf8_lossy(text_at(payload, 0, usize::MAX)).into_owned();
                text::display(format_args!("  nat String   = {string:<19}\n"), out);
            }
            42 => {
                let flags = u8_at(payload, 1);
                if flags != 0 {
                    let (df, mf) = (flags & 0x40 != 0, flags & 0x20 != 0);
                    let after = |_: &mut Self, out: &mut TextBuffer| {
                        out.extend(if df { b" DF" } else { b"   " });
                        out.extend(if mf { b" MF" } else { b"   " });
                    };
                    let write =
                        |cell: &mut TextBuffer| text::display(format_args!("0x{flags:02x}"), cell);
                    self.line("ip fragment", out, write, after);
                }
                self.number("ip minTTL", u8_at(payload, 2).into(), out);
                self.number("ip minTTL", u8_at(payload, 3).into(), out);
            }
            _ => {}
        }
    }

    fn application(&mut self, id: &[u8], out: &mut TextBuffer) {
        let engine = id.first().copied().unwrap_or(0);
        let mut number = TextBuffer::default();
        csv::nbar_id(Some(id), &mut number);
        let digits = engine.to_string().len();
        let rest = number.as_bytes().get(digits..).unwrap_or_default();
        text::display(
            format_args!("  app ID       =              {engine:2}"),
            out,
        );
        out.extend(rest);
        out.extend(b": ");
        match self.names.application(id) {
            None => out.extend(b"<no info>"),
            Some(found) => {
                csv::plain(&found.name, out);
                if let Some(description) = &found.description {
                    out.push(b'/');
                    csv::plain(description, out);
                }
            }
        }
        out.push(b'\n');
    }

    fn packet_filter(&mut self, log: &[u8], out: &mut TextBuffer) {
        let named = |at: usize, names: &[&'static str]| {
            let number = usize::from(u8_at(log, at));
            (names.get(number).copied().unwrap_or("<undef>"), number)
        };
        let name = text_at(log, 20, usize::MAX);
        self.line(
            "pflog ifname",
            out,
            |cell| csv::plain(name, cell),
            |_, _| {},
        );
        for (label, (name, number)) in [
            ("pflog action", named(0, &csv::PF_ACTIONS)),
            ("pflog reason", named(1, &csv::PF_REASONS)),
        ] {
            text::display(format_args!("  {label} = {name:>18}/{number}\n"), out);
        }
        let direction = if u8_at(log, 2) == 0 { "out" } else { "in" };
        self.show("pflog direct", out, direction);
        self.number("pflog rulenr", u32_at(log, 4).into(), out);
    }
}

impl FlowFormat for RawFormat {
    fn set_file(&mut self, ident: Option<&[u8]>, _: &str) {
        self.ident = ident.map(<[u8]>::to_vec);
    }

    fn set_names(&mut self, names: &Arc<Names>) {
        self.names = Arc::clone(names);
    }

    fn set_block(&mut self, block: &Block, records_before: u64) {
        self.records.enter(block, records_before);
    }

    fn begin(&mut self, _: &mut TextBuffer) {}

    fn flow(&mut self, number: u64, flow: &Flow<'_>, out: &mut TextBuffer) {
        let number = self.records.number(flow).unwrap_or(number);
        self.header(number, flow, out);
        if let Some(generic) = flow.element(1) {
            self.generic(flow, generic, out);
        }
        self.tunnel(flow, out);
        for id in 2..=42 {
            let Some(payload) = flow.element(id) else {
                continue;
            };
            for (_, at, label, show) in PLAIN.iter().filter(|(plain, ..)| *plain == id) {
                match show {
                    Show::U16 => self.number(label, u16_at(payload, *at).into(), out),
                    Show::U32 => self.number(label, u32_at(payload, *at).into(), out),
                    Show::U64 => self.number(label, u64_at(payload, *at), out),
                    Show::Ip4 => self.address(label, ip4_at(payload, *at).into(), out),
                    Show::Ip6 => self.address(label, ip6_at(payload, *at).into(), out),
                    Show::Mac => {
                        let mac = MacAddr::from_number(u64_at(payload, *at));
                        text::display(format_args!("  {label:<12} =  "), out);
                        text::mac(mac, out);
                        out.push(b'\n');
                    }
                    Show::Micros => self.line(
                        label,
                        out,
                        |cell| text::thousandths(u64_at(payload, *at), cell),
                        |_, out| out.extend(b" ms"),
                    ),
                }
            }
            self.special(id, flow, payload, out);
        }
    }

    fn end(&mut self, _: u64, _: &mut TextBuffer) {}
}
