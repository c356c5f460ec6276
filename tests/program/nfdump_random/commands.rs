//! Random command lines of nfdump for a given input.

use super::Numbers;
use super::files::{Input, SPREAD, START};

/// What rows are, and how they are ordered: what the comparison must know of a command line.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) words: Vec<String>,
    /// Element statistics, in order: name, and the order of its table.
    pub(super) statistics: Vec<String>,
    /// The order of `-O`, `-s record` or `-s`, if one says how rows are ordered.
    pub(super) order: Option<String>,
    /// The name of `-o`.
    pub(super) form: String,
    /// `-n`, other than 0.
    pub(super) limit: Option<usize>,
    pub(super) writes: bool,
    /// Rows are those of flows or groups, not of elements.
    pub(super) has_rows: bool,
}

const STATISTICS: &str = "srcip dstip ip nhip nhbip router natsrcip natdstip natip srcport dstport port natsrcport \
natdstport natport proto tunproto flags srctos dsttos tos dir srcas dstas as srcasn dstasn asn prevas nextas inif outif if \
srcmask dstmask mask srcvlan dstvlan vlan insrcmac outdstmac indstmac outsrcmac srcmac dstmac inmac outmac mac ethertype \
mpls1 mpls2 mpls3 mpls10 cl sl al odid opid event xevent nat ivrf evrf minttl maxttl srcgeo dstgeo geo";
/// Those whose values are addresses.
const ADDRESSES: &str = "srcip dstip ip nhip nhbip router natsrcip natdstip natip";
const ELEMENT_ORDERS: &str =
    "flows packets ipkg opkg bytes ibyte obyte pps ipps opps bps ibps obps bpp ibpp obpp";
pub(super) const RECORD_ORDERS: &str = "flows packets ipackets opackets bytes ibytes obytes pps ipps opps bps ibps \
obps bpp ibpp obpp tstart tend duration";
/// Fields of `-A`, the bytes of their keys in nfdump, and their token.
const FIELDS: &[(&str, usize, &str)] = &[
    ("proto", 1, "pr"),
    ("flags", 1, "flg"),
    ("tos", 1, "tos"),
    ("srctos", 1, "stos"),
    ("srcport", 2, "sp"),
    ("dstport", 2, "dp"),
    ("srcip", 16, "sa"),
    ("dstip", 16, "da"),
    ("srcnet", 16, "sn"),
    ("dstnet", 16, "dn"),
    ("xsrcip", 16, "xsa"),
    ("xdstip", 16, "xda"),
    ("xsrcport", 2, "xsp"),
    ("xdstport", 2, "xdp"),
    ("next", 16, "nh"),
    ("bgpnext", 16, "nhb"),
    ("router", 16, "ra"),
    ("insrcmac", 8, "ismc"),
    ("outdstmac", 8, "odmc"),
    ("indstmac", 8, "idmc"),
    ("outsrcmac", 8, "osmc"),
    ("srcas", 4, "sas"),
    ("dstas", 4, "das"),
    ("srcasn", 4, "sasn"),
    ("nextas", 4, "nas"),
    ("prevas", 4, "pas"),
    ("inif", 4, "in"),
    ("outif", 4, "out"),
    ("srcmask", 1, "smk"),
    ("dstmask", 1, "dmk"),
    ("dsttos", 1, "dtos"),
    ("srcvlan", 2, "svln"),
    ("dstvlan", 2, "dvln"),
    ("mpls1", 4, "mpls1"),
    ("mpls2", 4, "mpls2"),
    ("odid", 4, "odid"),
    ("opid", 8, "opid"),
    ("exp", 2, "exp"),
    ("minttl", 1, "minttl"),
    ("maxttl", 1, "maxttl"),
];
/// Fields that are in one element: a flow without it has a key of zeroes, in nfdump too, if they come last.
const OF_ONE_ELEMENT: [&[&str]; 6] = [
    &["srcas", "dstas"],
    &["inif", "outif", "srcmask", "dstmask", "dsttos"],
    &["srcvlan", "dstvlan"],
    &["nextas", "prevas"],
    &["xsrcport", "xdstport"],
    &["insrcmac"],
];
const PREDEFINED: &str = "line long extended biline bilong nsel gline glong";
const FMT_TOKENS: &str = "ts te tr td tsr tds pkt byt ipkt ibyt opkt obyt sp dp it ic pr flg fwd tos stos dtos bps pps bpp \
sa da sap dap in out smk dmk dir sn dn fl svln dvln sas das nhb nh ra mpls1 mpls2 ismc odmc idmc osmc nas pas cl sl al \
xsa xda xsap xdap xsp xdp odid opid ivrf evrf exp eng nfv minttl maxttl idt ter trr end bfd sc dc";
/// Those that there are in `csv:` too.
const NOT_CSV: &str = "sap dap xsap xdap";
const FILTERS: &str = "proto tcp|proto udp|proto icmp|bytes > 1000|src port > 1024|ipv4|ipv6|not proto icmp|\
packets < 5 or dst port 80|flags S|flags 0x12|src net 10.0.1.0/24|ip in [10.0.0.1 10.0.1.2]|dst port in [22 80 443]|\
duration > 100|bps > 10000 and not port 53|src as > 1000|in if 1|bpp > 500|any|not any|proto 200|tos 8|\
(proto tcp and port 443) or proto udp|flows > 1|out bytes > 0|mask 24|bytes > 5g";
/// Filters on rows.
const POST_FILTERS: &str =
    "bytes > 10000|packets > 100|flows > 2|bytes < 1m|not flows 1|in packets > 3|any|proto tcp";

