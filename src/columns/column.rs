//! Column definitions: content, origin, and Arrow type of each column.
//!
//! They are derived from the element table. Each field of a flow is a column of the same name, with two
//! exceptions: the ten MPLS entries are one list, and fields of nfdump's geo database, which are always
//! empty, are no columns. `file`, `ident` and `type` are added here.

use std::sync::{Arc, LazyLock};

use arrow_array::StringArray;
use arrow_schema::{DataType, TimeUnit};

use crate::flow::element::{self, Element, Field, FieldKind};
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::IpFragment;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnKind {
    /// True or false.
    Bool,
    /// Unsigned number of 8 bits.
    U8,
    /// Unsigned number of 16 bits.
    U16,
    /// Unsigned number of 32 bits.
    U32,
    /// Unsigned number of 64 bits.
    U64,
    /// Time in ms since the epoch, zone UTC; null if it needs more than 63 bits.
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
    /// Word of a closed set, as a dictionary that is the same in all batches.
    Word,
    /// Name or ident of a file, as a dictionary.
    Label,
    /// Text. Bytes that are not UTF-8 are replaced by U+FFFD.
    Text,
    /// Bytes.
    Bytes,
}

impl ColumnKind {
    /// Whether it holds addresses: IPv4, IPv6 or MAC.
    #[must_use]
    pub fn is_address(self) -> bool {
        matches!(self, Self::Ip4 | Self::Ip6 | Self::Ip | Self::Mac)
    }
}

/// The origin of the values of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ColumnSource {
    /// A field of this element.
    Field(u8, &'static Field),
    /// A field of the record header.
    Header(HeaderField),
    /// Element and offset of the IPv4 address, and of the IPv6 address.
    Either([(u8, usize); 2]),
    /// The label stack: its element, and bytes.
    Mpls(u8, usize),
    /// The name of the file.
    File,
    /// The ident of the file.
    Ident,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    name: &'static str,
    kind: ColumnKind,
    doc: &'static str,
    standard: bool,
    pub(crate) source: ColumnSource,
}

impl Column {
    /// Its name, as for `--fields` of the program.
    ///
    /// If [`Flow`](crate::Flow) has an accessor of this name, both have the same meaning.
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

    /// Whether it is a standard column, see [`Projection::standard`].
    ///
    /// All are, except addresses of one family where there is a column for both, and the name of the file.
    ///
    /// [`Projection::standard`]: crate::columns::Projection::standard
    #[must_use]
    pub fn is_standard(&self) -> bool {
        self.standard
    }

    /// nfdump's key for it in JSON; empty if nfdump does not print it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self.source {
            ColumnSource::Field(_, field) => field.key,
            ColumnSource::Header(header) => header.key(),
            ColumnSource::Ident => "ident",
            _ => "",
        }
    }

    /// The elements it is read from, as a bit set like [`Flow::elements`](crate::Flow::elements).
    ///
    /// It is null where a flow has none of them. 0 if it is not read from elements.
    #[must_use]
    pub fn elements(&self) -> u64 {
        match self.source {
            ColumnSource::Field(element, _) | ColumnSource::Mpls(element, _) => 1 << element,
            ColumnSource::Either(families) => families.iter().fold(0, |set, (id, _)| set | 1 << id),
            ColumnSource::Header(_) | ColumnSource::File | ColumnSource::Ident => 0,
        }
    }

    /// Whether it can be null.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        !matches!(self.source, ColumnSource::Header(_))
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

    /// The name of its Arrow extension type, by which consumers distinguish binary columns.
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

    /// The dictionary of a column of kind [`ColumnKind::Word`].
    pub(crate) fn words(&self) -> &'static Arc<StringArray> {
        match self.source {
            ColumnSource::Header(_) => &TYPES,
            ColumnSource::Field(_, field) if field.kind == FieldKind::NselEvent => &NSEL_EVENTS,
            ColumnSource::Field(_, field) if field.kind == FieldKind::NatEvent => &NAT_EVENTS,
            ColumnSource::Field(_, field) if field.kind == FieldKind::Fragment => &FRAGMENTS,
            _ => &TLS_VERSIONS,
        }
    }
}

/// A stored field by name, with the id of its element.
pub(crate) fn locate(name: &str) -> Option<(u8, &'static Field)> {
    element::elements().iter().find_map(|element| {
        let field = element.fields.iter().find(|field| field.name == name)?;
        Some((element.id, field))
    })
}

/// The texts of all values of a byte.
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

/// All columns, in the order of the schema.
///
/// The columns of the file and the record header come first, then those of elements by id. A column for
/// both address families precedes the fields of the first of its two elements.
#[must_use]
pub fn columns() -> &'static [Column] {
    static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
        let mut columns = file_columns();
        columns.extend(header_columns());
        columns.extend(element::elements().iter().flat_map(element_columns));
        columns
    });
    &COLUMNS
}

