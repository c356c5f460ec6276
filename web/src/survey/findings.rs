//! What is worth a look: rules with numbers, each with the flows that it is about.
//!
//! A finding is a pattern of traffic, not a verdict: the rule says what was counted. Each rule counts apart, under a lock
//! of its own, and in bounded memory ([`Watch`]).

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::FixedState;

use crate::survey::lists::protocol_text;
use crate::survey::seen::{ACK, Seen, TCP, UDP};
use crate::survey::states::{Both, Exchange, PERIOD, REGULAR, Reach, STARTS, Starts};
use crate::survey::watch::{DIFFERENT_MAX, Watch};
use crate::text;

/// Keys that a rule watches.
const ROOM: usize = 1 << 18;
/// Rows of a finding.
const ROWS: usize = 10;
/// Destinations or ports from which it is a scan; servers asked; sources of a flood.
const MANY: usize = 50;
/// Attempts from which it is a flood.
const FLOOD: u64 = 1000;
/// Bytes answered from which a ratio is reported, and the ratio.
const ANSWERED: u64 = 1_000_000;
const RATIO: u64 = 10;
/// UDP services that answer more than they are asked.
const AMPLIFIERS: [u16; 11] = [17, 19, 53, 69, 111, 123, 161, 389, 1900, 3702, 11211];
/// Milliseconds from which a flow is long.
const LONG: u64 = 3_600_000;
/// Bytes of a flow above which it is no sign of life.
const SMALL: u64 = 100_000;
/// Packets of a TCP pair from which a missing answer is reported.
const ONE_SIDED: u64 = 10;

/// One rule and what it has found.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) rule: String,
    pub(crate) rows: Vec<Row>,
    /// How many there are in all.
    pub(crate) count: usize,
    /// One in this many keys was watched.
    pub(crate) one_in: u64,
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) subject: String,
    pub(crate) detail: String,
    pub(crate) filter: String,
}

/// A flow that lasts.
#[derive(Clone, Copy, Debug)]
struct Lasting {
    duration: u64,
    ends: (IpAddr, IpAddr),
    proto: u8,
    port: Option<u16>,
    bytes: u64,
}

/// Flows that last, the longest.
#[derive(Debug, Default)]
struct Longest {
    flows: Vec<Lasting>,
    count: usize,
}

type Rule<K, S> = Mutex<Watch<K, S>>;

/// All rules.
#[derive(Debug)]
pub(crate) struct Findings {
    horizontal: Rule<(IpAddr, u16), Reach>,
    vertical: Rule<(IpAddr, IpAddr), Reach>,
    floods: Rule<(IpAddr, u16), Reach>,
    resolving: Rule<IpAddr, Reach>,
    exchanges: Rule<(IpAddr, IpAddr, u16), Exchange>,
    pairs: Rule<(IpAddr, IpAddr), Both>,
    regular: Rule<(IpAddr, IpAddr, u16, u8), Starts>,
    longest: Mutex<Longest>,
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            horizontal: Mutex::new(Watch::new(ROOM)),
            vertical: Mutex::new(Watch::new(ROOM)),
            floods: Mutex::new(Watch::new(ROOM)),
            resolving: Mutex::new(Watch::new(ROOM)),
            exchanges: Mutex::new(Watch::new(ROOM)),
            pairs: Mutex::new(Watch::new(ROOM)),
            regular: Mutex::new(Watch::new(ROOM)),
            longest: Mutex::default(),
        }
    }
}

/// A flow with addresses.
type Between<'s> = (IpAddr, IpAddr, &'s Seen);

