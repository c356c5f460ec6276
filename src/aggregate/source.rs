//! Where the value of a key comes from, and how it is stored in a row.
//!
//! A name is looked up once. The value of a flow is a tag and at most two words, so that rows of all
//! groupings have a fixed width.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::runs;
use crate::flow::bytes::{u8_at, u16_at, u32_at, u64_at};
use crate::flow::element::{
    self, EitherField, EitherKind, Field, FieldKind, HeaderField, either_fields, header_fields,
};
use crate::flow::field_value::FieldValue;
use crate::flow::view::Flow;
use crate::payload::dns;
use crate::payload::tls::Hello;
use crate::suggest;
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::{IpFragment, TcpFlags};
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;

/// Values computed from the payload of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Computed {
    TlsVersion,
    ServerName,
    Ja3,
    Ja4,
    /// The first name that a DNS message asks for.
    DnsName,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A field of an element, absent where its accessor says so.
    Field(&'static Field, u8),
    /// The same as stored, whatever the accessor's condition.
    Stored(&'static Field, u8),
    Either(&'static EitherField),
    Header(&'static HeaderField),
    /// Of the payload of this element, or of either payload.
    Computed(Computed, Option<u8>),
}

/// How a value is stored in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// At most 32 bits.
    Narrow(u8),
    /// One word.
    Word,
    /// Two words.
    Double,
    /// An address of either family: two words, the family in the tag.
    Address,
    /// As `Address`, and a prefix length.
    Network,
    /// The number of a text.
    Text,
}

/// A value in the form of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// 0 absent, 1 present, or the family: 1 IPv4, 2 IPv6.
    pub(crate) tag: u8,
    /// Prefix length of a network.
    pub(crate) mask: u8,
    /// High and low word; narrow values are in the low one.
    pub(crate) words: [u64; 2],
}

impl Stored {
    #[inline]
    pub(crate) fn number(value: u64) -> Self {
        Self {
            tag: 1,
            mask: 0,
            words: [0, value],
        }
    }

    #[inline]
    pub(crate) fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::number(v4.to_bits().into()),
            IpAddr::V6(v6) => Self {
                tag: 2,
                mask: 0,
                words: [(v6.to_bits() >> 64) as u64, v6.to_bits() as u64],
            },
        }
    }

    /// The address, given that it is one.
    pub(crate) fn to_address(self) -> IpAddr {
        let [high, low] = self.words;
        if self.tag == 2 {
            Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)).into()
        } else {
            Ipv4Addr::from_bits(low as u32).into()
        }
    }

    /// Appends bytes that compare as the value does: absent first, IPv4 before IPv6; texts by their bytes.
    pub(crate) fn rank(self, shape: Shape, text: &[u8], out: &mut Vec<u8>) {
        out.push(self.tag);
        let [high, low] = self.words;
        match shape {
            Shape::Text if self.tag == 0 => {}
            Shape::Text => runs::put_text(text, out),
            Shape::Narrow(_) | Shape::Word => runs::put_number(low, out),
            Shape::Double | Shape::Address | Shape::Network => {
                runs::put_number(high, out);
                runs::put_number(low, out);
                out.push(self.mask);
            }
        }
    }

    /// The value of no bits: what an absent one counts as where absent means 0.
    pub(crate) const ZERO: Self = Self {
        tag: 1,
        mask: 0,
        words: [0; 2],
    };
}

/// A value as it comes from a flow.
pub(crate) enum Value<'a> {
    Stored(Stored),
    Text(&'a [u8]),
    Owned([u8; 36], usize),
    Boxed(Box<[u8]>),
}

