//! Where fields are stored, as constants: `at::in_bytes` is an element id and an offset.
//!
//! Generated from the element table, so that no other file has a literal id or offset. A test
//! (`tests/library/one_table.rs`) searches the sources for such literals.

// Constants have the names of the accessors, which a macro cannot change to upper case; which of them
// are used depends on the features.
#![allow(non_upper_case_globals, dead_code)]

use crate::flow::table::{element_table, header_table};

/// Where a stored field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct At {
    /// The id of its element.
    pub(crate) element: u8,
    /// Bytes from the start of the element's payload.
    pub(crate) offset: usize,
}

macro_rules! locations {
    ($(
        $id:literal $const:ident $title:literal $size:literal {
            $( $(#[doc = $doc:literal])+ $name:ident: $kind:ident @ $at:literal $(if $when:ident)? $(=> $key:literal)?; )*
        }
    )*) => {
        $($(
            $(#[doc = $doc])+
            pub(crate) const $name: At = At { element: $id, offset: $at };
        )*)*

        /// The ids of elements.
        pub(crate) mod id {
            $(
                #[doc = $title]
                pub(crate) const $const: u8 = $id;
            )*
        }

        /// Payload bytes of elements as nfdump writes them; 0 if variable.
        pub(crate) mod size {
            $(
                #[doc = $title]
                pub(crate) const $const: usize = $size;
            )*
        }
    };
}

macro_rules! header_locations {
    ($( $(#[doc = $doc:literal])+ $name:ident: $kind:ident $(($mask:literal))? @ $at:literal $(=> $key:literal)?; )*) => {
        /// Bytes from the start of the record to the fields of its header.
        pub(crate) mod header {
            $(
                $(#[doc = $doc])+
                pub(crate) const $name: usize = $at;
            )*
        }

        /// The bits of flags in their byte of the header.
        pub(crate) mod mask {
            $( $( pub(crate) const $name: u8 = $mask; )? )*
        }
    };
}

element_table!(locations);
header_table!(header_locations);