impl Findings {
    /// Adds flows. `turn` differs between threads that add at the same time, so that they seldom wait.
    pub(crate) fn add(&self, flows: &[Seen], turn: usize) {
        const RULES: usize = 5;
        for at in 0..RULES {
            match (at + turn) % RULES {
                0 => self.add_attempts(flows),
                1 => self.add_answers(flows),
                2 => with(&self.pairs, |watch| {
                    between(flows).for_each(|flow| add_pair(watch, flow));
                }),
                3 => with(&self.regular, |watch| {
                    between(flows).for_each(|flow| add_start(watch, flow));
                }),
                _ => self.add_long(flows),
            }
        }
    }

    fn add_attempts(&self, flows: &[Seen]) {
        let attempts: Vec<Between<'_>> = between(flows)
            .filter(|(_, _, flow)| flow.is_attempt())
            .collect();
        if attempts.is_empty() {
            return;
        }
        let hash = FixedState::default();
        with(&self.horizontal, |watch| {
            for (src, dst, flow) in &attempts {
                let value = hash.hash_one(dst);
                watch.change((*src, flow.dst_port.unwrap_or(0)), |reach| {
                    reach.add(value, flow)
                });
            }
        });
        with(&self.vertical, |watch| {
            for (src, dst, flow) in &attempts {
                let value = flow.dst_port.unwrap_or(0).into();
                watch.change((*src, *dst), |reach| reach.add(value, flow));
            }
        });
        with(&self.floods, |watch| {
            for (src, dst, flow) in &attempts {
                let value = hash.hash_one(src);
                watch.change((*dst, flow.dst_port.unwrap_or(0)), |reach| {
                    reach.add(value, flow)
                });
            }
        });
    }

    fn add_answers(&self, flows: &[Seen]) {
        let hash = FixedState::default();
        let udp: Vec<Between<'_>> = between(flows)
            .filter(|(_, _, flow)| flow.proto == UDP)
            .collect();
        with(&self.resolving, |watch| {
            for (src, dst, flow) in udp.iter().filter(|(_, _, flow)| flow.dst_port == Some(53)) {
                let value = hash.hash_one(dst);
                watch.change(*src, |reach| reach.add(value, flow));
            }
        });
        with(&self.exchanges, |watch| {
            for (src, dst, flow) in &udp {
                let known = |port: Option<u16>| port.filter(|port| AMPLIFIERS.contains(port));
                let (forth, back) = (
                    flow.bytes - flow.answer_bytes.min(flow.bytes),
                    flow.answer_bytes,
                );
                if let Some(port) = known(flow.dst_port) {
                    watch.change((*src, *dst, port), |exchange| exchange.add(forth, back));
                } else if let Some(port) = known(flow.src_port) {
                    watch.change((*dst, *src, port), |exchange| exchange.add(back, forth));
                }
            }
        });
    }

    fn add_long(&self, flows: &[Seen]) {
        for (src, dst, flow) in between(flows).filter(|(_, _, flow)| flow.duration() >= LONG) {
            let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
            longest.count += 1;
            longest.flows.push(Lasting {
                duration: flow.duration(),
                ends: (src, dst),
                proto: flow.proto,
                port: flow.dst_port.filter(|port| *port != 0),
                bytes: flow.bytes,
            });
            if longest.flows.len() > 64 * ROWS {
                longest.cut();
            }
        }
    }

    /// Everything that was found, in the order of the page.
    pub(crate) fn finish(self) -> Vec<Finding> {
        let found = [
            horizontal(into(self.horizontal)),
            vertical(into(self.vertical)),
            flood(into(self.floods)),
            resolving(into(self.resolving)),
            amplified(into(self.exchanges)),
            regular(into(self.regular)),
            lasting(
                self.longest
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner),
            ),
            one_sided(into(self.pairs)),
        ];
        found.into()
    }
}

fn with<K, S>(rule: &Rule<K, S>, change: impl FnOnce(&mut Watch<K, S>)) {
    change(&mut rule.lock().unwrap_or_else(PoisonError::into_inner));
}

