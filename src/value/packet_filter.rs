//! What nfdump calls actions and reasons of the OpenBSD packet filter, by number.
#![allow(dead_code, reason = "only text output and filters need names")]

/// Actions from 0 on.
pub(crate) const ACTIONS: [&str; 16] = [
    "pass", "block", "scrub", "noscrub", "nat", "nonat", "binat", "nobinat", "rdr", "nordr",
    "synblock", "defer", "match", "divert", "rt", "afrt",
];

/// Reasons from 0 on.
pub(crate) const REASONS: [&str; 17] = [
    "match",
    "bad-offset",
    "fragment",
    "short",
    "normalize",
    "memory",
    "bad-timestamp",
    "congestion",
    "ip-option",
    "proto-cksum",
    "state-mismatch",
    "state-insert",
    "state-limit",
    "src-limit",
    "synproxy",
    "translate",
    "no-route",
];

/// nfdump 1.7.10 prints the reason `memory` with a closing bracket, and its filter accepts only that.
pub(crate) const REASON_MEMORY: (&str, u8) = ("memory)", 5);