impl Source {
    /// The source with this name: a field of the element table, an address of either family, a field of
    /// the record header, or a value computed from payload.
    pub(crate) fn named(name: &str) -> Result<Self> {
        if let Some(either) = either_fields().iter().find(|either| either.name == name) {
            return Ok(Self::Either(either));
        }
        let is_header = |field: &&HeaderField| field.name == name || field.key == name;
        if let Some(field) = header_fields().iter().find(is_header) {
            return Ok(Self::Header(field));
        }
        let computed = match name {
            "tls_version" => Some(Computed::TlsVersion),
            "tls_sni" => Some(Computed::ServerName),
            "ja3" => Some(Computed::Ja3),
            "ja4" => Some(Computed::Ja4),
            "dns_name" => Some(Computed::DnsName),
            _ => None,
        };
        if let Some(computed) = computed {
            return Ok(Self::Computed(computed, None));
        }
        let (field, element) = stored_field(name).ok_or_else(|| unknown(name))?;
        Ok(match field.kind {
            FieldKind::TlsVersion => Self::Computed(Computed::TlsVersion, Some(element)),
            FieldKind::TlsSni => Self::Computed(Computed::ServerName, Some(element)),
            FieldKind::TlsJa3 => Self::Computed(Computed::Ja3, Some(element)),
            FieldKind::TlsJa4 => Self::Computed(Computed::Ja4, Some(element)),
            _ => Self::Field(field, element),
        })
    }

    /// As [`named`](Self::named), but of an element's field whatever its condition.
    pub(crate) fn stored(name: &str) -> Result<Self> {
        Ok(match Self::named(name)? {
            Self::Field(field, element) => Self::Stored(field, element),
            other => other,
        })
    }

