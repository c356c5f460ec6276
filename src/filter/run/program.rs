//! Filters made ready to run: a list of tests, each with the place to go on at when it holds and
//! when it does not.
//!
//! The expression is flattened, cheap and selective tests are put first, and jumps lead straight to
//! the test that is still needed: no test is made twice for one flow, nothing is recursive. A program
//! is made once; for each shape of flow (the same elements at the same offsets) that a block has, it
//! is cut down to the tests whose elements are there, with the offsets filled in.

use std::sync::Arc;

use crate::filter::expr::{Addresses, Dns, Expr, Mpls, Node, Payload, PayloadSide, Term, Tls};
use crate::filter::primitive::{Number, Place, Width, place, places};
use crate::filter::run::pattern::Pattern;
use crate::filter::run::sets::{IpSet, NumberSet};
use crate::filter::scope::Scope;
use crate::flow::bytes;
use crate::flow::bytes::{text_at, u8_at, u16_at, u32_at, u64_at};
use crate::flow::view::Flow;
use crate::payload::tls::Hello;
use crate::raw::RawShape;

/// Where a run ends.
const NO: u32 = 0;
const YES: u32 = 1;
/// Place of the first operation; operations lead to earlier ones only.
const FIRST: u32 = 2;

const GENERIC: u8 = 1;
const TCP: u64 = 6;
const PAYLOAD_IN: u8 = 29;
const PAYLOAD_OUT: u8 = 30;
const MPLS: u8 = 14;
const MPLS_ENTRIES: usize = 10;
const DNS_PORT: u16 = 53;
/// TCP puts the length of a DNS message in front of it.
const DNS_TCP_PREFIX: usize = 2;

/// Numbers from `low` on, `span` more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    low: u64,
    span: u64,
}

impl Range {
    fn new((low, high): (u64, u64)) -> Self {
        Self {
            low,
            span: high - low,
        }
    }

    #[inline]
    fn contains(self, value: u64) -> bool {
        value.wrapping_sub(self.low) <= self.span
    }
}

/// Numbers that are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Computed {
    FirstSeen,
    Duration,
    Pps,
    Bps,
    Bpp,
}

/// One question to a flow. If the element is absent the answer is no, unless said otherwise.
#[derive(Clone, Debug)]
enum Test {
    Always,
    Has(u8),
    Range {
        place: Place,
        range: Range,
        absent: bool,
    },
    /// The number is `value` under the mask.
    Bits {
        place: Place,
        mask: u64,
        value: u64,
    },
    In {
        place: Place,
        set: Arc<NumberSet>,
        absent: bool,
    },
    /// An IPv6 address is `value` under the mask.
    Bits6 {
        element: u8,
        offset: u16,
        mask: u128,
        value: u128,
    },
    Set4 {
        place: Place,
        set: Arc<IpSet>,
    },
    Set6 {
        element: u8,
        offset: u16,
        set: Arc<IpSet>,
    },
    Computed(Computed, Range),
    /// Bit n: traffic class n.
    TrafficClass {
        place: Place,
        classes: u8,
    },
    MplsAny(u64),
    MplsBottom(Range),
    TtlEqual,
    PortInBlock(Place),
    User(Box<str>),
    PfInterface(Box<str>),
    Pattern(u8, Arc<Pattern>),
    Dns(u8, Dns),
    Tls(Tls),
    Ident(Box<str>),
    Count(Range),
}

impl Test {
    /// The element whose absence decides, and how.
    fn needs(&self) -> Option<(u8, bool)> {
        Some(match self {
            Self::Always | Self::Ident(_) | Self::Count(_) => return None,
            Self::Has(element) => (*element, false),
            Self::Range { place, absent, .. } | Self::In { place, absent, .. } => {
                if place.element == 0 {
                    return None;
                }
                (place.element, *absent)
            }
            Self::Bits { place, .. }
            | Self::TrafficClass { place, .. }
            | Self::Set4 { place, .. } => (place.element, false),
            Self::Bits6 { element, .. } | Self::Set6 { element, .. } => (*element, false),
            Self::Computed(..) => (GENERIC, false),
            Self::MplsAny(_) | Self::MplsBottom(_) => (MPLS, false),
            Self::TtlEqual => (42, false),
            Self::PortInBlock(_) => (26, false),
            Self::User(_) => (24, false),
            Self::PfInterface(_) => (37, false),
            Self::Pattern(element, _) | Self::Dns(element, _) => (*element, false),
            Self::Tls(_) => (PAYLOAD_IN, false),
        })
    }

