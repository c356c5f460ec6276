//! The fields of `-A`: their keys, their columns, and where they lie in a record.

use nfdecode::aggregate::{Absent, AggregateError, Grouping, GroupingBuilder, Key};

use crate::nfdump::mode::{Chosen, Mode, parse_csv, parse_fmt};
use crate::nfdump::quit::Quit;

/// Characters of a list at most.
const LIST_MAX: usize = 128;

/// How a field is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number in an element: id, offset, bytes.
    Number(u8, usize, usize),
    /// Addresses of either family: their elements, and whether they are the second in it.
    Either(u8, u8, bool),
    V4(bool),
    V6(bool),
    /// The network under the mask in the flow.
    Network(bool),
    Exporter,
    /// Without a data base all flows are in one place.
    Place,
}

/// A field of `-A`.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    /// Its token in `fmt:` and `csv:`.
    pub(crate) token: &'static str,
}

macro_rules! fields {
    ($($name:literal $key:literal $kind:expr, $token:literal;)*) => {
        pub(crate) static FIELDS: &[Field] = {
            use Kind::*;
            &[$(Field { name: $name, key: $key, kind: $kind, token: $token },)*]
        };
    };
}

fields! {
    "proto" "proto" Number(1, 44, 1), "pr";
    "flags" "tcp_flags" Number(1, 45, 1), "flg";
    "tos" "src_tos" Number(1, 47, 1), "tos";
    "srctos" "src_tos" Number(1, 47, 1), "stos";
    "srcport" "src_port" Number(1, 40, 2), "sp";
    "dstport" "dst_port" Number(1, 42, 2), "dp";
    "srcip" "src_addr" Either(2, 3, false), "sa";
    "dstip" "dst_addr" Either(2, 3, true), "da";
    "srcip4" "src4_addr" V4(false), "sa";
    "dstip4" "dst4_addr" V4(true), "da";
    "srcip6" "src6_addr" V6(false), "sa";
    "dstip6" "dst6_addr" V6(true), "da";
    "srcnet" "" Network(true), "sn";
    "dstnet" "" Network(false), "dn";
    "xsrcip" "src_xlt_addr" Either(20, 21, false), "xsa";
    "xdstip" "dst_xlt_addr" Either(20, 21, true), "xda";
    "xsrcport" "src_xlt_port" Number(22, 0, 2), "xsp";
    "xdstport" "dst_xlt_port" Number(22, 2, 2), "xdp";
    "next" "next_hop" Either(10, 11, false), "nh";
    "bgpnext" "bgp_next_hop" Either(8, 9, false), "nhb";
    "router" "exporter_addr" Either(12, 13, false), "ra";
    "insrcmac" "in_src_mac" Number(15, 0, 8), "ismc";
    "outdstmac" "out_dst_mac" Number(15, 8, 8), "odmc";
    "indstmac" "in_dst_mac" Number(15, 16, 8), "idmc";
    "outsrcmac" "out_src_mac" Number(15, 24, 8), "osmc";
    "srcas" "src_as" Number(7, 0, 4), "sas";
    "dstas" "dst_as" Number(7, 4, 4), "das";
    "srcasn" "src_as" Number(7, 0, 4), "sasn";
    "dstasn" "dst_as" Number(7, 4, 4), "dasn";
    "nextas" "next_as" Number(16, 0, 4), "nas";
    "prevas" "prev_as" Number(16, 4, 4), "pas";
    "inif" "input_snmp" Number(4, 0, 4), "in";
    "outif" "output_snmp" Number(4, 4, 4), "out";
    "srcmask" "src_mask" Number(4, 8, 1), "smk";
    "dstmask" "dst_mask" Number(4, 9, 1), "dmk";
    "dsttos" "dst_tos" Number(4, 11, 1), "dtos";
    "srcvlan" "src_vlan" Number(6, 0, 4), "svln";
    "dstvlan" "dst_vlan" Number(6, 4, 4), "dvln";
    "mpls1" "mpls_1" Number(14, 0, 4), "mpls1";
    "mpls2" "mpls_2" Number(14, 4, 4), "mpls2";
    "mpls3" "mpls_3" Number(14, 8, 4), "mpls3";
    "mpls4" "mpls_4" Number(14, 12, 4), "mpls4";
    "mpls5" "mpls_5" Number(14, 16, 4), "mpls5";
    "mpls6" "mpls_6" Number(14, 20, 4), "mpls6";
    "mpls7" "mpls_7" Number(14, 24, 4), "mpls7";
    "mpls8" "mpls_8" Number(14, 28, 4), "mpls8";
    "mpls9" "mpls_9" Number(14, 32, 4), "mpls9";
    "mpls10" "mpls_10" Number(14, 36, 4), "mpls10";
    "odid" "observation_domain_id" Number(33, 8, 4), "odid";
    "opid" "observation_point_id" Number(33, 0, 8), "opid";
    "exp" "export_sysid" Exporter, "exp";
    "srcgeo" "" Place, "sc";
    "dstgeo" "" Place, "dc";
    "ethertype" "ethertype" Number(38, 24, 2), "eth";
    "minttl" "min_ttl" Number(42, 2, 1), "minttl";
    "maxttl" "max_ttl" Number(42, 3, 1), "maxttl";
}

/// A field with its prefix length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) field: &'static Field,
    pub(crate) prefix: Option<u8>,
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.field.name == other.field.name && self.prefix == other.prefix
    }
}

impl Eq for Part {}

/// The value of `-A`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyList(Vec<Part>);

