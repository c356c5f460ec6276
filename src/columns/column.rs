//! The columns there are: what each holds, where it comes from, and its Arrow type.
//!
//! Made once from the element table. A field of a flow is a column of the same name, except that
//! the ten MPLS entries are one list, and places in a geo data base, which are always empty, are
//! none. Columns of the record header and those that join two address families are added here.

use std::sync::{Arc, LazyLock};

use arrow_array::StringArray;
use arrow_schema::{DataType, TimeUnit};

use crate::flow::element::{self, Field, FieldKind};
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::IpFragment;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnKind {
    /// Yes or no.
    Bool,
    /// Unsigned number of 8 bits.
    U8,
    /// Unsigned number of 16 bits.
    U16,
    /// Unsigned number of 32 bits.
    U32,
    /// Unsigned number of 64 bits.
    U64,
    /// Instant in ms since the epoch, zone UTC. What 63 bits cannot hold is null.
    Time,
    /// IPv4 address, 4 bytes in network order.
    Ip4,
    /// IPv6 address, 16 bytes in network order.
    Ip6,
    /// Address of either family, 16 bytes in network order; IPv4 as `::ffff:a.b.c.d`.
    Ip,
    /// MAC address, 6 bytes.
    Mac,
    /// MPLS label stack from its top: 20 bits of label, 3 of traffic class, 1 for the bottom.
    Mpls,
    /// One of a closed set of words, as a dictionary that is the same in all batches.
    Word,
    /// One of the names of the files read, as a dictionary.
    Label,
    /// Any text. Bytes that are not UTF-8 became U+FFFD.
    Text,
    /// Any bytes.
    Bytes,
}

/// Where the values of a column come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    Field(u8, &'static Field),
    Header(Header),
    /// Element and offset of the address of either family.
    Either([(u8, usize); 2]),
    Mpls,
    File,
    Ident,
}

/// What stands in the header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    Type,
    Sampled,
    Anonymized,
    ExporterSysid,
    EngineType,
    EngineId,
    ExportVersion,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    name: &'static str,
    kind: ColumnKind,
    doc: &'static str,
    standard: bool,
    pub(crate) source: Source,
}

impl Column {
    /// Its name: as in `--fields` of the program, and where there is one the accessor of
    /// [`Flow`](crate::Flow).
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it holds.
    #[must_use]
    pub fn kind(&self) -> ColumnKind {
        self.kind
    }

    /// One line on meaning and unit.
    #[must_use]
    pub fn doc(&self) -> &'static str {
        self.doc
    }

    /// Whether it is chosen when nothing is: all are, but addresses of one family where there is a
    /// column for both, and the name of the file.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        self.standard
    }

    /// The key nfdump has for it in JSON; empty without.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self.source {
            Source::Field(_, field) => field.key,
            Source::Header(Header::ExporterSysid) => "export_sysid",
            Source::Header(Header::Sampled) => "sampled",
            Source::Header(Header::Type) => "type",
            Source::Ident => "ident",
            _ => "",
        }
    }

    /// The elements it is read from, as a bit set like [`Flow::elements`](crate::Flow::elements);
    /// the column is null where a flow has none of them. 0: every flow has it.
    #[must_use]
    pub fn elements(&self) -> u64 {
        match self.source {
            Source::Field(element, _) => 1 << element,
            Source::Either(families) => families.iter().fold(0, |set, (id, _)| set | 1 << id),
            Source::Mpls => 1 << MPLS,
            Source::Header(_) | Source::File | Source::Ident => 0,
        }
    }

    /// Whether it may be null.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        !matches!(self.source, Source::Header(_))
    }

    /// Its Arrow type.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        let dictionary = |key| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
        match self.kind {
            ColumnKind::Bool => DataType::Boolean,
            ColumnKind::U8 => DataType::UInt8,
            ColumnKind::U16 => DataType::UInt16,
            ColumnKind::U32 => DataType::UInt32,
            ColumnKind::U64 => DataType::UInt64,
            ColumnKind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            ColumnKind::Ip4 => DataType::FixedSizeBinary(4),
            ColumnKind::Ip6 | ColumnKind::Ip => DataType::FixedSizeBinary(16),
            ColumnKind::Mac => DataType::FixedSizeBinary(6),
            ColumnKind::Mpls => DataType::new_list(DataType::UInt32, false),
            ColumnKind::Word => dictionary(DataType::UInt8),
            ColumnKind::Label => dictionary(DataType::Int32),
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Bytes => DataType::Binary,
        }
    }

    /// The name of the Arrow extension type that tells binary columns apart.
    pub(crate) fn extension(&self) -> Option<&'static str> {
        match self.kind {
            ColumnKind::Ip4 => Some("nfdecode.ipv4"),
            ColumnKind::Ip6 => Some("nfdecode.ipv6"),
            ColumnKind::Ip => Some("nfdecode.ip"),
            ColumnKind::Mac => Some("nfdecode.mac"),
            ColumnKind::Mpls => Some("nfdecode.mpls"),
            _ => None,
        }
    }

    /// The words of a column of kind [`ColumnKind::Word`], by number.
    pub(crate) fn words(&self) -> &'static Arc<StringArray> {
        match self.source {
            Source::Header(_) => &TYPES,
            Source::Field(_, field) if field.kind == FieldKind::NselEvent => &NSEL_EVENTS,
            Source::Field(_, field) if field.kind == FieldKind::NatEvent => &NAT_EVENTS,
            Source::Field(_, field) if field.kind == FieldKind::Fragment => &FRAGMENTS,
            _ => &TLS_VERSIONS,
        }
    }
}