    /// What one run costs, in no particular unit, and how often the answer is yes: rough, and only
    /// for the order.
    fn estimate(&self) -> (f32, f32) {
        match self {
            Self::Always => (0.0, 1.0),
            Self::Has(_) => (0.1, 0.5),
            Self::Ident(_) => (0.5, 0.5),
            Self::Count(_) => (0.5, 0.5),
            Self::Range { place, range, .. } => {
                let likely = match range.span {
                    0 if place.width == Width::One => 0.4,
                    0 => 0.05,
                    _ => 0.4,
                };
                (1.0, likely)
            }
            Self::Bits { mask, .. } if *mask == u64::from(u32::MAX) => (1.0, 0.01),
            Self::Bits { .. } => (1.0, 0.2),
            Self::TrafficClass { .. } => (1.0, 0.2),
            Self::In { .. } => (1.5, 0.2),
            Self::Bits6 { .. } => (1.5, 0.02),
            Self::Set4 { .. } | Self::Set6 { .. } => (3.0, 0.1),
            Self::Computed(Computed::FirstSeen | Computed::Duration, _) => (2.0, 0.4),
            Self::Computed(..) => (8.0, 0.3),
            Self::MplsAny(_) | Self::MplsBottom(_) => (5.0, 0.1),
            Self::TtlEqual | Self::PortInBlock(_) => (2.0, 0.2),
            Self::User(_) | Self::PfInterface(_) => (10.0, 0.05),
            Self::Pattern(..) => (200.0, 0.1),
            Self::Dns(..) => (200.0, 0.1),
            Self::Tls(Tls::Ja3(_) | Tls::Ja4(_)) => (2000.0, 0.01),
            Self::Tls(_) => (200.0, 0.1),
        }
    }

    /// The answer by the accessors of the flow: right for every flow, whatever its shape.
    fn ask(&self, flow: &Flow<'_>, scope: Scope<'_>, number: u64) -> bool {
        let at = |place: &Place| {
            if place.element == 0 {
                return Some(read(flow.record(), place.offset.into(), place.width));
            }
            let payload = flow.element(place.element)?;
            let offset = usize::from(place.offset);
            let offset = if place.nat_layout {
                bytes::nat_offset(payload, offset)
            } else {
                offset
            };
            Some(read(payload, offset, place.width))
        };
        let v6 = |element: u8, offset: u16| {
            let payload = flow.element(element)?;
            Some(address6(payload, offset.into()))
        };
        match self {
            Self::Always => true,
            Self::Has(element) => flow.element(*element).is_some(),
            Self::Range {
                place,
                range,
                absent,
            } => at(place).map_or(*absent, |value| range.contains(value)),
            Self::Bits { place, mask, value } => {
                at(place).is_some_and(|found| found & mask == *value)
            }
            Self::In { place, set, absent } => {
                at(place).map_or(*absent, |value| set.contains(value))
            }
            Self::Bits6 {
                element,
                offset,
                mask,
                value,
            } => v6(*element, *offset).is_some_and(|found| found & mask == *value),
            Self::Set4 { place, set } => {
                at(place).is_some_and(|value| set.contains_v4(value as u32))
            }
            Self::Set6 {
                element,
                offset,
                set,
            } => v6(*element, *offset).is_some_and(|value| set.contains_v6(value)),
            Self::Computed(what, range) => {
                let Some(generic) = flow.element(GENERIC) else {
                    return false;
                };
                let first = flow.first_seen_at(generic, 0);
                range.contains(compute(*what, generic, first))
            }
            Self::TrafficClass { place, classes } => {
                at(place).is_some_and(|entry| classes >> (entry >> 1 & 7) & 1 == 1)
            }
            Self::MplsAny(label) => flow
                .element(MPLS)
                .is_some_and(|stack| entries(stack).any(|entry| entry >> 4 == *label)),
            Self::MplsBottom(range) => flow.element(MPLS).is_some_and(|stack| {
                let bottom = entries(stack).find(|entry| entry & 1 == 1);
                bottom.is_some_and(|entry| range.contains(entry >> 4))
            }),
            Self::TtlEqual => flow
                .element(42)
                .is_some_and(|info| u8_at(info, 2) == u8_at(info, 3)),
            Self::PortInBlock(port) => {
                let (Some(port), Some(block)) = (at(port), flow.element(26)) else {
                    return false;
                };
                (u64::from(u16_at(block, 0))..=u64::from(u16_at(block, 2))).contains(&port)
            }
            Self::User(name) => flow
                .element(24)
                .is_some_and(|user| text_at(user, 0, flow.user_name_max()) == name.as_bytes()),
            Self::PfInterface(name) => flow
                .element(37)
                .is_some_and(|log| text_at(log, 20, usize::MAX) == name.as_bytes()),
            Self::Pattern(element, pattern) => flow
                .element(*element)
                .is_some_and(|payload| pattern.matches(payload)),
            Self::Dns(element, what) => dns(flow, *element, what),
            Self::Tls(what) => tls(flow, what),
            Self::Ident(name) => scope.ident.unwrap_or(b"none") == name.as_bytes(),
            Self::Count(range) => range.contains(number),
        }
    }
}