fn direction(numbers: &mut Numbers) -> &'static str {
    ["", "", ":a", ":d"][numbers.below(4)]
}

fn some_tokens(
    numbers: &mut Numbers,
    is_csv: bool,
    allowed: impl Fn(&str) -> bool,
) -> Vec<&'static str> {
    let mut tokens = Vec::new();
    for _ in 0..1 + numbers.below(7) {
        let token = numbers.one(FMT_TOKENS);
        let is_known = !is_csv || NOT_CSV.split(' ').all(|other| other != token);
        if is_known && allowed(token) {
            tokens.push(token);
        }
    }
    if tokens.is_empty() {
        tokens.push("td");
    }
    tokens
}

/// `fmt:` or `csv:` with these tokens.
fn list_of(numbers: &mut Numbers, is_csv: bool, tokens: &[&str]) -> String {
    let tokens: Vec<String> = tokens.iter().map(|token| format!("%{token}")).collect();
    if is_csv {
        return format!("csv:{}", tokens.join(","));
    }
    let between = [" ", "  ", " | ", ";"][numbers.below(4)];
    format!("fmt:{}", tokens.join(between))
}

impl Line {
    fn add(&mut self, words: &[&str]) {
        self.words
            .extend(words.iter().map(|word| (*word).to_owned()));
    }

    fn form(&mut self, form: &str) {
        self.form = form.to_owned();
        self.add(&["-o", form]);
    }

    /// A form for flows and rows.
    fn any_form(&mut self, numbers: &mut Numbers, input: &Input) {
        let choice = numbers.below(if input.is_exact { 12 } else { 3 });
        match choice {
            0 => {}
            1..3 => {
                let form = numbers.one("line long extended biline bilong");
                self.form(&format!("{form}{}", ["", "6"][numbers.below(2)]));
            }
            3 => self.form(numbers.one(PREDEFINED)),
            4..6 => self.form(numbers.one("json json6 ndjson ndjson6")),
            6 => self.form(numbers.one("csv csv6 csv-fast csv-fast6 null null6")),
            7 => self.form("csv"),
            8 => self.form(numbers.one("raw raw6")),
            9 => {
                let tokens = some_tokens(numbers, true, |_| true);
                self.form(&list_of(numbers, true, &tokens));
            }
            _ => {
                let tokens = some_tokens(numbers, false, |_| true);
                self.form(&list_of(numbers, false, &tokens));
            }
        }
    }

    /// A form in which the comparison finds all that rows are ordered by.
    fn telling_form(&mut self, numbers: &mut Numbers, input: &Input) {
        // Row C-6.
        let allowed = |token: &str| input.is_exact || !matches!(token, "sn" | "dn");
        let tokens = some_tokens(numbers, false, allowed);
        let list = list_of(numbers, false, &tokens);
        self.form(&format!(
            "{list} =%ipkt =%ibyt =%opkt =%obyt =%fl =%tsr =%ter"
        ));
        self.add(&["-N"]);
    }

    fn record_order(&mut self, numbers: &mut Numbers, turns: bool) -> String {
        let order = loop {
            let order = numbers.one(RECORD_ORDERS);
            // Rows that are turned around are sorted by what they were before (row N-11).
            if !turns || !order.starts_with(['i', 'o']) {
                break order;
            }
        };
        self.order = Some(order.to_owned());
        format!("{order}{}", direction(numbers))
    }