    /// Which source it is, as text.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Field(field, element) => format!("{element}.{}", field.name),
            Self::Stored(field, element) => format!("{element}.{} as stored", field.name),
            Self::Either(either) => either.name.to_owned(),
            Self::Header(header) => format!("header {}", header.name),
            Self::Computed(computed, element) => format!("{computed:?} of {element:?}"),
        }
    }

    /// How its values are stored.
    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Field(field, _) | Self::Stored(field, _) => match field.kind {
                FieldKind::U8
                | FieldKind::TcpFlags
                | FieldKind::Fragment
                | FieldKind::NselEvent
                | FieldKind::NatEvent
                | FieldKind::NatEventId => Shape::Narrow(8),
                FieldKind::U16 => Shape::Narrow(16),
                FieldKind::U32 | FieldKind::Ip4 | FieldKind::Mpls | FieldKind::NatPool => {
                    Shape::Narrow(32)
                }
                FieldKind::Ip6 | FieldKind::Acl => Shape::Double,
                FieldKind::SrcNet | FieldKind::DstNet => Shape::Address,
                FieldKind::UserName | FieldKind::Text | FieldKind::Bytes => Shape::Text,
                FieldKind::Geo => Shape::Narrow(0),
                _ => Shape::Word,
            },
            Self::Either(either) => match either.kind {
                EitherKind::Ip => Shape::Address,
                EitherKind::U32 => Shape::Narrow(32),
                EitherKind::Time => Shape::Word,
            },
            Self::Header(_) => Shape::Narrow(16),
            Self::Computed(Computed::TlsVersion, _) => Shape::Narrow(16),
            Self::Computed(..) => Shape::Text,
        }
    }

    /// Whether it is an address or network.
    pub(crate) fn is_address(&self) -> bool {
        match self {
            Self::Either(either) => either.kind == EitherKind::Ip,
            Self::Field(field, _) | Self::Stored(field, _) => {
                matches!(field.kind, FieldKind::Ip4 | FieldKind::Ip6)
            }
            _ => false,
        }
    }

    /// Whether it is a number.
    pub(crate) fn is_number(&self) -> bool {
        match self {
            Self::Field(field, _) | Self::Stored(field, _) => matches!(
                field.kind,
                FieldKind::U8
                    | FieldKind::U16
                    | FieldKind::U32
                    | FieldKind::U64
                    | FieldKind::Micros
                    | FieldKind::NatEventId
                    | FieldKind::NatPool
            ),
            Self::Either(either) => either.kind == EitherKind::U32,
            Self::Header(_) | Self::Computed(Computed::TlsVersion, _) => true,
            Self::Computed(..) => false,
        }
    }

    /// Whether it is an instant.
    pub(crate) fn is_time(&self) -> bool {
        match self {
            Self::Field(field, _) | Self::Stored(field, _) => matches!(
                field.kind,
                FieldKind::Time | FieldKind::FirstSeen | FieldKind::EventTime
            ),
            Self::Either(either) => either.kind == EitherKind::Time,
            Self::Header(_) | Self::Computed(..) => false,
        }
    }

    /// The value of a flow; `None` if it has none.
    pub(crate) fn value<'a>(&self, flow: &Flow<'a>) -> Option<Value<'a>> {
        match self {
            Self::Field(field, _) => field.value(flow).map(stored_value),
            Self::Stored(field, element) => {
                let payload = flow.element(*element)?;
                Some(match field.kind {
                    FieldKind::U8 | FieldKind::TcpFlags | FieldKind::Fragment => {
                        Value::Stored(Stored::number(u8_at(payload, field.offset).into()))
                    }
                    FieldKind::U16 => {
                        Value::Stored(Stored::number(u16_at(payload, field.offset).into()))
                    }
                    FieldKind::U32 => {
                        Value::Stored(Stored::number(u32_at(payload, field.offset).into()))
                    }
                    FieldKind::U64 | FieldKind::Time => {
                        Value::Stored(Stored::number(u64_at(payload, field.offset)))
                    }
                    _ => return field.value(flow).map(stored_value),
                })
            }
            Self::Either(either) => either.value(flow).map(stored_value),
            Self::Header(field) => Some(stored_value(field.value(flow))),
            Self::Computed(Computed::DnsName, _) => [29, 30]
                .into_iter()
                .find_map(|element| dns_name(flow, element)),
            // As everywhere else, only TCP flows have hellos.
            Self::Computed(..) if flow.proto() != Some(6) => None,
            Self::Computed(computed, Some(element)) => computed.of(flow.element(*element)?),
            Self::Computed(computed, None) => [29, 30]
                .into_iter()
                .filter_map(|element| computed.of(flow.element(element)?))
                .next(),
        }
    }

    /// The value of a row, back in its type.
    pub(crate) fn typed<'t>(&self, stored: Stored, text: &'t [u8]) -> FieldValue<'t> {
        let [high, low] = stored.words;
        match self {
            Self::Field(field, _) | Self::Stored(field, _) => match field.kind {
                FieldKind::TcpFlags => FieldValue::TcpFlags(TcpFlags(low as u8)),
                FieldKind::Fragment => FieldValue::Fragment(IpFragment(low as u8)),
                FieldKind::NselEvent => FieldValue::NselEvent(NselEvent(low as u8)),
                FieldKind::NatEvent => FieldValue::NatEvent(NatEvent(low as u8)),
                FieldKind::Ip4 => FieldValue::Ip(Ipv4Addr::from_bits(low as u32).into()),
                FieldKind::Ip6 => FieldValue::Ip(
                    Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)).into(),
                ),
                FieldKind::SrcNet | FieldKind::DstNet => FieldValue::Ip(stored.to_address()),
                FieldKind::Acl => FieldValue::Acl([high as u32, (low >> 32) as u32, low as u32]),
                FieldKind::Mac => FieldValue::Mac(MacAddr::from_number(low)),
                FieldKind::Mpls => FieldValue::Mpls(MplsLabel(low as u32)),
                FieldKind::Time | FieldKind::FirstSeen | FieldKind::EventTime => {
                    FieldValue::Time(Timestamp::from_millis(low))
                }
                FieldKind::UserName | FieldKind::Text => FieldValue::Text(text),
                FieldKind::Bytes => FieldValue::Bytes(text),
                _ => FieldValue::Number(low),
            },
            Self::Either(either) => match either.kind {
                EitherKind::Ip => FieldValue::Ip(stored.to_address()),
                EitherKind::Time => FieldValue::Time(Timestamp::from_millis(low)),
                EitherKind::U32 => FieldValue::Number(low),
            },
            Self::Header(_) | Self::Computed(Computed::TlsVersion, _) => FieldValue::Number(low),
            Self::Computed(..) => FieldValue::Text(text),
        }
    }
}