/// A number of the given width; bytes that are not there are 0.
#[inline]
fn read(bytes: &[u8], at: usize, width: Width) -> u64 {
    match width {
        Width::One => u8_at(bytes, at).into(),
        Width::Two => u16_at(bytes, at).into(),
        Width::Four => u32_at(bytes, at).into(),
        Width::Eight => u64_at(bytes, at),
    }
}

#[inline]
fn address6(bytes: &[u8], at: usize) -> u128 {
    bytes::ip6_at(bytes, at).to_bits()
}

/// As nfdump: differences and products wrap.
#[inline]
fn compute(what: Computed, generic: &[u8], first: u64) -> u64 {
    let duration = || u64_at(generic, 8).wrapping_sub(first);
    let rate = |amount: u64, factor: u64| match duration() {
        0 => 0,
        duration => amount.wrapping_mul(factor) / duration,
    };
    let (packets, bytes) = (u64_at(generic, 24), u64_at(generic, 32));
    match what {
        Computed::FirstSeen => first,
        Computed::Duration => duration(),
        Computed::Pps => rate(packets, 1000),
        Computed::Bps => rate(bytes, 8000),
        Computed::Bpp => bytes.checked_div(packets).unwrap_or(0),
    }
}

fn entries(stack: &[u8]) -> impl Iterator<Item = u64> {
    (0..MPLS_ENTRIES).map(|entry| u64::from(u32_at(stack, 4 * entry)))
}

fn dns(flow: &Flow<'_>, element: u8, what: &Dns) -> bool {
    let (Some(generic), Some(payload)) = (flow.element(GENERIC), flow.element(element)) else {
        return false;
    };
    if u16_at(generic, 40) != DNS_PORT && u16_at(generic, 42) != DNS_PORT {
        return false;
    }
    let message = if u64::from(u8_at(generic, 44)) == TCP {
        payload.get(DNS_TCP_PREFIX..)
    } else {
        Some(payload)
    };
    let mut found = matches!(what, Dns::Defined);
    let look = |wanted: &str, text: &[u8]| crate::payload::dns::contains(text, wanted.as_bytes());
    let decoded = message.and_then(|message| match what {
        Dns::Defined => crate::payload::dns::decode(message, |_| {}, |_| {}),
        Dns::Name(name) => {
            crate::payload::dns::decode(message, |text| found |= look(name, text), |_| {})
        }
        Dns::Address(address) => {
            crate::payload::dns::decode(message, |_| {}, |text| found |= look(address, text))
        }
    });
    decoded.is_some() && found
}

fn tls(flow: &Flow<'_>, what: &Tls) -> bool {
    let is_tcp = flow
        .element(GENERIC)
        .is_some_and(|generic| u64::from(u8_at(generic, 44)) == TCP);
    let Some(hello) = flow
        .element(PAYLOAD_IN)
        .filter(|_| is_tcp)
        .and_then(Hello::parse)
    else {
        return false;
    };
    match what {
        Tls::Defined | Tls::Ja3Defined => true,
        Tls::Version(wire) => hello.version().wire() == *wire,
        Tls::ServerName(name) => hello
            .sni()
            .is_some_and(|sni| crate::payload::dns::contains(sni, name.as_bytes())),
        Tls::Ja3(hash) => hello.ja3() == hash.as_bytes(),
        Tls::Ja4Defined => hello.ja4().is_some(),
        Tls::Ja4(hash) => hello.ja4().is_some_and(|ja4| ja4 == hash.as_bytes()),
    }
}

/// A node of the expression as a tree: chains of one operator are one node.
enum Tree {
    Test(Test),
    /// All, or with `any` one of these.
    Join {
        any: bool,
        nodes: Vec<usize>,
    },
}

/// A tree in a list: nodes come after those below them.
struct Forest {
    trees: Vec<Tree>,
    /// The answer is to be turned round.
    negated: Vec<bool>,
}

impl Forest {
    fn push(&mut self, tree: Tree) -> usize {
        self.trees.push(tree);
        self.negated.push(false);
        self.trees.len() - 1
    }

    fn test(&mut self, test: Test) -> usize {
        self.push(Tree::Test(test))
    }

    fn never(&mut self) -> usize {
        let node = self.test(Test::Always);
        self.negate(node);
        node
    }