const MPLS: u8 = 14;

/// Texts of all values of a byte.
fn words(text: impl Fn(u8) -> String) -> Arc<StringArray> {
    Arc::new((0..=u8::MAX).map(|value| Some(text(value))).collect())
}

static TYPES: LazyLock<Arc<StringArray>> =
    LazyLock::new(|| Arc::new(StringArray::from_iter_values(["FLOW", "EVENT"])));
static NSEL_EVENTS: LazyLock<Arc<StringArray>> =
    LazyLock::new(|| words(|event| NselEvent(event).to_string()));
static NAT_EVENTS: LazyLock<Arc<StringArray>> =
    LazyLock::new(|| words(|event| NatEvent(event).to_string()));
static FRAGMENTS: LazyLock<Arc<StringArray>> = LazyLock::new(|| {
    Arc::new(StringArray::from_iter_values(
        [0, 0x40, 0x20, 0x60].map(|flags| IpFragment(flags | 1).text()),
    ))
});
static TLS_VERSIONS: LazyLock<Arc<StringArray>> = LazyLock::new(|| {
    Arc::new(StringArray::from_iter_values([
        "SSL2", "SSL3", "TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3",
    ]))
});

/// All columns, in the order of the schema: the record header, then elements by id, with columns for
/// both families where the first of the two stands.
pub static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let mut columns = header_columns();
    for element in element::elements() {
        if let Some(joined) = EITHER
            .iter()
            .find(|joined| joined.elements[0] == element.id)
        {
            columns.extend(joined.columns.iter().map(|(name, offsets, doc)| Column {
                name,
                kind: ColumnKind::Ip,
                doc,
                standard: true,
                source: Source::Either([
                    (joined.elements[0], offsets[0]),
                    (joined.elements[1], offsets[1]),
                ]),
            }));
        }
        if element.id == MPLS {
            columns.push(Column {
                name: "mpls",
                kind: ColumnKind::Mpls,
                doc: "MPLS label stack from its top; each entry is label << 4 | traffic class << 1 | bottom",
                standard: true,
                source: Source::Mpls,
            });
            continue;
        }
        columns.extend(
            element
                .fields
                .iter()
                .filter_map(|field| field_column(element.id, field)),
        );
    }
    columns
});