fn into<K, S>(rule: Rule<K, S>) -> Watch<K, S> {
    rule.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn between(flows: &[Seen]) -> impl Iterator<Item = Between<'_>> {
    flows
        .iter()
        .filter_map(|flow| Some((flow.src?, flow.dst?, flow)))
}

impl Longest {
    /// Keeps the longest of each pair and service.
    fn cut(&mut self) {
        let order = |flow: &Lasting| (std::cmp::Reverse((flow.duration, flow.bytes)), flow.ends);
        self.flows.sort_by_key(order);
        let mut seen = HashSet::new();
        self.flows
            .retain(|flow| seen.insert((flow.ends, flow.proto, flow.port)));
        self.flows.truncate(ROWS);
    }
}

fn add_pair(watch: &mut Watch<(IpAddr, IpAddr), Both>, (src, dst, flow): Between<'_>) {
    if flow.proto != TCP || flow.flags & ACK == 0 || src == dst {
        return;
    }
    let (key, forth) = if src < dst {
        ((src, dst), 0)
    } else {
        ((dst, src), 1)
    };
    watch.change(key, |both| {
        let back = flow.answer_packets.min(flow.packets);
        both.packets[forth] = both.packets[forth].saturating_add(flow.packets - back);
        both.packets[1 - forth] = both.packets[1 - forth].saturating_add(back);
        both.bytes = both.bytes.saturating_add(flow.bytes);
    });
}

fn add_start(watch: &mut Watch<(IpAddr, IpAddr, u16, u8), Starts>, (src, dst, flow): Between<'_>) {
    let Some((start, _)) = flow.times else {
        return;
    };
    // Answers, and what goes to many, are no sign of life.
    let is_answer = flow.src_port.is_some_and(|port| port < 1024)
        && flow.dst_port.is_none_or(|port| port >= 1024);
    if is_answer || flow.bytes > SMALL || dst.is_multicast() {
        return;
    }
    watch.change(
        (src, dst, flow.dst_port.unwrap_or(0), flow.proto),
        |starts| {
            starts.flows += 1;
            starts.longest = starts.longest.max(flow.duration());
            if starts.starts.len() < STARTS {
                starts.starts.push(start);
            }
        },
    );
}

/// Builds a finding from cases, the ones of the greatest weight first.
fn finding<K: Ord>(
    (id, title, rule): (&'static str, &'static str, String),
    one_in: u64,
    mut cases: Vec<(u64, K, Row)>,
) -> Finding {
    cases.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let count = cases.len();
    cases.truncate(ROWS);
    Finding {
        id,
        title,
        rule,
        rows: cases.into_iter().map(|(_, _, row)| row).collect(),
        count,
        one_in,
    }
}

/// A count of different things, which ends at a limit.
fn different(reach: &Reach) -> String {
    let count = text::count(reach.different.count() as u64);
    if reach.different.count() >= DIFFERENT_MAX {
        format!("at least {count}")
    } else {
        count
    }
}

fn horizontal(watch: Watch<(IpAddr, u16), Reach>) -> Finding {
    let one_in = watch.one_in();
    let cases = watch
        .states()
        .filter(|(_, reach)| reach.different.count() >= MANY);
    let cases = cases.map(|((src, port), reach)| {
        let row = Row {
            subject: format!("{src} → port {port}"),
            detail: format!(
                "{} destinations, {} flows",
                different(reach),
                text::count(reach.flows)
            ),
            filter: format!(
                "src ip {src} and proto tcp and dst port {port} and flags S and not flags A"
            ),
        };
        (reach.different.count() as u64, (*src, *port), row)
    });
    let rule = format!(
        "A source sends TCP flows with SYN and without ACK to at least {MANY} addresses on the same port."
    );
    finding(
        ("horizontal_scan", "Many hosts, one port", rule),
        one_in,
        cases.collect(),
    )
}