    fn negate(&mut self, node: usize) {
        if let Some(negated) = self.negated.get_mut(node) {
            *negated = !*negated;
        }
    }

    /// Takes the nodes out of a chain of the same operator.
    fn open(&mut self, node: usize, wanted: bool) -> Option<Vec<usize>> {
        if self.negated.get(node) != Some(&false) {
            return None;
        }
        match self.trees.get_mut(node) {
            Some(Tree::Join { any, nodes }) if *any == wanted => Some(std::mem::take(nodes)),
            _ => None,
        }
    }

    fn join(&mut self, any: bool, left: usize, right: usize) -> usize {
        let mut nodes = self.open(left, any).unwrap_or_else(|| vec![left]);
        let mut others = self.open(right, any).unwrap_or_else(|| vec![right]);
        // The longer one is kept: long chains stay cheap, however they are nested.
        if nodes.len() < others.len() {
            std::mem::swap(&mut nodes, &mut others);
        }
        nodes.append(&mut others);
        self.push(Tree::Join { any, nodes })
    }

    /// One of these.
    fn any(&mut self, tests: impl IntoIterator<Item = Test>) -> usize {
        let nodes: Vec<usize> = tests.into_iter().map(|test| self.test(test)).collect();
        match nodes.as_slice() {
            [] => self.never(),
            [node] => *node,
            _ => self.push(Tree::Join { any: true, nodes }),
        }
    }

    fn range(&mut self, fields: &[&str], range: Option<(u64, u64)>, absent: u64) -> usize {
        let Some(range) = range.map(Range::new) else {
            return self.never();
        };
        let absent = absent != u64::MAX && range.contains(absent);
        let places: Vec<Place> = fields.iter().flat_map(|field| places(field)).collect();
        self.any(places.into_iter().map(|place| Test::Range {
            place,
            range,
            absent,
        }))
    }

    /// The test, for flows of protocols of this field's.
    fn of_protocols(&mut self, protocols: &[u64], node: usize) -> usize {
        let place = place("proto");
        let protocols = self.any(protocols.iter().map(|number| Test::Range {
            place,
            range: Range::new((*number, *number)),
            absent: false,
        }));
        self.join(false, protocols, node)
    }

    fn number(&mut self, number: Number, range: Option<(u64, u64)>) -> usize {
        let header = |offset, width| Place::new(0, offset, width);
        let computed = match number {
            Number::FirstSeen => Some(Computed::FirstSeen),
            Number::Duration => Some(Computed::Duration),
            Number::Pps => Some(Computed::Pps),
            Number::Bps => Some(Computed::Bps),
            Number::Bpp => Some(Computed::Bpp),
            _ => None,
        };
        let header = match number {
            Number::EngineType => Some(header(6, Width::One)),
            Number::EngineId => Some(header(7, Width::One)),
            Number::ExporterId => Some(header(8, Width::Two)),
            _ => None,
        };
        let fields = number.term().fields;
        match (number, range) {
            (Number::IcmpType | Number::IcmpCode, _) => {
                let node = self.range(fields, range, u64::MAX);
                self.of_protocols(&[1, 58], node)
            }
            (Number::Flags, _) => {
                let node = self.range(fields, range, u64::MAX);
                self.of_protocols(&[TCP], node)
            }
            (Number::As | Number::SrcAs | Number::DstAs, _) => self.range(fields, range, 0),
            (_, None) => self.never(),
            (Number::Count, Some(range)) => self.test(Test::Count(Range::new(range))),
            (_, Some(range)) => match (computed, header) {
                (Some(computed), _) => self.test(Test::Computed(computed, Range::new(range))),
                (_, Some(place)) => self.test(Test::Range {
                    place,
                    range: Range::new(range),
                    absent: false,
                }),
                _ => self.range(fields, Some(range), u64::MAX),
            },
        }
    }

