//! All fields that a flow has, by name and in order.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;

use crate::flow::element::{self, Element, Field};
use crate::flow::field_value::FieldValue;
use crate::flow::view::Flow;

impl<'a> Flow<'a> {
    /// All fields that the flow has, with their values, in the order of the element table.
    ///
    /// ```
    /// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
    /// for block in file.blocks() {
    ///     for flow in block?.flows() {
    ///         for (field, value) in flow.fields() {
    ///             println!("{}: {value}", field.name);
    ///         }
    ///     }
    /// }
    /// # Ok::<(), nfdecode::Error>(())
    /// ```
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields {
            flow: *self,
            elements: element::elements().iter(),
            fields: [].iter(),
        }
    }

    /// A field by its accessor's name; `None` if the flow does not have it or there is no such name.
    ///
    /// For many flows, look the name up once with [`element::field`](crate::element::field).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<FieldValue<'a>> {
        crate::flow::element::field(name)?.value(self)
    }
}

/// The fields a flow has, see [`Flow::fields`].
#[derive(Clone)]
pub struct Fields<'a> {
    flow: Flow<'a>,
    elements: slice::Iter<'static, Element>,
    fields: slice::Iter<'static, Field>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'static Field, FieldValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let flow = self.flow;
            if let Some(found) = self
                .fields
                .find_map(|field| Some((field, field.value(&flow)?)))
            {
                return Some(found);
            }
            let element = self
                .elements
                .find(|element| flow.elements() >> element.id & 1 == 1)?;
            self.fields = element.fields.iter();
        }
    }
}

impl FusedIterator for Fields<'_> {}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.clone().map(|(field, value)| (field.name, value)))
            .finish()
    }
}
