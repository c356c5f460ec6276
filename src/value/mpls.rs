//! MPLS label stack entries.

use std::fmt;

/// One entry of an MPLS label stack (RFC 3032 without the TTL), as stored: label, class and bottom
/// mark in the low 24 bits. `Display` gives `label-class-bottom`, as nfdump prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MplsLabel(pub u32);

impl MplsLabel {
    /// The label. Not cut to 20 bits: what is stored above them shows.
    #[must_use]
    pub fn label(self) -> u32 {
        self.0 >> 4
    }

    /// Traffic class ("experimental bits"), 0..=7.
    #[must_use]
    pub fn traffic_class(self) -> u8 {
        (self.0 >> 1) as u8 & 7
    }

    /// Whether this is the last entry of the stack.
    #[must_use]
    pub fn is_bottom(self) -> bool {
        self.0 & 1 == 1
    }
}

impl fmt::Display for MplsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}-{}",
            self.label(),
            self.traffic_class(),
            u8::from(self.is_bottom())
        )
    }
}
