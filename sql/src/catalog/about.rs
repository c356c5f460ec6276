//! Which tables about files there are, and their columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::functions::address::marked;

/// A table about files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Headers, statistics, time ranges. Files are opened, not read.
    Files,
    /// Exporters. Files are read whole.
    Exporters,
    /// Samplers. Files are read whole.
    Samplers,
    /// Interfaces that have names. Files are read whole.
    Interfaces,
}

/// One column: its name, its type, what it has.
type Described = (&'static str, DataType, &'static str);

impl About {
    pub(crate) const ALL: [Self; 4] = [
        Self::Files,
        Self::Exporters,
        Self::Samplers,
        Self::Interfaces,
    ];

    /// The name of the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Exporters => "exporters",
            Self::Samplers => "samplers",
            Self::Interfaces => "interfaces",
        }
    }

    /// Its columns.
    pub(crate) fn columns(self) -> Vec<Described> {
        use DataType::{Boolean, UInt16, UInt32, UInt64, Utf8};
        let time = || DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let file = ("file", Utf8, "Name of the file, as in `flows`");
        match self {
            Self::Files => vec![
                file,
                ("path", Utf8, "Where it is"),
                ("bytes", UInt64, "Its size"),
                (
                    "layout",
                    UInt16,
                    "Version of its layout; null if it cannot be opened",
                ),
                ("compression", Utf8, "How its blocks are compressed"),
                ("encrypted", Boolean, "Whether its blocks are encrypted"),
                ("created", time(), "When its writer opened it"),
                ("creator", Utf8, "The program that wrote it"),
                ("ident", Utf8, "Name that the collector gave to the data"),
                ("blocks", UInt32, "Blocks that its header announces"),
                ("flows", UInt64, "Flows that its statistics announce"),
                ("packets", UInt64, "Packets, according to its statistics"),
                (
                    "traffic",
                    UInt64,
                    "Bytes of traffic, according to its statistics",
                ),
                (
                    "first",
                    time(),
                    "Earliest start of a flow, according to its statistics",
                ),
                (
                    "last",
                    time(),
                    "Latest end of a flow, according to its statistics",
                ),
                (
                    "sequence_failures",
                    UInt64,
                    "Gaps in the sequence numbers of exporters",
                ),
                (
                    "unfinished",
                    Boolean,
                    "Whether it is still being written, or was abandoned",
                ),
                (
                    "damage",
                    Utf8,
                    "What opening it finds wrong; null if nothing. Blocks are not read",
                ),
            ],
            Self::Exporters => vec![
                file,
                (
                    "sysid",
                    UInt16,
                    "Its number in the file, as `export_sysid` in `flows`",
                ),
                ("address", DataType::FixedSizeBinary(16), "Its address"),
                (
                    "version",
                    UInt32,
                    "Export protocol: 9 NetFlow, 10 IPFIX, 9999 sFlow",
                ),
                ("version_name", Utf8, "The name of that protocol"),
                ("id", UInt32, "Source id or observation domain"),
                (
                    "flows",
                    UInt64,
                    "Flow records received from it; 0 without statistics",
                ),
                (
                    "packets",
                    UInt64,
                    "Packets received from it; 0 without statistics",
                ),
                ("sequence_failures", UInt64, "Gaps in its sequence numbers"),
            ],
            Self::Samplers => vec![
                file,
                ("sysid", UInt16, "The exporter's number"),
                (
                    "id",
                    DataType::Int64,
                    "The exporter's own id; -1 to -3 were set on the collector",
                ),
                ("algorithm", UInt16, "Sampling algorithm (IPFIX 304)"),
                ("packet_interval", UInt32, "Consecutive packets selected"),
                ("packet_space", UInt32, "Consecutive packets skipped"),
            ],
            Self::Interfaces => vec![
                file,
                (
                    "interface",
                    UInt32,
                    "Index of the interface, as `input_snmp` and `output_snmp`",
                ),
                ("name", Utf8, "Its name"),
            ],
        }
    }

    pub(super) fn schema(self) -> SchemaRef {
        let fields = self.columns().into_iter().map(|(name, kind, _)| {
            let is_address = matches!(kind, DataType::FixedSizeBinary(_));
            let field = Field::new(name, kind, true);
            match is_address {
                true => marked(field),
                false => field,
            }
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}
