//! From an expression to a list of tests with jumps.
//!
//! The expression becomes a tree in which chains of one operator are one node. Cheap and selective
//! tests are moved to the front of their chain, then jumps are set so that no test runs twice.

use std::net::IpAddr;
use std::sync::Arc;

use crate::filter::expr::Expr;
use crate::filter::expr::term::{Addresses, Mpls, Node, Payload, PayloadSide, Term};
use crate::filter::run::sets::NumberSet;
use crate::filter::run::test::{Computed, Range, TCP, Test, known};
use crate::filter::terms::Number;
use crate::flow::stored::Stored;

/// The protocol numbers of ICMP and ICMPv6.
const ICMP: [u64; 2] = [1, 58];

/// The jump target that ends a run with "not selected".
pub(crate) const NO: u32 = 0;
/// The jump target that ends a run with "selected".
pub(crate) const YES: u32 = 1;
/// The jump target of the first test in the list. Jumps lead to earlier tests only.
pub(crate) const FIRST: u32 = 2;

/// Where to go after a test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jump {
    pub(crate) yes: u32,
    pub(crate) no: u32,
}

/// Tests with their jumps.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) tests: Vec<Test>,
    /// As many as tests.
    pub(crate) jumps: Vec<Jump>,
    pub(crate) start: u32,
    /// Whether a test needs the number of the record.
    pub(crate) counts: bool,
}

/// Compiles an expression. Takes time in proportion to its size, apart from sorting chains.
pub(crate) fn compile(expr: &Expr) -> Code {
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
    forest.emit(root)
}

/// A node of the tree. Chains of one operator are one node.
enum Tree {
    Test(Test),
    /// All of these, or with `any` one of them.
    Join {
        any: bool,
        nodes: Vec<usize>,
    },
}

/// A tree in a list: each node comes after those below it.
struct Forest {
    trees: Vec<Tree>,
    /// Whether the answer of a node is inverted.
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

    /// Removes the nodes from a chain of the same operator.
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
        // The shorter list is copied: long chains stay cheap, however they are nested.
        if nodes.len() < others.len() {
            std::mem::swap(&mut nodes, &mut others);
        }
        nodes.append(&mut others);
        self.push(Tree::Join { any, nodes })
    }

    /// One of these tests; never, if there are none.
    fn any(&mut self, tests: impl IntoIterator<Item = Test>) -> usize {
        let nodes: Vec<usize> = tests.into_iter().map(|test| self.test(test)).collect();
        match nodes.as_slice() {
            [] => self.never(),
            [node] => *node,
            _ => self.push(Tree::Join { any: true, nodes }),
        }
    }

    /// One of these numbers is in the range. `absent` is the value of a number that the flow does not
    /// have.
    fn range(
        &mut self,
        numbers: &[Stored],
        range: Option<(u64, u64)>,
        absent: Option<u64>,
    ) -> usize {
        let Some(range) = range.map(Range::new) else {
            return self.never();
        };
        let absent = absent.is_some_and(|value| range.contains(value));
        let numbers = numbers.iter().flat_map(|stored| stored.numbers());
        self.any(numbers.map(|stored| Test::Range {
            stored,
            range,
            absent,
        }))
    }

    /// The node, restricted to flows of these protocols.
    fn of_protocols(&mut self, protocols: &[u64], node: usize) -> usize {
        let protocols = self.any(protocols.iter().map(|number| Test::Range {
            stored: known::PROTO,
            range: Range::new((*number, *number)),
            absent: false,
        }));
        self.join(false, protocols, node)
    }

    fn number(&mut self, number: Number, range: Option<(u64, u64)>) -> usize {
        let numbers = number.term().stored;
        let Some((low, high)) = range else {
            return self.never();
        };
        let computed = match number {
            Number::IcmpType | Number::IcmpCode => {
                let node = self.range(numbers, range, None);
                return self.of_protocols(&ICMP, node);
            }
            Number::Flags => {
                let node = self.range(numbers, range, None);
                return self.of_protocols(&[TCP], node);
            }
            Number::As | Number::SrcAs | Number::DstAs => {
                return self.range(numbers, range, Some(0));
            }
            Number::EngineType => return self.range(&[Stored::ENGINE_TYPE], range, None),
            Number::EngineId => return self.range(&[Stored::ENGINE_ID], range, None),
            Number::ExporterId => return self.range(&[Stored::EXPORTER_ID], range, None),
            Number::Count => return self.test(Test::Count(Range::new((low, high)))),
            Number::FirstSeen => Computed::FirstSeen,
            Number::Duration => Computed::Duration,
            Number::Pps => Computed::Pps,
            Number::Bps => Computed::Bps,
            Number::Bpp => Computed::Bpp,
            _ => return self.range(numbers, range, None),
        };
        self.test(Test::Computed(computed, Range::new((low, high))))
    }

    fn term(&mut self, term: &Term) -> usize {
        match term {
            Term::Any => self.test(Test::Always),
            Term::Unknown(_) => self.never(),
            Term::Ipv4 => self.test(Test::Has(known::SRC_IPV4.element)),
            Term::Ipv6 => self.test(Test::Has(known::SRC_IPV6.element)),
            Term::Ident(name) => self.test(Test::Ident(name.clone())),
            Term::Number(number, compare, value) => self.number(*number, compare.range(*value)),
            Term::NumberIn(number, values) => self.number_in(*number, values),
            Term::Address(side, addresses) => {
                let stored = side.term().stored.iter();
                let tests = stored.flat_map(|(v4, v6)| address_tests(*v4, *v6, addresses));
                self.any(tests)
            }
            Term::Flags { mask, exact } => {
                let mask = u64::from(*mask);
                let node = self.test(Test::Bits {
                    stored: known::TCP_FLAGS,
                    mask: if *exact { 0xFF } else { mask },
                    value: mask,
                });
                self.of_protocols(&[TCP], node)
            }
            Term::TtlEqual => self.test(Test::TtlEqual),
            Term::PortInBlock(port) => {
                let ports = port.term().stored.iter().copied();
                self.any(ports.map(Test::PortInBlock))
            }
            Term::Mpls(part, compare, value) => self.mpls(*part, compare.range(*value), *value),
            Term::Mac(side, address) => {
                self.range(side.term().stored, Some((*address, *address)), None)
            }
            Term::User(name) => self.test(Test::User(name.clone())),
            Term::PfInterface(name) => self.test(Test::PfInterface(name.clone())),
            Term::Payload(payload) => self.payload(payload),
        }
    }

    fn number_in(&mut self, number: Number, values: &[u64]) -> usize {
        let zero = matches!(number, Number::As | Number::SrcAs | Number::DstAs);
        let absent = zero && values.first() == Some(&0);
        let set = Arc::new(NumberSet::new(values));
        self.any(number.term().stored.iter().map(|stored| Test::In {
            stored: *stored,
            set: Arc::clone(&set),
            absent,
        }))
    }

    fn payload(&mut self, payload: &Payload) -> usize {
        match payload {
            Payload::Content(_, pattern) | Payload::Regex(pattern) => self.any(
                [known::PAYLOAD_IN, known::PAYLOAD_OUT]
                    .map(|stored| Test::Pattern(stored, Arc::clone(pattern))),
            ),
            Payload::Dns(side, what) => {
                let stored = match side {
                    PayloadSide::In => known::PAYLOAD_IN,
                    PayloadSide::Out => known::PAYLOAD_OUT,
                };
                self.test(Test::Dns(stored, what.clone()))
            }
            Payload::Tls(what) => self.test(Test::Tls(what.clone())),
        }
    }

    fn mpls(&mut self, part: Mpls, range: Option<(u64, u64)>, value: u64) -> usize {
        let of_entry = |entry: u8| known::MPLS_TOP.following(entry.into());
        let Some((low, high)) = range else {
            return self.never();
        };
        match part {
            Mpls::Label(entry) => {
                // The label is above the lowest four bits.
                const LABEL_MAX: u64 = (u32::MAX >> 4) as u64;
                if low > LABEL_MAX {
                    return self.never();
                }
                self.test(Test::Range {
                    stored: of_entry(entry),
                    range: Range::new((low << 4, high.min(LABEL_MAX) << 4 | 15)),
                    absent: false,
                })
            }
            Mpls::TrafficClass(entry) => {
                let class = (0..8).filter(|class| (low..=high).contains(class));
                self.test(Test::TrafficClass {
                    stored: of_entry(entry),
                    classes: class.fold(0, |classes, class| classes | 1 << class),
                })
            }
            Mpls::Any => self.test(Test::MplsAny(value)),
            Mpls::Bottom => self.test(Test::MplsBottom(Range::new((low, high)))),
        }
    }
}