impl Computed {
    fn of<'a>(self, payload: &'a [u8]) -> Option<Value<'a>> {
        let hello = Hello::parse(payload)?;
        match self {
            Self::TlsVersion => Some(Value::Stored(Stored::number(hello.version().wire().into()))),
            Self::ServerName => hello.sni().map(Value::Text),
            Self::Ja3 => Some(owned(&hello.ja3())),
            Self::Ja4 => hello.ja4().map(|ja4| owned(&ja4)),
            Self::DnsName => None,
        }
    }
}

/// The name in lower case and without its last dot, of a payload to or from port 53.
fn dns_name<'a>(flow: &Flow<'_>, element: u8) -> Option<Value<'a>> {
    const TCP: u8 = 6;
    let payload = flow.element(element)?;
    if ![flow.src_port()?, flow.dst_port()?].contains(&53) {
        return None;
    }
    // TCP puts the length of a message in front of it.
    let start = if flow.proto() == Some(TCP) { 2 } else { 0 };
    let mut found = None;
    dns::decode(
        payload.get(start..)?,
        |name| {
            found.get_or_insert_with(|| {
                let name = name.strip_suffix(b".").unwrap_or(name);
                name.to_ascii_lowercase().into_boxed_slice()
            });
        },
        |_| {},
    )?;
    found.map(Value::Boxed)
}

fn owned<'a>(text: &[u8]) -> Value<'a> {
    let mut bytes = [0; 36];
    let length = text.len().min(bytes.len());
    bytes
        .iter_mut()
        .zip(text)
        .for_each(|(to, from)| *to = *from);
    Value::Owned(bytes, length)
}

fn stored_value(value: FieldValue<'_>) -> Value<'_> {
    Value::Stored(match value {
        FieldValue::Number(number) => Stored::number(number),
        FieldValue::Time(time) => Stored::number(time.as_millis()),
        FieldValue::Ip(address) => Stored::address(address),
        FieldValue::Mac(mac) => Stored::number(mac.to_number()),
        FieldValue::Mpls(label) => Stored::number(label.0.into()),
        FieldValue::TcpFlags(flags) => Stored::number(flags.0.into()),
        FieldValue::Fragment(flags) => Stored::number(flags.0.into()),
        FieldValue::NselEvent(event) => Stored::number(event.0.into()),
        FieldValue::NatEvent(event) => Stored::number(event.0.into()),
        FieldValue::Acl([id, extended, hash]) => Stored {
            tag: 1,
            mask: 0,
            words: [id.into(), u64::from(extended) << 32 | u64::from(hash)],
        },
        FieldValue::Text(text) | FieldValue::Bytes(text) => return Value::Text(text),
    })
}

fn stored_field(name: &str) -> Option<(&'static Field, u8)> {
    let mut fields = element::fields();
    let (id, field) = fields.find(|(_, field)| field.name == name)?;
    Some((field, id))
}

/// All names of keys.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let shown = |(_, field): &(u8, &'static Field)| field.kind != FieldKind::Geo;
    let fields = element::fields().filter(shown);
    either_fields()
        .iter()
        .map(|either| either.name)
        .chain(fields.map(|(_, field)| field.name))
        .chain(header_fields().iter().map(|field| field.name))
        .chain(["tls_version", "tls_sni", "ja3", "ja4", "dns_name"])
}

fn unknown(name: &str) -> AggregateError {
    let near = suggest::closest(name, names());
    AggregateError::UnknownField(name.to_owned(), near.unwrap_or_default().to_owned())
}
