//! The accessors of [`Flow`] and [`OwnedFlow`], generated from the element table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::flow::bytes::{
    Condition, acl_at, ip4_at, ip6_at, nat_offset, text_at, u8_at, u16_at, u32_at, u64_at,
};
use crate::flow::field_value::FieldValue;
use crate::flow::fields::Fields;
use crate::flow::owned::OwnedFlow;
use crate::flow::table::{either_table, element_table, header_table};
use crate::flow::view::Flow;
use crate::value::event::{NatEvent, NselEvent};
use crate::value::flags::IpFragment;
use crate::value::flags::TcpFlags;
use crate::value::mac::MacAddr;
use crate::value::mpls::MplsLabel;
use crate::value::time::Timestamp;

/// The type an accessor returns for a kind.
macro_rules! kind_type {
    (U8) => { u8 };
    (U16) => { u16 };
    (U32) => { u32 };
    (U64) => { u64 };
    (Time) => { Timestamp };
    (FirstSeen) => { Timestamp };
    (EventTime) => { Timestamp };
    (Micros) => { u64 };
    (Ip4) => { Ipv4Addr };
    (Ip6) => { Ipv6Addr };
    (Mac) => { MacAddr };
    (Mpls) => { MplsLabel };
    (TcpFlags) => { TcpFlags };
    (Fragment) => { IpFragment };
    (NselEvent) => { NselEvent };
    (NatEvent) => { NatEvent };
    (NatEventId) => { u8 };
    (NatPool) => { u32 };
    (Acl) => { [u32; 3] };
    (UserName) => { &'a [u8] };
    (Text) => { &'a [u8] };
    (Bytes) => { &'a [u8] };
    (SrcNet) => { IpAddr };
    (DstNet) => { IpAddr };
}

/// How an accessor reads a kind from the payload `$e` at `$at`.
macro_rules! kind_read {
    (U8, $flow:ident, $e:ident, $at:expr) => { u8_at($e, $at) };
    (U16, $flow:ident, $e:ident, $at:expr) => { u16_at($e, $at) };
    (U32, $flow:ident, $e:ident, $at:expr) => { u32_at($e, $at) };
    (U64, $flow:ident, $e:ident, $at:expr) => { u64_at($e, $at) };
    (Time, $flow:ident, $e:ident, $at:expr) => { Timestamp::from_millis(u64_at($e, $at)) };
    (FirstSeen, $flow:ident, $e:ident, $at:expr) => { Timestamp::from_millis($flow.first_seen_at($e, $at)) };
    (EventTime, $flow:ident, $e:ident, $at:expr) => { Timestamp::from_millis(u64_at($e, $at)) };
    (Micros, $flow:ident, $e:ident, $at:expr) => { u64_at($e, $at) };
    (Ip4, $flow:ident, $e:ident, $at:expr) => { ip4_at($e, $at) };
    (Ip6, $flow:ident, $e:ident, $at:expr) => { ip6_at($e, $at) };
    (Mac, $flow:ident, $e:ident, $at:expr) => { MacAddr::from_number(u64_at($e, $at)) };
    (Mpls, $flow:ident, $e:ident, $at:expr) => { MplsLabel(u32_at($e, $at)) };
    (TcpFlags, $flow:ident, $e:ident, $at:expr) => { TcpFlags(u8_at($e, $at)) };
    (Fragment, $flow:ident, $e:ident, $at:expr) => { IpFragment(u8_at($e, $at)) };
    (NselEvent, $flow:ident, $e:ident, $at:expr) => { NselEvent(u8_at($e, $at)) };
    (NatEvent, $flow:ident, $e:ident, $at:expr) => { NatEvent(u8_at($e, nat_offset($e, $at))) };
    (NatEventId, $flow:ident, $e:ident, $at:expr) => { u8_at($e, nat_offset($e, $at)) };
    (NatPool, $flow:ident, $e:ident, $at:expr) => { u32_at($e, nat_offset($e, $at)) };
    (Acl, $flow:ident, $e:ident, $at:expr) => { acl_at($e, $at) };
    (UserName, $flow:ident, $e:ident, $at:expr) => { text_at($e, $at, $flow.user_name_max()) };
    (Text, $flow:ident, $e:ident, $at:expr) => { text_at($e, $at, usize::MAX) };
    (Bytes, $flow:ident, $e:ident, $at:expr) => { $e.get($at..).unwrap_or_default() };
}

macro_rules! condition {
    () => {
        Condition::Always
    };
    ($name:ident) => {
        Condition::$name
    };
}

/// One accessor. Fields that only text output has get none.
macro_rules! accessor {
    ($name:ident, SrcNet, $($rest:tt)*) => {};
    ($name:ident, DstNet, $($rest:tt)*) => {};
    ($name:ident, Geo, $($rest:tt)*) => {};
    ($name:ident, TlsVersion, $($rest:tt)*) => {};
    ($name:ident, TlsSni, $($rest:tt)*) => {};
    ($name:ident, TlsJa3, $($rest:tt)*) => {};
    ($name:ident, TlsJa4, $($rest:tt)*) => {};
    ($name:ident, $kind:ident, $id:literal, $at:literal, $when:expr, $($doc:literal)+) => {
        $(#[doc = $doc])+
        #[doc = concat!("\n\nElement ", stringify!($id), ", byte ", stringify!($at), ".")]
        #[inline]
        #[must_use]
        pub fn $name(&self) -> Option<kind_type!($kind)> {
            let payload = self.element($id)?;
            if !self.holds($when, payload, $at) {
                return None;
            }
            Some(kind_read!($kind, self, payload, $at))
        }
    };
}

/// As [`accessor!`], of an owned flow.
macro_rules! owned_accessor {
    ($name:ident, Geo, $($doc:literal)+) => {};
    ($name:ident, TlsVersion, $($doc:literal)+) => {};
    ($name:ident, TlsSni, $($doc:literal)+) => {};
    ($name:ident, TlsJa3, $($doc:literal)+) => {};
    ($name:ident, TlsJa4, $($doc:literal)+) => {};
    ($name:ident, $kind:ident, $($doc:literal)+) => {
        $(#[doc = $doc])+
        #[must_use]
        pub fn $name<'a>(&'a self) -> Option<kind_type!($kind)> {
            self.view().$name()
        }
    };
}

/// The accessors of stored fields.
macro_rules! accessors {
    ($(
        $id:literal $const:ident $title:literal $size:literal {
            $( $(#[doc = $doc:literal])+ $name:ident: $kind:ident @ $at:literal $(if $when:ident)? $(=> $key:literal)?; )*
        }
    )*) => {
        /// Every stored field. `None` means that the flow does not have it.
        impl<'a> Flow<'a> {
            $($( accessor!($name, $kind, $id, $at, condition!($($when)?), $($doc)+); )*)*
        }

        /// Every stored field. `None` means that the flow does not have it.
        #[allow(clippy::needless_lifetimes, reason = "only some of the types borrow")]
        impl OwnedFlow {
            $($( owned_accessor!($name, $kind, $($doc)+); )*)*
        }
    };
}

/// The type and the value of a header field.
macro_rules! header_type {
    (U8) => {
        u8
    };
    (U16) => {
        u16
    };
    (Flag) => {
        bool
    };
}
macro_rules! header_read {
    (U8, $record:expr, $at:literal) => {
        u8_at($record, $at)
    };
    (U16, $record:expr, $at:literal) => {
        u16_at($record, $at)
    };
    (Flag, $record:expr, $at:literal, $mask:literal) => {
        u8_at($record, $at) & $mask != 0
    };
}

/// The accessors of header fields.
macro_rules! header_accessors {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident $(($mask:literal))? @ $at:literal $(=> $key:literal)?; )*) => {
        /// The record header, which every flow has.
        impl Flow<'_> {
            $(
                $(#[doc = $doc])+
                #[inline]
                #[must_use]
                pub fn $name(&self) -> header_type!($kind) {
                    header_read!($kind, self.record(), $at $(, $mask)?)
                }
            )*
        }

        /// The record header, which every flow has.
        impl OwnedFlow {
            $(
                $(#[doc = $doc])+
                #[must_use]
                pub fn $name(&self) -> header_type!($kind) {
                    self.view().$name()
                }
            )*
        }
    };
}

/// The type of a value that one of two elements holds.
macro_rules! either_type {
    (Ip) => {
        IpAddr
    };
    (U32) => {
        u32
    };
    (Time) => {
        Timestamp
    };
}

/// The accessors of values that one of two elements holds.
macro_rules! either_accessors {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident [$first:ident $second:ident] $(=> $key:literal)?; )*) => {
        /// Values that one of two elements holds; the first that the flow has counts.
        impl Flow<'_> {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\n[`", stringify!($first), "`](Self::", stringify!($first), "), else [`",
                    stringify!($second), "`](Self::", stringify!($second), ").")]
                #[must_use]
                pub fn $name(&self) -> Option<either_type!($kind)> {
                    let first = self.$first().map(<either_type!($kind)>::from);
                    first.or_else(|| self.$second().map(<either_type!($kind)>::from))
                }
            )*
        }

        /// Values that one of two elements holds; the first that the flow has counts.
        impl OwnedFlow {
            $(
                $(#[doc = $doc])+
                #[must_use]
                pub fn $name(&self) -> Option<either_type!($kind)> {
                    self.view().$name()
                }
            )*
        }
    };
}

element_table!(accessors);
header_table!(header_accessors);
either_table!(either_accessors);

/// What combines several fields, as of [`Flow`].
impl OwnedFlow {
    /// The elements this flow has, see [`Flow::elements`].
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.view().elements()
    }

    /// The stored payload of an element, see [`Flow::element`].
    #[must_use]
    pub fn element(&self, id: u8) -> Option<&[u8]> {
        self.view().element(id)
    }

    /// All fields that the flow has, see [`Flow::fields`].
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        self.view().fields()
    }

    /// A field by its accessor's name, see [`Flow::field`].
    #[must_use]
    pub fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.view().field(name)
    }

    /// Number of flows this record represents, at least 1.
    #[must_use]
    pub fn flow_count(&self) -> u64 {
        self.view().flow_count()
    }

    /// From the start of the flow to its end, see [`Flow::duration`].
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.view().duration()
    }
}

pub(crate) use {header_type, kind_type};