fn address_tests(v4: Stored, v6: Stored, addresses: &Addresses) -> Vec<Test> {
    let bits4 = |value: u32, mask: u32| Test::Bits {
        stored: v4,
        mask: mask.into(),
        value: value.into(),
    };
    let bits6 = |value: u128, mask: u128| Test::Bits6 {
        stored: v6,
        mask,
        value,
    };
    match addresses {
        Addresses::Host(IpAddr::V4(address)) => vec![bits4(address.to_bits(), u32::MAX)],
        Addresses::Host(IpAddr::V6(address)) => vec![bits6(address.to_bits(), u128::MAX)],
        Addresses::Masked(address, mask) => vec![bits4(address.to_bits(), mask.to_bits())],
        Addresses::Prefix(prefix) => match prefix.address() {
            IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
                vec![bits4(address.to_bits(), !hosts)]
            }
            IpAddr::V6(address) => {
                let hosts = u128::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
                vec![bits6(address.to_bits(), !hosts)]
            }
        },
        Addresses::Set(set) => {
            let v4 = set.has_v4().then(|| Test::Set4 {
                stored: v4,
                set: Arc::clone(set),
            });
            let v6 = set.has_v6().then(|| Test::Set6 {
                stored: v6,
                set: Arc::clone(set),
            });
            v4.into_iter().chain(v6).collect()
        }
    }
}

impl Forest {
    /// Sorts the nodes of each chain so that the answer is found soonest on average.
    fn order(&mut self) {
        // Cost and probability of a yes for each node.
        let mut estimates: Vec<(f32, f32)> = Vec::with_capacity(self.trees.len());
        for (tree, negated) in self.trees.iter_mut().zip(&self.negated) {
            let (cost, likely) = match tree {
                Tree::Test(test) => test.estimate(),
                Tree::Join { any, nodes } => {
                    let estimate = |node: &usize| estimates.get(*node).copied().unwrap_or_default();
                    // Cost divided by the probability that the chain ends here.
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

    /// Emits each chain from its last test to its first, so that all jump targets are known.
    fn emit(mut self, root: usize) -> Code {
        /// A chain whose nodes are being emitted.
        struct Frame {
            nodes: Vec<usize>,
            any: bool,
            yes: u32,
            no: u32,
            /// Where the node that was emitted last begins.
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
            // The last node is complete and begins at `entry`.
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
        Code {
            tests,
            jumps,
            start: entry,
            counts,
        }
    }
}
