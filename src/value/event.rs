//! Event numbers of firewalls (NSEL) and of address translation (NAT), with their names.

use std::fmt;

/// A Cisco NSEL event number (IPFIX 233): 0 ignore, 1 create, 2 delete, 3 denied, 4 alert, 5 update.
/// `Display` gives the name nfdump prints, `DENIED`, or `9-Unknw` for other numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NselEvent(pub u8);

impl fmt::Display for NselEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 6] = ["IGNORE", "CREATE", "DELETE", "DENIED", "ALERT", "UPDATE"];
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}-Unknw", self.0),
        }
    }
}

/// A NAT event number (IPFIX 230). `Display` gives the name nfdump prints, `NAT44 session create`, or
/// `99-Unknown` for other numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NatEvent(pub u8);

impl fmt::Display for NatEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 19] = [
            "INVALID",
            "NAT translation create",
            "NAT translation delete",
            "NAT Addresses exhausted",
            "NAT44 session create",
            "NAT44 session delete",
            "NAT64 session create",
            "NAT64 session delete",
            "NAT44 BIB create",
            "NAT44 BIB delete",
            "NAT64 BIB create",
            "NAT64 BIB delete",
            "NAT ports exhausted",
            "Quota Exceeded",
            "Address binding create",
            "Address binding delete",
            "Port block allocation",
            "Port block de-allocation",
            "Threshold Reached",
        ];
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}-Unknown", self.0),
        }
    }
}