    fn term(&mut self, term: &Term) -> usize {
        match term {
            Term::Any => self.test(Test::Always),
            Term::Unknown(_) => self.never(),
            Term::Ipv4 => self.test(Test::Has(2)),
            Term::Ipv6 => self.test(Test::Has(3)),
            Term::Ident(name) => self.test(Test::Ident(name.clone())),
            Term::Number(number, compare, value) => self.number(*number, compare.range(*value)),
            Term::NumberIn(number, values) => {
                let zero = matches!(number, Number::As | Number::SrcAs | Number::DstAs);
                let absent = zero && values.first() == Some(&0);
                let set = Arc::new(NumberSet::new(values));
                let places = number.term().fields.iter().flat_map(|field| places(field));
                let tests = places.map(|place| Test::In {
                    place,
                    set: Arc::clone(&set),
                    absent,
                });
                self.any(tests.collect::<Vec<_>>())
            }
            Term::Address(side, addresses) => {
                let fields = side.term().fields.iter();
                let tests =
                    fields.flat_map(|(v4, v6)| address_tests(place(v4), place(v6), addresses));
                self.any(tests.collect::<Vec<_>>())
            }
            Term::Flags { mask, exact } => {
                let mask = u64::from(*mask);
                let node = self.test(Test::Bits {
                    place: place("tcp_flags"),
                    mask: if *exact { 0xFF } else { mask },
                    value: mask,
                });
                self.of_protocols(&[TCP], node)
            }
            Term::TtlEqual => self.test(Test::TtlEqual),
            Term::PortInBlock(port) => {
                let places = port.term().fields.iter().flat_map(|field| places(field));
                self.any(places.map(Test::PortInBlock).collect::<Vec<_>>())
            }
            Term::Mpls(part, compare, value) => self.mpls(*part, compare.range(*value), *value),
            Term::Mac(side, address) => {
                let (_, fields) = side.term();
                let range = Some((*address, *address));
                self.range(fields, range, u64::MAX)
            }
            Term::User(name) => self.test(Test::User(name.clone())),
            Term::PfInterface(name) => self.test(Test::PfInterface(name.clone())),
            Term::Payload(payload) => match payload {
                Payload::Content(_, pattern) | Payload::Regex(pattern) => self.any(
                    [PAYLOAD_IN, PAYLOAD_OUT]
                        .map(|element| Test::Pattern(element, Arc::clone(pattern))),
                ),
                Payload::Dns(side, what) => {
                    let element = match side {
                        PayloadSide::In => PAYLOAD_IN,
                        PayloadSide::Out => PAYLOAD_OUT,
                    };
                    self.test(Test::Dns(element, what.clone()))
                }
                Payload::Tls(what) => self.test(Test::Tls(what.clone())),
            },
        }
    }

    fn mpls(&mut self, part: Mpls, range: Option<(u64, u64)>, value: u64) -> usize {
        let entry_place = |entry: u8| Place::new(MPLS, u16::from(entry) * 4, Width::Four);
        let Some((low, high)) = range else {
            return self.never();
        };
        match part {
            Mpls::Label(entry) => {
                // The label is what stands above the lowest four bits.
                const LABEL_MAX: u64 = (u32::MAX >> 4) as u64;
                if low > LABEL_MAX {
                    return self.never();
                }
                self.test(Test::Range {
                    place: entry_place(entry),
                    range: Range::new((low << 4, high.min(LABEL_MAX) << 4 | 15)),
                    absent: false,
                })
            }
            Mpls::TrafficClass(entry) => {
                let class = (0..8).filter(|class| (low..=high).contains(class));
                self.test(Test::TrafficClass {
                    place: entry_place(entry),
                    classes: class.fold(0, |classes, class| classes | 1 << class),
                })
            }
            Mpls::Any => self.test(Test::MplsAny(value)),
            Mpls::Bottom => self.test(Test::MplsBottom(Range::new((low, high)))),
        }
    }
}

fn address_tests(v4: Place, v6: Place, addresses: &Addresses) -> Vec<Test> {
    let bits4 = |value: u32, mask: u32| Test::Bits {
        place: v4,
        mask: mask.into(),
        value: value.into(),
    };
    let bits6 = |value: u128, mask: u128| Test::Bits6 {
        element: v6.element,
        offset: v6.offset,
        mask,
        value,
    };
    match addresses {
        Addresses::Host(std::net::IpAddr::V4(address)) => vec![bits4(address.to_bits(), u32::MAX)],
        Addresses::Host(std::net::IpAddr::V6(address)) => vec![bits6(address.to_bits(), u128::MAX)],
        Addresses::Masked(address, mask) => vec![bits4(address.to_bits(), mask.to_bits())],
        Addresses::Prefix(prefix) => match prefix.address() {
            std::net::IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
                vec![bits4(address.to_bits(), !hosts)]
            }
            std::net::IpAddr::V6(address) => {
                let hosts = u128::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
                vec![bits6(address.to_bits(), !hosts)]
            }
        },
        Addresses::Set(set) => {
            let v4 = set.has_v4().then(|| Test::Set4 {
                place: v4,
                set: Arc::clone(set),
            });
            let v6 = set.has_v6().then(|| Test::Set6 {
                element: v6.element,
                offset: v6.offset,
                set: Arc::clone(set),
            });
            v4.into_iter().chain(v6).collect()
        }
    }
}

/// What to do after a test.
#[derive(Clone, Copy, Debug)]
struct Jump {
    yes: u32,
    no: u32,
}

