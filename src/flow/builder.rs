//! Flows from values: for tests, converters and everything else that writes nfcapd files.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::flow::accessors::{header_type, kind_type};
use crate::flow::at::id;
use crate::flow::bytes::USER_NAME_MAX;
use crate::flow::element::{self, Element, Field, FieldKind};
use crate::flow::field_value::FieldValue;
use crate::flow::owned::OwnedFlow;
use crate::flow::record::{ELEMENT_COUNT, ELEMENT_HEADER, HEADER, SIZE, TYPE};
use crate::flow::table::{either_table, element_table, header_table};
use crate::raw;
use crate::raw::ELEMENT_MAX_LAYOUT2;
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::IpFragment;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;

/// Builds a flow from the values of its fields.
///
/// There is one setter for each accessor of [`Flow`](crate::Flow) that reads a stored field, and
/// [`set`](Self::set) for fields known by name only. The flow gets the elements of the fields that were set;
/// their other fields are 0. [`build`](Self::build) checks that the flow has exactly the values that were
/// set. nfdump expects at least the fields of element 1, such as [`first`](Self::first), in every flow.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nfdecode::{FlowBuilder, Timestamp};
/// let flow = FlowBuilder::new()
///     .first(Timestamp::from_millis(1_767_225_600_000))
///     .last(Timestamp::from_millis(1_767_225_601_000))
///     .proto(6)
///     .src_addr(Ipv4Addr::new(192, 0, 2, 1).into())
///     .dst_addr(Ipv4Addr::new(198, 51, 100, 2).into())
///     .dst_port(443)
///     .in_packets(12)
///     .in_bytes(3456)
///     .build()?;
/// assert_eq!(flow.dst_port(), Some(443));
/// assert_eq!(flow.src_port(), Some(0));
/// assert_eq!(flow.src_vlan(), None);
/// # Ok::<(), nfdecode::BuildError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FlowBuilder {
    header: [u8; HEADER],
    /// Fields that were set, with their stored bytes.
    fields: Vec<(&'static Field, u8, Vec<u8>)>,
}

/// Why a flow cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The field has values of another type or a smaller range, or no flow stores it.
    WrongValue {
        /// The name of the field.
        field: &'static str,
    },
    /// The flow would not have the value: another field excludes it (both address families, ports of ICMP
    /// flows, two fields with the same bytes), or it is one that means absence, or it is too long.
    Conflict {
        /// The name of the field.
        field: &'static str,
    },
    /// The record would be longer than 65,535 bytes.
    TooLarge,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongValue { field } => write!(f, "{field}: no value of this field"),
            Self::Conflict { field } => write!(
                f,
                "{field}: a flow with these fields does not have this value"
            ),
            Self::TooLarge => f.write_str("the flow is longer than the 65,535 bytes of a record"),
        }
    }
}

impl std::error::Error for BuildError {}

impl FlowBuilder {
    /// A flow without fields; all values of its header are 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field to a value, which replaces an earlier one.
    ///
    /// # Errors
    /// [`BuildError::WrongValue`].
    pub fn set(
        &mut self,
        field: &'static Field,
        value: FieldValue<'_>,
    ) -> Result<&mut Self, BuildError> {
        let wrong = BuildError::WrongValue { field: field.name };
        let bytes = stored(field.kind, value).ok_or(wrong.clone())?;
        let element = element::fields().find(|(_, known)| std::ptr::eq(*known, field));
        let (element, _) = element.ok_or(wrong)?;
        self.fields.retain(|(known, ..)| known.name != field.name);
        self.fields.push((field, element, bytes));
        Ok(self)
    }

    /// As [`set`](Self::set), of a field of the table with a value of its own type.
    fn put(&mut self, name: &str, value: FieldValue<'_>) -> &mut Self {
        if let Some(field) = element::field(name) {
            // The type of the setter's argument is that of the field.
            let _ = self.set(field, value);
        }
        self
    }