fn field_column(element: u8, field: &'static Field) -> Option<Column> {
    let kind = match field.kind {
        FieldKind::U8 | FieldKind::TcpFlags | FieldKind::NatEventId => ColumnKind::U8,
        FieldKind::U16 => ColumnKind::U16,
        FieldKind::U32 | FieldKind::NatPool => ColumnKind::U32,
        FieldKind::U64 | FieldKind::Micros => ColumnKind::U64,
        FieldKind::Time | FieldKind::FirstSeen | FieldKind::EventTime => ColumnKind::Time,
        FieldKind::Ip4 => ColumnKind::Ip4,
        FieldKind::Ip6 => ColumnKind::Ip6,
        FieldKind::SrcNet | FieldKind::DstNet => ColumnKind::Ip,
        FieldKind::Mac => ColumnKind::Mac,
        FieldKind::Fragment
        | FieldKind::NselEvent
        | FieldKind::NatEvent
        | FieldKind::TlsVersion => ColumnKind::Word,
        FieldKind::Acl
        | FieldKind::UserName
        | FieldKind::Text
        | FieldKind::TlsSni
        | FieldKind::TlsJa3
        | FieldKind::TlsJa4 => ColumnKind::Text,
        FieldKind::Bytes => ColumnKind::Bytes,
        // Always empty; and part of the list.
        FieldKind::Geo | FieldKind::Mpls => return None,
    };
    let joined = EITHER
        .iter()
        .any(|joined| joined.elements.contains(&element));
    Some(Column {
        name: field.name,
        kind,
        doc: field.plain_doc(),
        standard: !(joined && matches!(kind, ColumnKind::Ip4 | ColumnKind::Ip6)),
        source: Source::Field(element, field),
    })
}

fn header_columns() -> Vec<Column> {
    let column = |name, kind, source, doc| Column {
        name,
        kind,
        doc,
        standard: true,
        source,
    };
    let header = |name, kind, from, doc| column(name, kind, Source::Header(from), doc);
    vec![
        Column {
            standard: false,
            ..column(
                "file",
                ColumnKind::Label,
                Source::File,
                "Name of the file the flow is from",
            )
        },
        column(
            "ident",
            ColumnKind::Label,
            Source::Ident,
            "Name the collector gave to the data; null if the file has none",
        ),
        header(
            "type",
            ColumnKind::Word,
            Header::Type,
            "FLOW, or EVENT for NSEL, NEL and packet filter logs",
        ),
        header(
            "sampled",
            ColumnKind::Bool,
            Header::Sampled,
            "Whether the exporter sampled; counters are scaled already",
        ),
        header(
            "anonymized",
            ColumnKind::Bool,
            Header::Anonymized,
            "Whether the addresses were anonymised",
        ),
        header(
            "export_sysid",
            ColumnKind::U16,
            Header::ExporterSysid,
            "Number of the exporter in its file; 0 is none",
        ),
        header(
            "engine_type",
            ColumnKind::U8,
            Header::EngineType,
            "Engine type of the exporter",
        ),
        header(
            "engine_id",
            ColumnKind::U8,
            Header::EngineId,
            "Engine id of the exporter",
        ),
        header(
            "export_version",
            ColumnKind::U8,
            Header::ExportVersion,
            "Export protocol: 1, 5, 9 NetFlow, 10 IPFIX, 0x41 nfpcapd, 0x80 and above sFlow, 0 unknown",
        ),
    ]
}

/// Two elements of the same meaning for the two address families.
struct Joined {
    elements: [u8; 2],
    /// Name, offsets and meaning.
    columns: &'static [(&'static str, [usize; 2], &'static str)],
}

static EITHER: [Joined; 6] = [
    Joined {
        elements: [2, 3],
        columns: &[
            ("src_addr", [0, 0], "Source address of either family"),
            ("dst_addr", [4, 16], "Destination address of either family"),
        ],
    },
    Joined {
        elements: [8, 9],
        columns: &[("bgp_next_hop", [0, 0], "BGP next hop of either family")],
    },
    Joined {
        elements: [10, 11],
        columns: &[("next_hop", [0, 0], "IP next hop of either family")],
    },
    Joined {
        elements: [12, 13],
        columns: &[(
            "exporter_addr",
            [0, 0],
            "Address of either family that the flow was received from",
        )],
    },
    Joined {
        elements: [20, 21],
        columns: &[
            (
                "src_xlt_addr",
                [0, 0],
                "Translated source address of either family",
            ),
            (
                "dst_xlt_addr",
                [4, 16],
                "Translated destination address of either family",
            ),
        ],
    },
    Joined {
        elements: [31, 32],
        columns: &[
            (
                "src_tun_addr",
                [0, 0],
                "Outer source address of the tunnel, of either family",
            ),
            (
                "dst_tun_addr",
                [4, 16],
                "Outer destination address of the tunnel, of either family",
            ),
        ],
    },
];