/// A filter ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    tests: Vec<Test>,
    /// As many as tests.
    jumps: Vec<Jump>,
    start: u32,
    /// Whether a test needs the number of the record.
    pub(crate) counts: bool,
}

impl Program {
    pub(crate) fn new(expr: &Expr) -> Self {
        let mut forest = Forest {
            trees: Vec::with_capacity(expr.nodes.len()),
            negated: Vec::with_capacity(expr.nodes.len()),
        };
        let mut roots = Vec::new();
        for node in &expr.nodes {
            match node {
                Node::Term(term) => roots.push(forest.term(term)),
                Node::Not => {
                    if let Some(root) = roots.last() {
                        forest.negate(*root);
                    }
                }
                Node::And | Node::Or => {
                    if let (Some(right), Some(left)) = (roots.pop(), roots.pop()) {
                        roots.push(forest.join(*node == Node::Or, left, right));
                    }
                }
            }
        }
        let root = roots.pop().unwrap_or_else(|| forest.test(Test::Always));
        forest.order();
        forest.compile(root)
    }

    /// Whether the flow is selected; right for every flow, whatever its shape.
    pub(crate) fn run(&self, flow: &Flow<'_>, scope: Scope<'_>, number: u64) -> bool {
        let mut at = self.start;
        while at >= FIRST {
            let index = (at - FIRST) as usize;
            let (Some(test), Some(jump)) = (self.tests.get(index), self.jumps.get(index)) else {
                return false;
            };
            at = if test.ask(flow, scope, number) {
                jump.yes
            } else {
                jump.no
            };
        }
        at == YES
    }

    pub(crate) fn len(&self) -> usize {
        self.tests.len()
    }

    /// Whether flows in a file with these statistics can be selected: `answer` says what is known of
    /// a test for the whole file.
    fn possible(&self, answer: impl Fn(&Test) -> Option<bool>) -> bool {
        let mut reachable = vec![false; self.tests.len() + FIRST as usize];
        if let Some(start) = reachable.get_mut(self.start as usize) {
            *start = true;
        }
        for (index, (test, jump)) in self.tests.iter().zip(&self.jumps).enumerate().rev() {
            if !reachable.get(index + FIRST as usize).is_some_and(|r| *r) {
                continue;
            }
            let known = answer(test);
            for (target, wanted) in [(jump.yes, true), (jump.no, false)] {
                if known.is_none_or(|known| known == wanted)
                    && let Some(reached) = reachable.get_mut(target as usize)
                {
                    *reached = true;
                }
            }
        }
        reachable.get(YES as usize).is_some_and(|reached| *reached)
    }

    /// Whether a file whose flows start at `first` or later and end at `last` or earlier, with this
    /// ident, can have flows that are selected.
    pub(crate) fn may_select(
        &self,
        first: Option<u64>,
        last: Option<u64>,
        ident: Option<&[u8]>,
    ) -> bool {
        self.possible(|test| match test {
            Test::Always => Some(true),
            Test::Ident(name) => Some(ident.unwrap_or(b"none") == name.as_bytes()),
            Test::Computed(Computed::FirstSeen, range) => {
                let end = range.low.checked_add(range.span)?;
                (end < first?).then_some(false)
            }
            Test::Range { place, range, .. } if *place == self::place("last") => {
                (range.low > last?).then_some(false)
            }
            _ => None,
        })
    }
}

impl Forest {
    /// Puts the nodes of each chain in the order in which the answer is found soonest.
    fn order(&mut self) {
        // Cost and likelihood of yes for each node, those below first.
        let mut estimates: Vec<(f32, f32)> = Vec::with_capacity(self.trees.len());
        for (tree, negated) in self.trees.iter_mut().zip(&self.negated) {
            let (cost, likely) = match tree {
                Tree::Test(test) => test.estimate(),
                Tree::Join { any, nodes } => {
                    let estimate = |node: &usize| estimates.get(*node).copied().unwrap_or_default();
                    // The price of each chance that the chain ends here.
                    let price = |node: &usize| {
                        let (cost, likely) = estimate(node);
                        let ends = if *any { likely } else { 1.0 - likely };
                        cost / ends.max(0.001)
                    };
                    nodes.sort_by(|a, b| price(a).total_cmp(&price(b)));
                    let (mut cost, mut goes_on) = (0.0, 1.0);
                    for node in nodes.iter() {
                        let (own, likely) = estimate(node);
                        cost += goes_on * own;
                        goes_on *= if *any { 1.0 - likely } else { likely };
                    }
                    (cost, if *any { 1.0 - goes_on } else { goes_on })
                }
            };
            estimates.push((cost, if *negated { 1.0 - likely } else { likely }));
        }
    }