    fn statistic(&mut self, numbers: &mut Numbers, input: &Input) {
        for _ in 0..[1, 1, 1, 2, 3][numbers.below(5)] {
            let name = numbers.one(STATISTICS);
            // Places after other statistics (row N-44).
            if name.ends_with("geo") && !self.statistics.is_empty() {
                continue;
            }
            if !input.has_plain_addresses && ADDRESSES.split(' ').any(|address| address == name) {
                continue;
            }
            let mut statistic = name.to_owned();
            if numbers.chance(25) {
                statistic.push_str(":p");
            }
            for _ in 0..[0, 1, 1, 1, 2][numbers.below(5)] {
                let order = numbers.one(ELEMENT_ORDERS);
                // Rates beyond 64 bits (row N-48).
                if input.has_large_sums && order.ends_with("ps") {
                    continue;
                }
                statistic.push_str(&format!("/{order}{}", direction(numbers)));
            }
            self.add(&["-s", &statistic]);
            self.statistics.push(statistic);
        }
        if self.statistics.is_empty() {
            self.add(&["-s", "proto/bytes"]);
            self.statistics.push("proto/bytes".to_owned());
        }
        if numbers.chance(60) {
            let form = numbers.one("csv csv json ndjson line6 long raw null fmt:%sa csv:%sa,%da");
            // Row N-25.
            if form != "raw" {
                self.form(form);
            }
        }
    }

    fn keys(&mut self, numbers: &mut Numbers, input: &Input) {
        let mut fields: Vec<(&str, usize, &str)> = Vec::new();
        let known = |name: &str| {
            *FIELDS
                .iter()
                .find(|(known, ..)| *known == name)
                .expect("a field")
        };
        match (input.is_full, numbers.below(10)) {
            (_, 0) => {
                let list = numbers.one(
                    "srcip4/24 dstip4/16 srcip6/64 dstip6/48 srcip4/8 srcip4/32 dstip6/128 srcip4/24,dstip4/16 srcip6/32,dstip6/64",
                );
                self.add(&["-A", list]);
            }
            (true, _) => {
                for _ in 0..1 + numbers.below(5) {
                    let field = FIELDS[numbers.below(FIELDS.len())];
                    // The last ones are VLAN numbers and networks, whose rows are ours.
                    if !fields.contains(&field) && fields.iter().all(|known| known.2 != field.2) {
                        fields.push(field);
                    }
                }
            }
            (false, 1..4) => {
                let names = OF_ONE_ELEMENT[numbers.below(OF_ONE_ELEMENT.len())];
                for name in ["proto", "srcport", "dstport"] {
                    if numbers.chance(25) {
                        fields.push(known(name));
                    }
                }
                let count = 1 + numbers.below(names.len());
                fields.extend(names[..count].iter().map(|name| known(name)));
            }
            (false, _) => {
                for name in [
                    "proto", "srcip", "dstip", "srcport", "dstport", "tos", "flags",
                ] {
                    if numbers.chance(35) {
                        fields.push(known(name));
                    }
                }
            }
        }
        // Networks under different masks are different rows (row N-27).
        for (network, mask) in [("srcnet", "srcmask"), ("dstnet", "dstmask")] {
            if fields.iter().all(|field| field.0 != network) {
                continue;
            }
            if fields.iter().all(|field| field.0 != mask) {
                fields.push(known(mask));
            }
            // Addresses beside networks (row N-42).
            let address = network.replace("net", "ip");
            fields.retain(|field| field.0 != address);
        }
        if !fields.is_empty() {
            let names: Vec<&str> = fields.iter().map(|field| field.0).collect();
            self.add(&["-A", &names.join(",")]);
        } else if !self.words.iter().any(|word| word == "-A") {
            self.add(&["-A", "proto"]);
        }
        let allowed = |token: &str| {
            // A prefix length changes both addresses of a flow (row N-4).
            if fields.is_empty() && matches!(token, "sap" | "dap") {
                return false;
            }
            let is_field = FIELDS.iter().any(|field| field.2 == token) || token == "svln";
            !is_field || fields.iter().any(|field| field.2 == token)
        };
        match numbers.below(6) {
            0..2 => self.form("csv"),
            2 if input.is_exact => {
                let is_csv = numbers.chance(50);
                let tokens = some_tokens(numbers, is_csv, allowed);
                self.form(&list_of(numbers, is_csv, &tokens));
            }
            3 => {
                let tokens: Vec<&str> = fields.iter().map(|field| field.2).collect();
                let list = list_of(numbers, false, &tokens);
                self.form(&format!(
                    "{list} =%ipkt =%ibyt =%opkt =%obyt =%fl =%tsr =%ter"
                ));
                self.add(&["-N"]);
            }
            _ => {}
        }
    }