    /// The flow.
    ///
    /// # Errors
    /// [`BuildError::Conflict`] and [`BuildError::TooLarge`].
    pub fn build(&self) -> Result<OwnedFlow, BuildError> {
        let mut record = self.header.to_vec();
        let mut elements = 0_u16;
        for element in element::elements() {
            let Some(payload) = self.payload(element) else {
                continue;
            };
            let length = payload.len() + ELEMENT_HEADER;
            let length = u16::try_from(length).map_err(|_| BuildError::TooLarge)?;
            record.extend(u16::from(element.id).to_le_bytes());
            record.extend(length.to_le_bytes());
            record.extend(payload);
            elements += 1;
        }
        let size = u16::try_from(record.len()).map_err(|_| BuildError::TooLarge)?;
        let is_wide = self.fields.iter().any(|(_, element, bytes)| {
            *element > ELEMENT_MAX_LAYOUT2 || *element == id::USER && bytes.len() > USER_NAME_MAX
        });
        let kind = if is_wide {
            raw::FLOW_LAYOUT3
        } else {
            raw::FLOW
        };
        put_u16(&mut record, TYPE, kind);
        put_u16(&mut record, SIZE, size);
        put_u16(&mut record, ELEMENT_COUNT, elements);
        let flow = OwnedFlow::from_record(record);
        for (field, _, bytes) in &self.fields {
            let read = field.value(&flow.view());
            let same = read.and_then(|value| stored(field.kind, value));
            if same.as_ref() != Some(bytes) {
                return Err(BuildError::Conflict { field: field.name });
            }
        }
        Ok(flow)
    }

    /// The payload of an element; `None` if none of its fields was set.
    fn payload(&self, element: &Element) -> Option<Vec<u8>> {
        let mut fields = self.fields.iter().filter(|(_, of, _)| *of == element.id);
        let mut payload = Vec::new();
        let first = fields.next()?;
        for (field, _, bytes) in std::iter::once(first).chain(fields) {
            // nfdump reads texts up to a NUL.
            let is_text = element.size == 0 && field.kind == FieldKind::Text;
            let end = field.offset + bytes.len() + usize::from(is_text);
            payload.resize(end.max(element.size).max(payload.len()), 0);
            let place = payload.get_mut(field.offset..).unwrap_or_default();
            place
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
        }
        Some(payload)
    }
}

fn put_u16(record: &mut [u8], at: usize, value: u16) {
    let place = record.get_mut(at..).unwrap_or_default();
    place
        .iter_mut()
        .zip(value.to_le_bytes())
        .for_each(|(to, from)| *to = from);
}

/// The stored bytes of a value; `None` if fields of this kind do not have such values.
fn stored(kind: FieldKind, value: FieldValue<'_>) -> Option<Vec<u8>> {
    let bytes = match (kind, value) {
        (FieldKind::U8 | FieldKind::NatEventId, FieldValue::Number(number)) => {
            vec![u8::try_from(number).ok()?]
        }
        (FieldKind::U16, FieldValue::Number(number)) => {
            u16::try_from(number).ok()?.to_le_bytes().to_vec()
        }
        (FieldKind::U32 | FieldKind::NatPool, FieldValue::Number(number)) => {
            u32::try_from(number).ok()?.to_le_bytes().to_vec()
        }
        (FieldKind::U64 | FieldKind::Micros, FieldValue::Number(number)) => {
            number.to_le_bytes().to_vec()
        }
        (FieldKind::Time | FieldKind::FirstSeen | FieldKind::EventTime, FieldValue::Time(time)) => {
            time.as_millis().to_le_bytes().to_vec()
        }
        (FieldKind::Ip4, FieldValue::Ip(IpAddr::V4(address))) => {
            address.to_bits().to_le_bytes().to_vec()
        }
        (FieldKind::Ip6, FieldValue::Ip(IpAddr::V6(address))) => {
            let bits = address.to_bits();
            let halves = [(bits >> 64) as u64, bits as u64];
            halves.iter().flat_map(|half| half.to_le_bytes()).collect()
        }
        (FieldKind::Mac, FieldValue::Mac(address)) => {
            let [a, b, c, d, e, f] = address.octets();
            vec![f, e, d, c, b, a, 0, 0]
        }
        (FieldKind::Mpls, FieldValue::Mpls(label)) => label.0.to_le_bytes().to_vec(),
        (FieldKind::TcpFlags, FieldValue::TcpFlags(flags)) => vec![flags.0],
        (FieldKind::Fragment, FieldValue::Fragment(flags)) => vec![flags.0],
        (FieldKind::NselEvent, FieldValue::NselEvent(event)) => vec![event.0],
        (FieldKind::NatEvent, FieldValue::NatEvent(event)) => vec![event.0],
        (FieldKind::Acl, FieldValue::Acl(words)) => {
            words.iter().flat_map(|word| word.to_be_bytes()).collect()
        }
        (FieldKind::UserName | FieldKind::Text, FieldValue::Text(bytes))
        | (FieldKind::Bytes, FieldValue::Bytes(bytes)) => bytes.to_vec(),
        _ => return None,
    };
    Some(bytes)
}