    /// From the last test of a chain to the first, so that every jump leads to what is there already.
    fn compile(mut self, root: usize) -> Program {
        struct Frame {
            nodes: Vec<usize>,
            any: bool,
            yes: u32,
            no: u32,
            /// Where the node after the next one begins.
            entry: u32,
        }
        let mut tests = Vec::new();
        let mut jumps = Vec::new();
        let mut counts = false;
        let mut frames: Vec<Frame> = Vec::new();
        let mut wanted = Some((root, YES, NO));
        let mut entry = NO;
        loop {
            if let Some((node, yes, no)) = wanted.take() {
                let negated = self.negated.get(node).is_some_and(|negated| *negated);
                let (yes, no) = if negated { (no, yes) } else { (yes, no) };
                let tree = self.trees.get_mut(node);
                match tree.map(|tree| std::mem::replace(tree, Tree::Test(Test::Always))) {
                    Some(Tree::Test(Test::Always)) | None => entry = yes,
                    Some(Tree::Test(test)) => {
                        counts |= matches!(test, Test::Count(_));
                        // Texts are below 2^24 bytes, so there are fewer tests than 2^32.
                        entry = tests.len() as u32 + FIRST;
                        tests.push(test);
                        jumps.push(Jump { yes, no });
                    }
                    Some(Tree::Join { any, nodes }) => {
                        frames.push(Frame {
                            nodes,
                            any,
                            yes,
                            no,
                            entry: if any { no } else { yes },
                        });
                        entry = if any { no } else { yes };
                    }
                }
            }
            // A node is done and begins at `entry`.
            let Some(frame) = frames.last_mut() else {
                break;
            };
            frame.entry = entry;
            match frame.nodes.pop() {
                Some(node) => {
                    wanted = Some(if frame.any {
                        (node, frame.yes, frame.entry)
                    } else {
                        (node, frame.entry, frame.no)
                    });
                }
                None => {
                    entry = frame.entry;
                    frames.pop();
                }
            }
        }
        Program {
            tests,
            jumps,
            start: entry,
            counts,
        }
    }
}

/// A test with the place of its number in the record, or the number of a test to ask in full.
#[derive(Clone, Copy, Debug)]
enum Op {
    One(u16, Range),
    Two(u16, Range),
    Four(u16, Range),
    Eight(u16, Range),
    Bits1(u16, u8, u8),
    Bits4(u16, u32, u32),
    /// One of the larger tests, its number in the record at this place.
    At(u16, u32),
    Ask(u32),
}

#[derive(Clone, Copy, Debug)]
struct Step {
    op: Op,
    jump: Jump,
}

/// Programs cut down to the shapes of one block.
pub(crate) struct Plans<'p> {
    program: &'p Program,
    steps: Vec<Step>,
    /// For each shape and case of its two address families: where to start, plus one.
    starts: Vec<u32>,
}

/// Operations of one block at most; shapes beyond are asked in full.
const STEPS_MAX: usize = 1 << 18;
/// Both families in one record: which one counts is different from flow to flow.
const FAMILIES: u64 = 1 << 2 | 1 << 3;
const CASES: usize = 4;

/// Where a flow starts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    At(u32),
    /// There is no plan for this shape.
    Unplanned,
}

impl<'p> Plans<'p> {
    pub(crate) fn new(program: &'p Program, shapes: usize) -> Self {
        Self {
            program,
            steps: Vec::new(),
            starts: vec![0; shapes * CASES],
        }
    }

    /// The start for flows of a shape that have these elements.
    #[inline]
    pub(crate) fn start(&mut self, number: usize, shape: &RawShape, present: u64) -> Start {
        let slot = number * CASES + (present >> 2 & 3) as usize;
        match self.starts.get(slot) {
            Some(0) => {}
            Some(start) => return Start::At(start - 1),
            None => return Start::Unplanned,
        }
        if self.steps.len() + self.program.len() > STEPS_MAX {
            return Start::Unplanned;
        }
        let start = self.plan(shape, present);
        if let Some(known) = self.starts.get_mut(slot) {
            *known = start + 1;
        }
        Start::At(start)
    }