    /// `-a`, `-b`, `-B`.
    fn pairs(&mut self, numbers: &mut Numbers, input: &Input) -> bool {
        let option = if input.is_full {
            numbers.one("-a -a -b -B")
        } else {
            numbers.one("-a -a -b")
        };
        self.add(&[option]);
        option == "-B"
    }
}

/// A command line for an input.
pub(super) fn line(numbers: &mut Numbers, input: &Input) -> Line {
    let mut line = Line::default();
    let choice = numbers.below(20);
    line.has_rows = true;
    match choice {
        0..7 => {
            line.has_rows = false;
            line.statistic(numbers, input);
        }
        7..11 => {
            line.keys(numbers, input);
            if numbers.chance(75) {
                let order = line.record_order(numbers, false);
                line.add(&["-O", &order]);
            }
        }
        11..14 if input.has_pairs => {
            let turns = line.pairs(numbers, input);
            if numbers.chance(75) {
                let order = line.record_order(numbers, turns);
                line.add(&["-O", &order]);
            }
            if numbers.chance(30) {
                line.telling_form(numbers, input);
            } else {
                line.any_form(numbers, input);
            }
        }
        14 if input.has_pairs => {
            match numbers.below(4) {
                0 if input.is_full => line.keys(numbers, input),
                1 => line.add(&["-b"]),
                _ => {}
            }
            let order = line.record_order(numbers, false);
            line.add(&["-s", &format!("record/{order}")]);
            if line.form.is_empty() && !line.words.iter().any(|word| word == "-A") {
                line.any_form(numbers, input);
            }
        }
        11..17 => {
            let order = match numbers.below(8) {
                0 => {
                    line.order = Some("tstart".to_owned());
                    line.add(&["-m"]);
                    None
                }
                _ => Some(line.record_order(numbers, false)),
            };
            if let Some(order) = order {
                line.add(&["-O", &order]);
            }
            if numbers.chance(30) {
                line.telling_form(numbers, input);
            } else {
                line.any_form(numbers, input);
            }
        }
        _ => line.any_form(numbers, input),
    }
    if numbers.chance(60) {
        let limit = numbers.one("0 1 3 5 20 20x");
        line.add(&["-n", limit]);
        line.limit = limit
            .trim_end_matches('x')
            .parse()
            .ok()
            .filter(|limit| *limit != 0);
    } else if choice < 7 || line.words.iter().any(|word| word.starts_with("record")) {
        line.limit = Some(10);
    }
    for flag in ["-N", "-q", "-6", "-T"] {
        if numbers.chance(12) {
            line.add(&[flag]);
        }
    }
    // Which of several rows of equal value a limit leaves is open, and then what a filter leaves of them.
    let is_cut = line.limit.is_some() && line.order.is_some();
    if line.has_rows && choice < 17 && !is_cut && numbers.chance(30) {
        let filters: Vec<&str> = POST_FILTERS.split('|').collect();
        line.add(&["-P", filters[numbers.below(filters.len())]]);
    }
    if numbers.chance(15) {
        let time = |numbers: &mut Numbers| {
            let seconds = START / 1000 % 86_400 + numbers.below((SPREAD / 1000) as usize) as u64;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            format!("2023/11/14.{hours:02}:{minutes:02}:{seconds:02}")
        };
        let (one, other) = (time(numbers), time(numbers));
        let window = match numbers.chance(50) {
            true => one,
            false => format!("{}-{}", one.clone().min(other.clone()), one.max(other)),
        };
        line.add(&["-t", &window]);
    }
    if numbers.chance(10) {
        line.add(&["-c", numbers.one("1 10 50 500")]);
    }
    if input.is_full && line.order.is_none() && line.has_rows && numbers.chance(30) {
        line.writes = true;
        // Row N-47.
        for word in &mut line.words {
            if word.contains("flows ") {
                *word = "any".to_owned();
            }
        }
        let encoding = numbers.one("-z -z=lzo -z=lz4 -z=lz4:3 -z=bz2 -z=zstd -z=zstd:5 -j -y");
        if numbers.chance(60) {
            line.add(&[encoding]);
        }
    }
    if numbers.chance(45) {
        let filters: Vec<&str> = FILTERS.split('|').collect();
        let filter = filters[numbers.below(filters.len())];
        // Of flows that end before they start (row N-12).
        if input.is_exact || !filter.starts_with("duration") {
            line.add(&[filter]);
        }
    }
    line
}