impl KeyList {
    pub(crate) fn parse(text: &str) -> Result<Self, Quit> {
        if text.len() > LIST_MAX {
            return Err(Quit::failed(format!(
                "-A: at most {LIST_MAX} characters are possible"
            )));
        }
        let mut parts: Vec<Part> = Vec::new();
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let (name, prefix) = match item.split_once('/') {
                Some((name, prefix)) => (name, Some(prefix)),
                None => (item, None),
            };
            let field = FIELDS
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(name))
                .ok_or_else(|| Quit::failed(format!("-A: unknown field `{name}`")))?;
            if parts.iter().any(|part| part.field.name == field.name) {
                return Err(Quit::failed(format!("-A: `{name}` is given twice")));
            }
            let most = match field.kind {
                Kind::V4(_) => 32,
                Kind::V6(_) => 128,
                _ => 0,
            };
            let prefix = match prefix {
                None => None,
                Some(digits) => match digits.parse::<u8>() {
                    Ok(length @ 1..) if length <= most => Some(length),
                    _ if most == 0 => {
                        return Err(Quit::failed(format!(
                            "-A {item}: only srcip4, dstip4, srcip6 and dstip6 take a prefix length"
                        )));
                    }
                    _ => {
                        return Err(Quit::failed(format!(
                            "-A {item}: the prefix length is a number from 1 to {most}"
                        )));
                    }
                },
            };
            parts.push(Part { field, prefix });
        }
        if parts.is_empty() {
            return Err(Quit::failed("-A: no fields are given"));
        }
        Ok(Self(parts))
    }

    /// The fields in order.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The fields with addresses of one family, of the source or of the destination.
    pub(crate) fn of_side(&self, second: bool) -> impl Iterator<Item = &Part> {
        self.0.iter().filter(move |part| match part.field.kind {
            Kind::V4(side) | Kind::V6(side) => side == second,
            _ => false,
        })
    }

    /// Adds its keys. Keys and fields have the same numbers, but for places, which have no key.
    pub(crate) fn add_to(
        &self,
        mut builder: GroupingBuilder,
    ) -> Result<GroupingBuilder, AggregateError> {
        for part in self.0.iter().filter(|part| part.field.kind != Kind::Place) {
            let key = match part.field.kind {
                Kind::Network(source) => Key::network(source).absent(Absent::Zero),
                Kind::V4(_) | Kind::V6(_) => {
                    // Flows of the other family are a row of their own, apart from 0.0.0.0 and ::.
                    let key = Key::field(part.field.key)?;
                    match (part.field.kind, part.prefix) {
                        (Kind::V4(_), Some(length)) => key.with_prefix(length, 128)?,
                        (_, Some(length)) => key.with_prefix(32, length)?,
                        (_, None) => key,
                    }
                }
                _ => Key::stored(part.field.key)?.absent(Absent::Zero),
            };
            builder = builder.key(key);
        }
        Ok(builder)
    }

    /// The number of a field's key.
    pub(crate) fn key_of(&self, wanted: &Part) -> Option<usize> {
        self.0
            .iter()
            .filter(|part| part.field.kind != Kind::Place)
            .position(|part| part.field.name == wanted.field.name)
    }

    /// The format of `-A` without `-o`, or with `csv`; another format must print its fields alone.
    pub(crate) fn check_output(&self, output: &mut Option<Chosen>) -> Result<(), Quit> {
        let tokens = || {
            let mut tokens: Vec<&str> = Vec::new();
            for part in &self.0 {
                // Both families of an address have one column each.
                tokens.push(part.field.token);
            }
            tokens
        };
        let joined = |separator: &str| {
            let tokens: Vec<String> = tokens().iter().map(|name| format!("%{name}")).collect();
            tokens.join(separator)
        };
        match output {
            Some(chosen) if !chosen.fits_keys => {
                return Err(Quit::failed(
                    "-A prints fmt:… and csv formats only: leave out -o, or use -o csv",
                ));
            }
            None => {
                let list = format!("%ts %td  {}  %pkt %byt %bps %bpp %fl", joined(" "));
                *output = Some(Chosen {
                    mode: parse_fmt(&list)?,
                    long_addresses: false,
                    is_list: false,
                    fits_keys: true,
                });
            }
            Some(Chosen {
                is_list: false,
                mode,
                ..
            }) => {
                let list = format!("%ts,%td,{},%pkt,%byt,%bps,%bpp,%fl", joined(","));
                *mode = parse_csv(&list)?;
            }
            Some(Chosen { mode, .. }) => {
                let names: Vec<String> = match mode {
                    Mode::Fmt(_, names) | Mode::Csv(_, names) => names.clone(),
                    _ => Vec::new(),
                };
                for name in names {
                    let is_field = FIELDS.iter().any(|field| field.token == name);
                    let is_listed = tokens().iter().any(|token| *token == name);
                    if is_field && !is_listed {
                        return Err(Quit::failed(format!(
                            "%{name} cannot be printed: it is not in the list of -A"
                        )));
                    }
                }
            }
        }
        Ok(())
    }
}

/// What groups flows by the five fields of a connection.
pub(crate) fn five_tuple(builder: GroupingBuilder) -> Result<GroupingBuilder, AggregateError> {
    let builder = builder
        .key(Key::field("src_addr")?)
        .key(Key::field("dst_addr")?)
        .key(Key::stored("src_port")?.absent(Absent::Zero))
        .key(Key::stored("dst_port")?.absent(Absent::Zero))
        .key(Key::stored("proto")?.absent(Absent::Zero));
    Ok(builder)
}

/// The start of all groupings here.
pub(crate) fn builder() -> GroupingBuilder {
    Grouping::builder().only_with_counters(true).wrap_sums(true)
}