fn vertical(watch: Watch<(IpAddr, IpAddr), Reach>) -> Finding {
    let one_in = watch.one_in();
    let cases = watch
        .states()
        .filter(|(_, reach)| reach.different.count() >= MANY);
    let cases = cases.map(|((src, dst), reach)| {
        let row = Row {
            subject: format!("{src} → {dst}"),
            detail: format!(
                "{} ports, {} flows",
                different(reach),
                text::count(reach.flows)
            ),
            filter: format!(
                "src ip {src} and dst ip {dst} and proto tcp and flags S and not flags A"
            ),
        };
        (reach.different.count() as u64, (*src, *dst), row)
    });
    let rule = format!(
        "A source sends TCP flows with SYN and without ACK to at least {MANY} ports of the same address."
    );
    finding(
        ("vertical_scan", "One host, many ports", rule),
        one_in,
        cases.collect(),
    )
}

fn flood(watch: Watch<(IpAddr, u16), Reach>) -> Finding {
    let one_in = watch.one_in();
    let is_flood = |reach: &Reach| reach.flows >= FLOOD && reach.different.count() >= MANY;
    let cases = watch.states().filter(|(_, reach)| is_flood(reach));
    let cases = cases.map(|((dst, port), reach)| {
        let row = Row {
            subject: format!("{dst} port {port}"),
            detail: format!(
                "{} flows from {} sources",
                text::count(reach.flows),
                different(reach)
            ),
            filter: format!(
                "dst ip {dst} and proto tcp and dst port {port} and flags S and not flags A"
            ),
        };
        (reach.flows, (*dst, *port), row)
    });
    let rule = format!(
        "At least {} TCP flows with SYN and without ACK from at least {MANY} sources go to one address and port.",
        text::count(FLOOD)
    );
    finding(
        ("syn_flood", "SYN without ACK from many sources", rule),
        one_in,
        cases.collect(),
    )
}

fn resolving(watch: Watch<IpAddr, Reach>) -> Finding {
    let one_in = watch.one_in();
    let cases = watch
        .states()
        .filter(|(_, reach)| reach.different.count() >= MANY);
    let cases = cases.map(|(src, reach)| {
        let row = Row {
            subject: src.to_string(),
            detail: format!(
                "{} servers, {} flows",
                different(reach),
                text::count(reach.flows)
            ),
            filter: format!("src ip {src} and proto udp and dst port 53"),
        };
        (reach.different.count() as u64, *src, row)
    });
    let rule = format!(
        "A source asks at least {MANY} addresses on UDP port 53. Resolvers that follow delegations do this too."
    );
    finding(
        ("dns_to_many", "DNS to many servers", rule),
        one_in,
        cases.collect(),
    )
}

fn amplified(watch: Watch<(IpAddr, IpAddr, u16), Exchange>) -> Finding {
    let one_in = watch.one_in();
    let is_case = |exchange: &Exchange| {
        exchange.answered >= ANSWERED && exchange.answered / exchange.asked.max(1) >= RATIO
    };
    let cases = watch.states().filter(|(_, exchange)| is_case(exchange));
    let cases = cases.map(|((client, server, port), exchange)| {
        let mut detail = format!("{} answered", text::bytes(exchange.answered));
        // Writing to a String cannot fail.
        let _ = match exchange.asked {
            0 => write!(detail, ", no request seen"),
            asked => write!(
                detail,
                ", {} asked: {} ×",
                text::bytes(asked),
                text::count(exchange.answered / asked)
            ),
        };
        let row = Row {
            subject: format!("{server} port {port} → {client}"),
            detail,
            filter: format!("ip {server} and ip {client} and proto udp and port {port}"),
        };
        (exchange.answered, (*server, *client, *port), row)
    });
    let rule = format!(
        "A UDP service that can be abused for amplification (ports {}) answers one address with at least {} and {RATIO} \
         times what was asked.",
        AMPLIFIERS.map(|port| port.to_string()).join(", "),
        text::bytes(ANSWERED)
    );
    finding(
        ("amplification", "Answers larger than questions", rule),
        one_in,
        cases.collect(),
    )
}