/// The setter of a stored field. Fields that are only printed have none.
macro_rules! setter {
    ($name:ident, SrcNet, $($doc:literal)+) => {};
    ($name:ident, DstNet, $($doc:literal)+) => {};
    ($name:ident, Geo, $($doc:literal)+) => {};
    ($name:ident, TlsVersion, $($doc:literal)+) => {};
    ($name:ident, TlsSni, $($doc:literal)+) => {};
    ($name:ident, TlsJa3, $($doc:literal)+) => {};
    ($name:ident, TlsJa4, $($doc:literal)+) => {};
    ($name:ident, UserName, $($doc:literal)+) => { setter!(@ $name, UserName, FieldValue::Text, $($doc)+); };
    ($name:ident, Text, $($doc:literal)+) => { setter!(@ $name, Text, FieldValue::Text, $($doc)+); };
    ($name:ident, Bytes, $($doc:literal)+) => { setter!(@ $name, Bytes, FieldValue::Bytes, $($doc)+); };
    ($name:ident, $kind:ident, $($doc:literal)+) => { setter!(@ $name, $kind, FieldValue::from, $($doc)+); };
    (@ $name:ident, $kind:ident, $value:path, $($doc:literal)+) => {
        #[doc = concat!("Sets [`", stringify!($name), "`](crate::Flow::", stringify!($name), ").\n\n")]
        $(#[doc = $doc])+
        pub fn $name<'a>(&mut self, value: kind_type!($kind)) -> &mut Self {
            self.put(stringify!($name), $value(value))
        }
    };
}

macro_rules! setters {
    ($(
        $id:literal $const:ident $title:literal $size:literal {
            $( $(#[doc = $doc:literal])+ $name:ident: $kind:ident @ $at:literal $(if $when:ident)? $(=> $key:literal)?; )*
        }
    )*) => {
        /// Every stored field.
        #[allow(clippy::extra_unused_lifetimes, reason = "only some of the types borrow")]
        impl FlowBuilder {
            $($( setter!($name, $kind, $($doc)+); )*)*
        }
    };
}

macro_rules! header_write {
    ($header:expr, $at:literal, $value:expr, Flag, $mask:literal) => {
        if $value {
            $header[$at] |= $mask;
        } else {
            $header[$at] &= !$mask;
        }
    };
    ($header:expr, $at:literal, $value:expr, U8) => {
        $header[$at] = $value
    };
    ($header:expr, $at:literal, $value:expr, U16) => {
        put_u16(&mut $header, $at, $value)
    };
}

macro_rules! header_setters {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident $(($mask:literal))? @ $at:literal $(=> $key:literal)?; )*) => {
        /// The record header.
        impl FlowBuilder {
            $(
                #[doc = concat!("Sets [`", stringify!($name), "`](crate::Flow::", stringify!($name), ").\n\n")]
                $(#[doc = $doc])+
                pub fn $name(&mut self, value: header_type!($kind)) -> &mut Self {
                    header_write!(self.header, $at, value, $kind $(, $mask)?);
                    self
                }
            )*
        }
    };
}

/// The setter of an address of either family. Of other values it would not be clear which element is meant.
macro_rules! either_setter {
    ($name:ident, Ip, $first:ident, $second:ident, $($doc:literal)+) => {
        #[doc = concat!("Sets [`", stringify!($first), "`](Self::", stringify!($first), ") or [`",
            stringify!($second), "`](Self::", stringify!($second), ").\n\n")]
        $(#[doc = $doc])+
        pub fn $name(&mut self, value: IpAddr) -> &mut Self {
            match value {
                IpAddr::V4(address) => self.$first(address),
                IpAddr::V6(address) => self.$second(address),
            }
        }
    };
    ($name:ident, $kind:ident, $($rest:tt)*) => {};
}

macro_rules! either_setters {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident [$first:ident $second:ident] $(=> $key:literal)?; )*) => {
        /// Addresses of either family.
        impl FlowBuilder {
            $( either_setter!($name, $kind, $first, $second, $($doc)+); )*
        }
    };
}

element_table!(setters);
header_table!(header_setters);
either_table!(either_setters);