/// The columns of an element, after those of either family that begin with it.
fn element_columns(element: &'static Element) -> Vec<Column> {
    let mut columns: Vec<_> = either_columns()
        .filter(|(places, _)| places[0].0 == element.id)
        .map(|(_, column)| column)
        .collect();
    if element
        .fields
        .iter()
        .all(|field| field.kind == FieldKind::Mpls)
    {
        columns.push(Column {
            name: "mpls",
            kind: ColumnKind::Mpls,
            doc: "MPLS label stack from its top; each entry is label << 4 | traffic class << 1 | bottom",
            standard: true,
            source: ColumnSource::Mpls(element.id, element.size),
        });
    }
    let fields = element.fields.iter();
    columns.extend(fields.filter_map(|field| field_column(element.id, field)));
    columns
}

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
        // Always empty; and entries of the list.
        FieldKind::Geo | FieldKind::Mpls => return None,
    };
    let is_joined = matches!(kind, ColumnKind::Ip4 | ColumnKind::Ip6)
        && either_columns().any(|(places, _)| places.iter().any(|(id, _)| *id == element));
    Some(Column {
        name: field.name,
        kind,
        doc: field.plain_doc(),
        standard: !is_joined,
        source: ColumnSource::Field(element, field),
    })
}

/// The columns of the file that flows come from.
fn file_columns() -> Vec<Column> {
    vec![
        Column {
            name: "file",
            kind: ColumnKind::Label,
            doc: "Name of the file the flow is from",
            standard: false,
            source: ColumnSource::File,
        },
        Column {
            name: "ident",
            kind: ColumnKind::Label,
            doc: "Name the collector gave to the data; null if the file has none",
            standard: true,
            source: ColumnSource::Ident,
        },
    ]
}

/// A field of the record header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderField {
    Type,
    Sampled,
    Anonymized,
    ExporterSysid,
    EngineType,
    EngineId,
    ExportVersion,
}

impl HeaderField {
    pub(crate) fn offset(self) -> usize {
        match self {
            Self::EngineType => 6,
            Self::EngineId => 7,
            Self::ExporterSysid => 8,
            Self::Type | Self::Sampled | Self::Anonymized => 10,
            Self::ExportVersion => 11,
        }
    }

    pub(crate) fn flag(self) -> u8 {
        match self {
            Self::Type => 0x01,
            Self::Sampled => 0x02,
            Self::Anonymized => 0x04,
            _ => 0,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::ExporterSysid => "export_sysid",
            Self::Sampled => "sampled",
            Self::Type => "type",
            _ => "",
        }
    }
}

/// The columns of the record header.
fn header_columns() -> impl Iterator<Item = Column> {
    [
        ("type", ColumnKind::Word, HeaderField::Type, "FLOW, or EVENT for NSEL, NEL and packet filter logs"),
        ("sampled", ColumnKind::Bool, HeaderField::Sampled, "Whether the exporter sampled; counters are scaled already"),
        ("anonymized", ColumnKind::Bool, HeaderField::Anonymized, "Whether the addresses were anonymised"),
        ("export_sysid", ColumnKind::U16, HeaderField::ExporterSysid, "Number of the exporter in its file; 0 is none"),
        ("engine_type", ColumnKind::U8, HeaderField::EngineType, "Engine type of the exporter"),
        ("engine_id", ColumnKind::U8, HeaderField::EngineId, "Engine id of the exporter"),
        ("export_version", ColumnKind::U8, HeaderField::ExportVersion, "Export protocol: 1, 5, 9 NetFlow, 10 IPFIX, 0x41 nfpcapd, 0x80 and above sFlow, 0 unknown"),
    ]
    .into_iter()
    .map(|(name, kind, header, doc)| Column {
        name,
        kind,
        doc,
        standard: true,
        source: ColumnSource::Header(header),
    })
}

/// The columns for both address families, with the places of the two addresses.
///
/// Long: a list of columns.
fn either_columns() -> impl Iterator<Item = ([(u8, usize); 2], Column)> {
    [
        (
            "src_addr",
            "src4_addr",
            "src6_addr",
            "Source address of either family",
        ),
        (
            "dst_addr",
            "dst4_addr",
            "dst6_addr",
            "Destination address of either family",
        ),
        (
            "bgp_next_hop",
            "bgp4_next_hop",
            "bgp6_next_hop",
            "BGP next hop of either family",
        ),
        (
            "next_hop",
            "ip4_next_hop",
            "ip6_next_hop",
            "IP next hop of either family",
        ),
        (
            "exporter_addr",
            "ip4_router",
            "ip6_router",
            "Address of either family that the flow was received from",
        ),
        (
            "src_xlt_addr",
            "src4_xlt_ip",
            "src6_xlt_ip",
            "Translated source address of either family",
        ),
        (
            "dst_xlt_addr",
            "dst4_xlt_ip",
            "dst6_xlt_ip",
            "Translated destination address of either family",
        ),
        (
            "src_tun_addr",
            "src4_tun_ip",
            "src6_tun_ip",
            "Outer source address of the tunnel, of either family",
        ),
        (
            "dst_tun_addr",
            "dst4_tun_ip",
            "dst6_tun_ip",
            "Outer destination address of the tunnel, of either family",
        ),
    ]
    .into_iter()
    .filter_map(|(name, v4, v6, doc)| {
        let place = |name| locate(name).map(|(element, field)| (element, field.offset));
        let places = [place(v4)?, place(v6)?];
        let column = Column {
            name,
            kind: ColumnKind::Ip,
            doc,
            standard: true,
            source: ColumnSource::Either(places),
        };
        Some((places, column))
    })
}
