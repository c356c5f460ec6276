//! [`Serialize`] for flows and the values in them (feature `serde`).
//!
//! A [`Flow`] or [`OwnedFlow`] is a map: first the fields of the record header - `export_version`,
//! `engine_type`, `engine_id`, `exporter_sysid`, `is_event`, `is_sampled`, `is_anonymized` - then
//! every field it has, under the name of its accessor ([`element`](crate::element)), in the order of
//! the element table. Fields that are absent are left out. These names are stable; they are not
//! always nfdump's keys, for which there is the module `output`.
//!
//! | type | formats for people (JSON ...) | binary formats |
//! |---|---|---|
//! | numbers | number | `u64`; of the header as narrow as the accessor's |
//! | [`Timestamp`] | RFC 3339 text in UTC, `2026-01-01T12:00:00.000Z` | `u64`, milliseconds |
//! | addresses | text | as serde does: variant and bytes |
//! | [`MacAddr`] | text, `02:00:5e:10:00:01` | six bytes |
//! | [`TcpFlags`], [`IpFragment`] | text, `...AP.SF` and `DF` | `u8` |
//! | [`MplsLabel`] | text, label-class-bottom | `u32`, as stored |
//! | [`NselEvent`], [`NatEvent`] | name | `u8` |
//! | ACLs | three numbers | three `u32` |
//! | text | string, what is not UTF-8 replaced | bytes |
//! | bytes | string in hexadecimal | bytes |
//!
//! Times before the year 10000 are RFC 3339; a damaged or hostile file can have later ones, which get
//! more digits.

use serde_core::ser::{SerializeMap, SerializeTuple as _};
use serde_core::{Serialize, Serializer};

use crate::flow::element;
use crate::flow::field_value::FieldValue;
use crate::flow::owned::OwnedFlow;
use crate::flow::table::header_table;
use crate::flow::view::Flow;
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::IpFragment;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;

/// Makes [`serialize_header`] from the table.
macro_rules! serialize_header {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident $(($mask:literal))? @ $at:literal $(=> $key:literal)?; )*) => {
        /// One entry for each field of the record header, of its own type.
        fn serialize_header<M: SerializeMap>(flow: &Flow<'_>, map: &mut M) -> Result<(), M::Error> {
            $( map.serialize_entry(stringify!($name), &flow.$name())?; )*
            Ok(())
        }
    };
}

header_table!(serialize_header);

impl Serialize for Flow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Many binary formats must know the size beforehand.
        let header = element::header_fields();
        let size = header.len() + self.fields().count();
        let mut map = serializer.serialize_map(Some(size))?;
        serialize_header(self, &mut map)?;
        for (field, value) in self.fields() {
            map.serialize_entry(field.name, &value)?;
        }
        map.end()
    }
}

impl Serialize for OwnedFlow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view().serialize(serializer)
    }
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Time(value) => value.serialize(serializer),
            Self::Ip(value) => value.serialize(serializer),
            Self::Mac(value) => value.serialize(serializer),
            Self::Mpls(value) => value.serialize(serializer),
            Self::TcpFlags(value) => value.serialize(serializer),
            Self::Fragment(value) => value.serialize(serializer),
            Self::NselEvent(value) => value.serialize(serializer),
            Self::NatEvent(value) => value.serialize(serializer),
            Self::Acl(words) => words.serialize(serializer),
            Self::Text(value) | Self::Bytes(value) if !serializer.is_human_readable() => {
                serializer.serialize_bytes(value)
            }
            Self::Text(value) => serializer.serialize_str(&String::from_utf8_lossy(value)),
            Self::Bytes(_) => serializer.collect_str(self),
        }
    }
}

/// Text for people by `Display`, otherwise what is stored.
macro_rules! text_or_number {
    ($($type:ident, $serialize:ident, $stored:expr;)*) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    if serializer.is_human_readable() {
                        serializer.collect_str(self)
                    } else {
                        serializer.$serialize($stored(*self))
                    }
                }
            }
        )*
    };
}

text_or_number! {
    Timestamp, serialize_u64, Timestamp::as_millis;
    MplsLabel, serialize_u32, |value: MplsLabel| value.0;
    TcpFlags, serialize_u8, |value: TcpFlags| value.0;
    IpFragment, serialize_u8, |value: IpFragment| value.0;
    NselEvent, serialize_u8, |value: NselEvent| value.0;
    NatEvent, serialize_u8, |value: NatEvent| value.0;
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for byte in &self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}
