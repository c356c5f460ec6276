//! The names that nfdump lists on standard output: statistics, orders, formats, tokens, options.

use crate::nfdump::config::Config;

/// Names of element statistics, in nfdump's order.
pub(crate) const STATISTICS: [&str; 80] = [
    "record",
    "srcip",
    "dstip",
    "ip",
    "srcgeo",
    "dstgeo",
    "geo",
    "nhip",
    "nhbip",
    "router",
    "srcport",
    "dstport",
    "port",
    "proto",
    "flags",
    "srctos",
    "dsttos",
    "tos",
    "dir",
    "srcas",
    "srcasn",
    "dstas",
    "dstasn",
    "as",
    "asn",
    "prevas",
    "nextas",
    "inif",
    "outif",
    "if",
    "srcmask",
    "dstmask",
    "mask",
    "tunproto",
    "srcvlan",
    "dstvlan",
    "vlan",
    "insrcmac",
    "outdstmac",
    "indstmac",
    "outsrcmac",
    "ethertype",
    "srcmac",
    "dstmac",
    "inmac",
    "outmac",
    "mac",
    "mpls1",
    "mpls2",
    "mpls3",
    "mpls4",
    "mpls5",
    "mpls6",
    "mpls7",
    "mpls8",
    "mpls9",
    "mpls10",
    "cl",
    "sl",
    "al",
    "nbar",
    "ja3",
    "ja4",
    "odid",
    "opid",
    "event",
    "xevent",
    "nat",
    "natsrcip",
    "natdstip",
    "natip",
    "natsrcport",
    "natdstport",
    "natport",
    "iacl",
    "eacl",
    "ivrf",
    "evrf",
    "minttl",
    "maxttl",
];

/// Orders of `-s NAME`, in the order in which their tables are printed.
pub(crate) const ELEMENT_ORDERS: [&str; 16] = [
    "flows", "packets", "ipkg", "opkg", "bytes", "ibyte", "obyte", "pps", "ipps", "opps", "bps",
    "ibps", "obps", "bpp", "ibpp", "obpp",
];

/// Orders of `-O` and `-s record`.
pub(crate) const RECORD_ORDERS: [&str; 19] = [
    "flows", "packets", "ipackets", "opackets", "bytes", "ibytes", "obytes", "pps", "ipps", "opps",
    "bps", "ibps", "obps", "bpp", "ibpp", "obpp", "tstart", "tend", "duration",
];

/// Rows of names, each padded to 9 columns.
fn columns(names: &[&str], per_row: usize, after: &str, out: &mut String) {
    for row in names.chunks(per_row) {
        for name in row {
            out.push_str(&format!(" {name:<9}{after}"));
        }
        out.push('\n');
    }
}

/// What follows an unknown statistic.
pub(crate) fn statistics() -> String {
    let mut out = "Available element statistics:\n".to_owned();
    columns(&STATISTICS, 7, " ", &mut out);
    out.push_str(" See also nfdump(1)\n");
    out
}

/// What follows an unknown order of `-s NAME`.
pub(crate) fn element_orders() -> String {
    let mut out = "Available stat print order:\n".to_owned();
    columns(&ELEMENT_ORDERS, 8, "", &mut out);
    out.push_str("Optionally add direction - :a for ascending or :d for descending values\n");
    out.push_str(" See also nfdump(1)\n");
    out
}

/// What follows an unknown order of `-O` and `-s record`.
pub(crate) fn record_orders() -> String {
    let mut out = "Available flow print order:\n".to_owned();
    columns(&RECORD_ORDERS, 8, "", &mut out);
    out.push_str(" See also nfdump(1)\n");
    out
}

/// What follows an unknown `-o`.
pub(crate) fn modes(config: &Config) -> String {
    let mut out = "Available output formats:\n       raw : Raw format - multi line\n".to_owned();
    let nat = ("nat", "%ts %nevt %pr %sap -> %dap %nsap -> %ndap");
    for (name, format) in nfdecode::output::fmt::PREDEFINED.into_iter().chain([nat]) {
        out.push_str(&format!("{name:>10} : fmt -o predefined {format}\n"));
    }
    for (name, what) in [
        ("json", "json output".to_owned()),
        ("ndjson", "ndjson output formart".to_owned()),
        (
            "csv",
            format!("csv -o csv predefined {}", nfdecode::output::csv::DEFAULT),
        ),
        ("csv-fast", "csv fast predefined".to_owned()),
        ("null", "do not print any output".to_owned()),
    ] {
        out.push_str(&format!("{name:>10} : {what}\n"));
    }
    for (form, list) in [("fmt", &config.fmt), ("csv", &config.csv)] {
        for (name, format) in list {
            out.push_str(&format!("{name:>10} : {form} -o user defined {format}\n"));
        }
    }
    out
}

/// What follows an unknown token of `fmt:` or `csv:`.
pub(crate) fn tokens(form: &str, names: impl Iterator<Item = &'static str>) -> String {
    const PER_ROW: usize = 16;
    let mut out = format!("Available {form} format elements:\n");
    for (at, name) in names.enumerate() {
        if at != 0 && at % PER_ROW == 0 {
            out.push('\n');
        }
        out.push_str(&format!("%{name} "));
    }
    out.push_str("- See also nfdump(1)\n");
    out
}