    /// Leaves out what the presence of elements decides.
    fn plan(&mut self, shape: &RawShape, present: u64) -> u32 {
        let mut target = Vec::with_capacity(self.program.len() + FIRST as usize);
        target.extend([NO, YES]);
        for (index, (test, jump)) in self
            .program
            .tests
            .iter()
            .zip(&self.program.jumps)
            .enumerate()
        {
            let go = |target: &[u32], to: u32| target.get(to as usize).copied().unwrap_or(NO);
            let jump = Jump {
                yes: go(&target, jump.yes),
                no: go(&target, jump.no),
            };
            let known = match (test.needs(), test) {
                (Some((element, absent)), _) if present >> element & 1 == 0 => Some(absent),
                (_, Test::Has(_)) => Some(true),
                _ => None,
            };
            let here = match known {
                Some(true) => jump.yes,
                Some(false) => jump.no,
                None if jump.yes == jump.no => jump.yes,
                None => {
                    let at = self.steps.len() as u32 + FIRST;
                    self.steps.push(Step {
                        op: operation(test, index as u32, shape),
                        jump,
                    });
                    at
                }
            };
            target.push(here);
        }
        target
            .get(self.program.start as usize)
            .copied()
            .unwrap_or(NO)
    }

    /// Whether a flow is selected that starts at `at`. `flow` makes a view of it for tests that need
    /// one.
    #[inline]
    pub(crate) fn run<'a>(
        &self,
        start: u32,
        record: &'a [u8],
        flow: impl Fn() -> Flow<'a>,
        scope: Scope<'_>,
        number: u64,
    ) -> bool {
        let mut at = start;
        while at >= FIRST {
            let Some(step) = self.steps.get((at - FIRST) as usize) else {
                return false;
            };
            let yes = match step.op {
                Op::One(at, range) => range.contains(u8_at(record, at.into()).into()),
                Op::Two(at, range) => range.contains(u16_at(record, at.into()).into()),
                Op::Four(at, range) => range.contains(u32_at(record, at.into()).into()),
                Op::Eight(at, range) => range.contains(u64_at(record, at.into())),
                Op::Bits1(at, mask, value) => u8_at(record, at.into()) & mask == value,
                Op::Bits4(at, mask, value) => u32_at(record, at.into()) & mask == value,
                Op::At(at, test) => self
                    .program
                    .tests
                    .get(test as usize)
                    .is_some_and(|test| ask_at(test, record, at.into())),
                Op::Ask(test) => self
                    .program
                    .tests
                    .get(test as usize)
                    .is_some_and(|test| test.ask(&flow(), scope, number)),
            };
            at = if yes { step.jump.yes } else { step.jump.no };
        }
        at == YES
    }
}

/// The larger tests, with the place of their number in the record known.
#[inline]
fn ask_at(test: &Test, record: &[u8], at: usize) -> bool {
    match test {
        Test::Bits6 { mask, value, .. } => address6(record, at) & mask == *value,
        Test::Set4 { set, .. } => set.contains_v4(u32_at(record, at)),
        Test::Set6 { set, .. } => set.contains_v6(address6(record, at)),
        Test::In { place, set, .. } => set.contains(read(record, at, place.width)),
        // Nothing else becomes such an operation.
        _ => false,
    }
}

/// The cheapest way to make a test on flows of a shape.
fn operation(test: &Test, index: u32, shape: &RawShape) -> Op {
    // Where a number lies in the record, if all its bytes are there.
    let locate = |element: u8, offset: u16, bytes: u16, nat_layout: bool| {
        if element == 0 {
            return Some(offset);
        }
        let start = *shape.offset.get(usize::from(element))?;
        let length = *shape.length.get(usize::from(element))?;
        (!nat_layout && offset + bytes <= length).then_some(start.checked_add(offset)?)
    };
    let of_place = |place: &Place| {
        locate(
            place.element,
            place.offset,
            place.width.bytes(),
            place.nat_layout,
        )
    };
    let found = match test {
        Test::Range { place, range, .. } => of_place(place).map(|at| match place.width {
            Width::One => Op::One(at, *range),
            Width::Two => Op::Two(at, *range),
            Width::Four => Op::Four(at, *range),
            Width::Eight => Op::Eight(at, *range),
        }),
        Test::Bits { place, mask, value } => of_place(place).and_then(|at| match place.width {
            Width::One => Some(Op::Bits1(at, *mask as u8, *value as u8)),
            Width::Four => Some(Op::Bits4(at, *mask as u32, *value as u32)),
            _ => None,
        }),
        Test::Bits6 {
            element, offset, ..
        }
        | Test::Set6 {
            element, offset, ..
        } => locate(*element, *offset, 16, false).map(|at| Op::At(at, index)),
        Test::Set4 { place, .. } | Test::In { place, .. } => {
            of_place(place).map(|at| Op::At(at, index))
        }
        _ => None,
    };
    found.unwrap_or(Op::Ask(index))
}

/// Whether the elements of a flow of this shape are the same for all flows of it.
#[inline]
pub(crate) fn is_plain(shape: &RawShape) -> bool {
    shape.present & FAMILIES != FAMILIES
}
