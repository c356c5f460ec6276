//! Orders of groups.

/// Which side of bidirectional counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The sum of both.
    #[default]
    Both,
    /// `in_packets` and `in_bytes`.
    In,
    /// `out_packets` and `out_bytes`.
    Out,
}

/// What groups are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderBy {
    /// The keys, one after the other.
    Key,
    /// Flows.
    Flows,
    /// Packets.
    Packets(Side),
    /// Bytes.
    Bytes(Side),
    /// Packets a second.
    Pps(Side),
    /// Bits a second.
    Bps(Side),
    /// Bytes a packet.
    Bpp(Side),
    /// A distinct count, by its place.
    Distinct(usize),
    /// A quantile: the place of its quantity, and which one in thousandths.
    Quantile(usize, u16),
    /// Earliest start.
    First,
    /// Latest end.
    Last,
    /// From the earliest start to the latest end.
    Duration,
    /// The first flow's number; needs
    /// [`remember_first`](crate::aggregate::GroupingBuilder::remember_first).
    Appearance,
}

/// From small to large, or the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

/// What orders groups of equal value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tie {
    /// Their keys, ascending.
    Key,
    /// Which came first; needs
    /// [`remember_first`](crate::aggregate::GroupingBuilder::remember_first).
    Appearance(Direction),
}

/// An order of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub(crate) by: OrderBy,
    pub(crate) direction: Direction,
    pub(crate) tie: Tie,
    /// The key whose values come first, in ascending order.
    pub(crate) within: Option<usize>,
}

impl Order {
    /// In this direction; equal groups by key.
    #[must_use]
    pub fn new(by: OrderBy, direction: Direction) -> Self {
        Self {
            by,
            direction,
            tie: Tie::Key,
            within: None,
        }
    }

    /// This order within each value of the key at a place; these values are in ascending order. A number of groups
    /// to show then counts for each of them, such as the ten largest of each interval of time.
    #[must_use]
    pub fn within(mut self, key: usize) -> Self {
        self.within = Some(key);
        self
    }

    /// What is compared.
    #[must_use]
    pub fn by(&self) -> OrderBy {
        self.by
    }

    /// Most bytes first.
    #[must_use]
    pub fn bytes() -> Self {
        Self::new(OrderBy::Bytes(Side::Both), Direction::Descending)
    }

    /// Most packets first.
    #[must_use]
    pub fn packets() -> Self {
        Self::new(OrderBy::Packets(Side::Both), Direction::Descending)
    }

    /// Most flows first.
    #[must_use]
    pub fn flows() -> Self {
        Self::new(OrderBy::Flows, Direction::Descending)
    }

    /// Orders groups of equal value in another way.
    #[must_use]
    pub fn tie(mut self, tie: Tie) -> Self {
        self.tie = tie;
        self
    }
}