fn regular(watch: Watch<(IpAddr, IpAddr, u16, u8), Starts>) -> Finding {
    let one_in = watch.one_in();
    let cases = watch.into_states().filter_map(|(key, mut starts)| {
        let (period, percent) = starts.period()?;
        let (src, dst, port, proto) = key;
        let name = protocol_text(proto.into());
        let (place, term) = match port {
            0 => (String::new(), String::new()),
            port => (format!(" {port}"), format!(" and dst port {port}")),
        };
        let row = Row {
            subject: format!("{src} → {dst} {name}{place}"),
            detail: format!(
                "{} flows, one each {} (± {percent} %)",
                text::count(starts.flows),
                text::duration(period)
            ),
            filter: format!("src ip {src} and dst ip {dst} and proto {proto}{term}"),
        };
        Some((starts.flows, key, row))
    });
    let rule = format!(
        "At least {REGULAR} flows of at most {} between the same addresses and to the same port begin at equal intervals of \
         at least {} s (standard deviation at most 10 % of the interval; the flows last less than half of it; of the first \
         {STARTS} flows seen). Monitoring and time services do this too.",
        text::bytes(SMALL),
        PERIOD / 1000
    );
    finding(
        ("regular", "Regular connections", rule),
        one_in,
        cases.collect(),
    )
}

fn lasting(mut longest: Longest) -> Finding {
    longest.cut();
    let rows = longest.flows.iter().map(|flow| {
        let (src, dst) = flow.ends;
        let port = flow.port.map_or(String::new(), |port| format!(" {port}"));
        Row {
            subject: format!("{src} → {dst} {}{port}", protocol_text(flow.proto.into())),
            detail: format!(
                "{}, {}",
                text::duration(flow.duration),
                text::bytes(flow.bytes)
            ),
            filter: format!(
                "src ip {src} and dst ip {dst} and proto {} and duration >= {}",
                flow.proto, flow.duration
            ),
        }
    });
    Finding {
        id: "long",
        title: "Long flows",
        rule: format!(
            "A flow lasts at least {}. The longest of each pair of addresses and service is shown.",
            text::duration(LONG)
        ),
        rows: rows.collect(),
        count: longest.count,
        one_in: 1,
    }
}

fn one_sided(watch: Watch<(IpAddr, IpAddr), Both>) -> Finding {
    let one_in = watch.one_in();
    let mut all = 0_u64;
    let cases = watch.states().filter_map(|((one, other), both)| {
        let packets = both.packets[0].max(both.packets[1]);
        if packets < ONE_SIDED {
            return None;
        }
        all += 1;
        if both.packets[0].min(both.packets[1]) != 0 {
            return None;
        }
        let (src, dst) = if both.packets[1] == 0 {
            (one, other)
        } else {
            (other, one)
        };
        let row = Row {
            subject: format!("{src} → {dst}"),
            detail: format!(
                "{} packets, {}",
                text::count(packets),
                text::bytes(both.bytes)
            ),
            filter: format!("ip {src} and ip {dst} and proto tcp"),
        };
        Some((both.bytes, (*src, *dst), row))
    });
    let cases: Vec<_> = cases.collect();
    let percent = (cases.len() as u64 * 100).checked_div(all).unwrap_or(0);
    let rule = format!(
        "Two addresses have at least {ONE_SIDED} TCP packets with ACK in one direction and none in the other: {} of {} pairs \
         ({percent} %). Sampling, routing over two ways, or an exporter that sees one direction only.",
        text::count(cases.len() as u64),
        text::count(all)
    );
    let mut found = finding(
        ("one_sided", "TCP in one direction only", rule),
        one_in,
        cases,
    );
    if percent > 50 && found.count > ROWS {
        // No exception, but how these flows were measured.
        found.rows.clear();
    }
    found
}
