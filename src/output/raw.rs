//! nfdump's `raw`: a flow on many lines, one for each value.
//!
//! Numbers and names are nfdump 1.7.10's; see `docs/deviations.md`.
//!
//! One file: a list of what is printed for each element, in the order of the output, which reads best as one.

use std::net::IpAddr;

use crate::flow::at::{self, At, id};
use crate::flow::bytes::{acl_at, ip4_at, ip6_at, text_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::record::{ELEMENT_COUNT, SIZE};
use crate::flow::view::{Flow, Side};
use crate::output::buffer::TextBuffer;
use crate::output::cells;
use crate::output::csv::printer::{named as named_with_blank, nbar_id, plain};
use crate::output::fmt_values::hex_dump;
use crate::output::format::{FlowContext, FlowFormat};
use crate::output::text;
use crate::payload::tls::{Hello, Sender, Version};
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::packet_filter;
use crate::value::protocol::TCP;
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

/// Lines that show a value of an element as it is.
const PLAIN: &[(At, &str, Show)] = &[
    (at::src4_addr, "src addr", Show::Ip4),
    (at::dst4_addr, "dst addr", Show::Ip4),
    (at::src6_addr, "src addr", Show::Ip6),
    (at::dst6_addr, "dst addr", Show::Ip6),
    (at::out_packets, "out packets", Show::U64),
    (at::out_bytes, "out bytes", Show::U64),
    (at::aggr_flows, "aggr flows", Show::U64),
    (at::src_vlan, "src vlan", Show::U32),
    (at::dst_vlan, "dst vlan", Show::U32),
    (at::src_as, "src as", Show::U32),
    (at::dst_as, "dst as", Show::U32),
    (at::bgp4_next_hop, "bgp next hop", Show::Ip4),
    (at::bgp6_next_hop, "bgp next hop", Show::Ip6),
    (at::ip4_next_hop, "ip next hop", Show::Ip4),
    (at::ip6_next_hop, "ip next hop", Show::Ip6),
    (at::ip4_router, "ip exporter", Show::Ip4),
    (at::ip6_router, "ip exporter", Show::Ip6),
    (at::in_src_mac, "in src mac", Show::Mac),
    (at::out_dst_mac, "out dst mac", Show::Mac),
    (at::in_dst_mac, "in dst mac", Show::Mac),
    (at::out_src_mac, "out src mac", Show::Mac),
    (at::next_as, "bgp next as", Show::U32),
    (at::prev_as, "bgp prev as", Show::U32),
    (at::cli_latency, "cli latency", Show::Micros),
    (at::srv_latency, "srv latency", Show::Micros),
    (at::app_latency, "app latency", Show::Micros),
    (at::sampler_id, "samplingID", Show::U64),
    (at::src4_xlt_ip, "src xlt ip", Show::Ip4),
    (at::dst4_xlt_ip, "dst xlt ip", Show::Ip4),
    (at::src6_xlt_ip, "src xlt ip", Show::Ip6),
    (at::dst6_xlt_ip, "dst xlt ip", Show::Ip6),
    (at::src_xlt_port, "src xlt port", Show::U16),
    (at::dst_xlt_port, "dst xlt port", Show::U16),
    (at::pblock_start, "pblock start", Show::U16),
    (at::pblock_end, "pblock end", Show::U16),
    (at::pblock_step, "pblock step", Show::U16),
    (at::pblock_size, "pblock size", Show::U16),
    (at::frame_size, "inmon size", Show::U16),
    (at::frame_link_type, "inmon type", Show::U16),
    (at::vlan_id, "vlanID", Show::U16),
    (at::post_vlan_id, "post vlanID", Show::U16),
    (at::customer_vlan_id, "custID", Show::U16),
    (at::post_customer_vlan_id, "post custID", Show::U16),
    (at::phys_ingress, "ingress IfID", Show::U32),
    (at::phys_egress, "egress IfID", Show::U32),
    (at::in_service_id, "inServiceID", Show::U16),
    (at::out_service_id, "outServiceID", Show::U16),
];

/// Blanks in front of a value that fills its column: nfdump's column begins that far to the right.
fn least_blanks(label: &str) -> usize {
    match label {
        "src addr" | "dst addr" | "ip next hop" | "bgp next hop" | "ip exporter" | "src xlt ip"
        | "dst xlt ip" => 2,
        "first" | "last" | "received at" | "Event time" => 5,
        "obs pointID" => 6,
        "in packets" | "in bytes" | "out packets" | "out bytes" | "aggr flows" => 8,
        "cli latency" | "srv latency" | "app latency" => 9,
        "pflog ifname" => 10,
        "obs domainID" => 11,
        "src as" | "dst as" => 12,
        "bgp next as" | "bgp prev as" | "nat pool ID" | "samplingID" => 13,
        label if label.starts_with("MPLS") => 6,
        _ => 0,
    }
}

/// nfdump's `raw`.
pub struct RawFormat {
    times: TimeFormatter,
    /// That of the flow being printed.
    context: FlowContext,
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
            context: FlowContext::default(),
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
        let least = least_blanks(label);
        for _ in 0..WIDTH.saturating_sub(cell.len()).max(least) {
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
        if let Some(ident) = self.context.ident().map(<[u8]>::to_vec) {
            self.line("Ident", out, |cell| cell.extend(&ident), |_, _| {});
        }
        let flags = u8_at(flow.record(), at::header::is_event) & 0x7F;
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
        let stored = u16_at(flow.record(), ELEMENT_COUNT);
        let after = |_: &mut Self, out: &mut TextBuffer| {
            out.extend(b": ");
            for id in &elements {
                text::decimal((*id).into(), out);
                out.push(b' ');
            }
        };
        let write = |cell: &mut TextBuffer| text::decimal(stored.into(), cell);
        self.line("Elements", out, write, after);
        self.number("size", u16_at(flow.record(), SIZE).into(), out);
        self.number("engine type", flow.engine_type().into(), out);
        self.number("engine ID", flow.engine_id().into(), out);
        self.number("export sysid", flow.exporter_sysid().into(), out);
    }

    fn generic(&mut self, flow: &Flow<'_>, generic: &[u8], out: &mut TextBuffer) {
        let first = flow.first_seen_at(generic, at::first.offset);
        if flow.is_event() {
            let event = flow.element(id::NSEL);
            let time = event.map_or(first, |event| u64_at(event, at::nsel_event_time.offset));
            self.time("Event time", time, out);
        } else {
            self.time("first", first, out);
            self.time("last", u64_at(generic, at::last.offset), out);
        }
        match u64_at(generic, at::received.offset) {
            0 => self.line(
                "received at",
                out,
                |cell| cell.push(b'0'),
                |_, out| out.extend(b" [0.000]"),
            ),
            received => self.time("received at", received, out),
        }
        let proto = u8_at(generic, at::proto.offset);
        self.protocol("proto", proto.into(), out);
        // As in nfdump, other protocols have none, whatever is stored.
        let flags = match proto {
            TCP => u8_at(generic, at::tcp_flags.offset),
            _ => 0,
        };
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
            let (kind, code) = (
                u8_at(generic, at::icmp_type.offset),
                u8_at(generic, at::icmp_code.offset),
            );
            self.line(
                "ICMP",
                out,
                |cell| {
                    text::display(
                        format_args!("              {kind:>2}.{code:<2} type.code"),
                        cell,
                    )
                },
                |_, _| {},
            );
        } else {
            self.number("src port", u16_at(generic, at::src_port.offset).into(), out);
            self.number("dst port", u16_at(generic, at::dst_port.offset).into(), out);
            self.number("src tos", u8_at(generic, at::src_tos.offset).into(), out);
            self.number(
                "fwd status",
                u8_at(generic, at::fwd_status.offset).into(),
                out,
            );
        }
        self.number("in packets", u64_at(generic, at::in_packets.offset), out);
        self.number("in bytes", u64_at(generic, at::in_bytes.offset), out);
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
        if let Some(tunnel) = flow.element(id::TUNNEL4) {
            self.protocol("tun proto", u32_at(tunnel, at::tun4_proto.offset), out);
            self.address(
                "tun src addr",
                ip4_at(tunnel, at::src4_tun_ip.offset).into(),
                out,
            );
            self.address(
                "tun dst addr",
                ip4_at(tunnel, at::dst4_tun_ip.offset).into(),
                out,
            );
        }
        if let Some(tunnel) = flow.element(id::TUNNEL6) {
            self.protocol("tun proto", u32_at(tunnel, at::tun6_proto.offset), out);
            self.address(
                "tun src addr",
                ip6_at(tunnel, at::src6_tun_ip.offset).into(),
                out,
            );
            self.address(
                "tun dst addr",
                ip6_at(tunnel, at::dst6_tun_ip.offset).into(),
                out,
            );
        }
    }

    fn misc(&mut self, flow: &Flow<'_>, misc: &[u8], out: &mut TextBuffer) {
        for (label, at) in [("input", at::input_snmp), ("output", at::output_snmp)] {
            let index = u32_at(misc, at.offset);
            self.line(
                label,
                out,
                |cell| text::decimal(index.into(), cell),
                |this, out| {
                    let known = this.context.names().name_counts().1 != 0;
                    let name = this.context.names().interface(index);
                    named_with_blank(known, index, name, b" <no if name>", out);
                },
            );
        }
        for (label, at, side) in [
            ("src mask", at::src_mask, Side::Source),
            ("dst mask", at::dst_mask, Side::Destination),
        ] {
            let mask = u8_at(misc, at.offset);
            let network = flow.network_of(misc, side);
            self.line(
                label,
                out,
                |cell| text::decimal(mask.into(), cell),
                |_, out| {
                    out.push(b' ');
                    if let Some(network) = network.filter(|_| mask != 0) {
                        cells::address(network, out);
                    }
                    out.push(b'/');
                    text::decimal(mask.into(), out);
                },
            );
        }
        self.number("dst tos", u8_at(misc, at::dst_tos.offset).into(), out);
        self.number("direction", u8_at(misc, at::direction.offset).into(), out);
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
            ("biFlow Dir", at::biflow_direction, &directions[..]),
            ("end reason", at::flow_end_reason, &reasons[..]),
        ] {
            let number = u8_at(misc, at.offset);
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
        if id == id::NSEL {
            let event = flow.element(id::NSEL).unwrap_or_default();
            let (number, extended) = (
                u8_at(event, at::event_id.offset),
                u16_at(event, at::xevent_id.offset),
            );
            self.number(
                "connect ID",
                u32_at(event, at::connect_id.offset).into(),
                out,
            );
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
            self.time("Event time", u64_at(event, at::nsel_event_time.offset), out);
        } else {
            let number = flow.nat_event_id().unwrap_or(0);
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
        let is_tcp = flow.proto() == Some(TCP);
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
                plain(name, out);
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
    ///
    /// Long: a list of values, one after the other.
    fn special(&mut self, id: u8, flow: &Flow<'_>, payload: &[u8], out: &mut TextBuffer) {
        match id {
            id::MISC => self.misc(flow, payload, out),
            id::MPLS => {
                for number in 1..=10 {
                    let label = MplsLabel(u32_at(payload, 4 * (number - 1)));
                    if label.0 != 0 {
                        let name = format!("MPLS Lbl {number:2}");
                        self.line(&name, out, |cell| text::mpls(label, cell), |_, _| {});
                    }
                }
            }
            id::NSEL | id::NAT_EVENT => self.events(id, flow, out),
            id::ACL => {
                for (label, at) in [
                    ("Ingress ACL", at::ingress_acl),
                    ("Egress ACL", at::egress_acl),
                ] {
                    text::display(format_args!("  {label:<12} =        "), out);
                    text::acl(acl_at(payload, at.offset), out);
                    out.push(b'\n');
                }
            }
            id::USER => {
                out.extend(b"  username     =        ");
                plain(
                    text_at(payload, at::user_name.offset, flow.user_name_max()),
                    out,
                );
                out.push(b'\n');
            }
            id::APPLICATION => self.application(payload, out),
            id::PAYLOAD_IN => self.payload("in payload", flow, payload, out),
            id::PAYLOAD_OUT => self.payload("out payload", flow, payload, out),
            id::OBSERVATION => {
                let (domain, point) = (
                    u32_at(payload, at::observation_domain_id.offset),
                    u64_at(payload, at::observation_point_id.offset),
                );
                self.show("obs domainID", out, format_args!("0x{domain:05x}"));
                self.show("obs pointID", out, format_args!("0x{point:010x}"));
            }
            id::VRF => {
                for (label, at) in [
                    ("ingress VRF", at::ingress_vrf),
                    ("egress VRF", at::egress_vrf),
                ] {
                    let id = u32_at(payload, at.offset);
                    self.line(
                        label,
                        out,
                        |cell| text::decimal(id.into(), cell),
                        |this, out| {
                            let known = this.context.names().name_counts().2 != 0;
                            let name = this.context.names().vrf(id);
                            named_with_blank(known, id, name, b" <no vrf name>", out);
                        },
                    );
                }
            }
            id::PF => self.packet_filter(payload, out),
            id::LAYER2 => {
                self.show(
                    "ethertype",
                    out,
                    format_args!("0x{:04x}", u16_at(payload, at::ethertype.offset)),
                );
                let version = u8_at(payload, at::ip_version.offset);
                if version != 0 {
                    self.number("IP version", version.into(), out);
                }
            }
            id::FLOW_ID => match u64_at(payload, at::flow_id.offset) {
                0 => self.number("flow ID", 0, out),
                id => self.show("flow ID", out, format_args!("{id:#x}")),
            },
            id::NAT_STRING => {
                let string =
                    String::from_utf8_lossy(text_at(payload, at::nat_string.offset, usize::MAX))
                        .into_owned();
                text::display(format_args!("  nat String   = {string:<19}\n"), out);
            }
            id::IP_INFO => {
                let flags = u8_at(payload, at::ip_fragment.offset);
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
                for at in [at::min_ttl, at::max_ttl] {
                    let ttl = u8_at(payload, at.offset);
                    if ttl != 0 {
                        self.number("ip minTTL", ttl.into(), out);
                    }
                }
            }
            _ => {}
        }
    }

    fn application(&mut self, id: &[u8], out: &mut TextBuffer) {
        let engine = id.first().copied().unwrap_or(0);
        let mut number = TextBuffer::default();
        nbar_id(Some(id), &mut number);
        let digits = engine.to_string().len();
        let rest = number.as_bytes().get(digits..).unwrap_or_default();
        text::display(
            format_args!("  app ID       =              {engine:2}"),
            out,
        );
        out.extend(rest);
        out.extend(b": ");
        match self.context.names().application(id) {
            None => out.extend(b"<no info>"),
            Some(found) => {
                plain(&found.name, out);
                if let Some(description) = &found.description {
                    out.push(b'/');
                    plain(description, out);
                }
            }
        }
        out.push(b'\n');
    }

    fn packet_filter(&mut self, log: &[u8], out: &mut TextBuffer) {
        let named = |at: At, names: &[&'static str]| {
            let number = u8_at(log, at.offset);
            let name = names.get(usize::from(number));
            (name.copied().unwrap_or("<undef>"), number)
        };
        let reason = match u8_at(log, at::pf_reason.offset) {
            number if number == packet_filter::REASON_MEMORY.1 => packet_filter::REASON_MEMORY,
            _ => named(at::pf_reason, &packet_filter::REASONS),
        };
        let name = text_at(log, at::pf_interface.offset, usize::MAX);
        self.line("pflog ifname", out, |cell| plain(name, cell), |_, _| {});
        for (label, (name, number)) in [
            (
                "pflog action",
                named(at::pf_action, &packet_filter::ACTIONS),
            ),
            ("pflog reason", reason),
        ] {
            let least = least_blanks("pflog ifname");
            text::display(
                format_args!(
                    "  {label} = {:least$}{name:>width$}/{number}\n",
                    "",
                    width = WIDTH - least
                ),
                out,
            );
        }
        let direction = if u8_at(log, at::pf_direction.offset) == 0 {
            "out"
        } else {
            "in"
        };
        self.show("pflog direct", out, direction);
        self.number("pflog rulenr", u32_at(log, at::pf_rule.offset).into(), out);
    }
}

impl FlowFormat for RawFormat {
    fn begin(&mut self, _: &mut TextBuffer) {}

    fn flow(&mut self, number: u64, flow: &Flow<'_>, context: &FlowContext, out: &mut TextBuffer) {
        let number = context.record_number().unwrap_or(number);
        self.context = context.clone();
        self.header(number, flow, out);
        if let Some(generic) = flow.element(id::GENERIC) {
            self.generic(flow, generic, out);
        }
        self.tunnel(flow, out);
        // Payloads are last.
        let payloads = [id::PAYLOAD_IN, id::PAYLOAD_OUT];
        let others = (2..=42).filter(|id| !payloads.contains(id));
        for id in others.chain(payloads) {
            let Some(payload) = flow.element(id) else {
                continue;
            };
            for (place, label, show) in PLAIN.iter().filter(|(place, ..)| place.element == id) {
                match show {
                    Show::U16 => self.number(label, u16_at(payload, place.offset).into(), out),
                    Show::U32 => self.number(label, u32_at(payload, place.offset).into(), out),
                    Show::U64 => self.number(label, u64_at(payload, place.offset), out),
                    Show::Ip4 => self.address(label, ip4_at(payload, place.offset).into(), out),
                    Show::Ip6 => self.address(label, ip6_at(payload, place.offset).into(), out),
                    Show::Mac => {
                        let mac = MacAddr::from_number(u64_at(payload, place.offset));
                        text::display(format_args!("  {label:<12} =  "), out);
                        text::mac(mac, out);
                        out.push(b'\n');
                    }
                    Show::Micros => self.line(
                        label,
                        out,
                        |cell| text::thousandths(u64_at(payload, place.offset), cell),
                        |_, out| out.extend(b" ms"),
                    ),
                }
            }
            self.special(id, flow, payload, out);
        }
    }

    fn end(&mut self, _: u64, _: &mut TextBuffer) {}

    fn needs_record_numbers(&self) -> bool {
        true
    }
}
