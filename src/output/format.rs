//! What every text form implements, and what it is given besides flows.

use std::sync::Arc;

use crate::file::names::Names;
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;

/// What text forms print beside the fields of a flow: its file, its names, the number of its record.
///
/// Make one per file; a clone is cheap and counts as the same file.
///
/// ```
/// use nfdecode::output::json::JsonFormat;
/// use nfdecode::output::{FlowContext, FlowFormat, TextBuffer};
/// use nfdecode::value::Zone;
/// let path = "tests/fixtures/archive/nfcapd.202611241330";
/// let file = nfdecode::File::open(path)?;
/// let context = FlowContext::new(file.ident(), path);
/// let (mut format, mut text, mut number) = (JsonFormat::ndjson(Zone::utc()), TextBuffer::default(), 0);
/// for block in file.blocks() {
///     for flow in block?.flows() {
///         number += 1;
///         format.flow(number, &flow, &context, &mut text);
///     }
/// }
/// # assert!(number > 0 && text.as_bytes().starts_with(b"{"));
/// # Ok::<(), nfdecode::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FlowContext {
    file: FileContext,
    record_number: Option<u64>,
}

/// What is the same for all flows of a file. Clones are equal, others are not.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileContext(Arc<FileTexts>);

#[derive(Clone, Debug, Default)]
struct FileTexts {
    name: String,
    ident: Option<Vec<u8>>,
    names: Arc<Names>,
}

impl FlowContext {
    /// For flows of a file with this ident and name. The name is printed by forms that were asked to.
    #[must_use]
    pub fn new(ident: Option<&[u8]>, file_name: &str) -> Self {
        let texts = FileTexts {
            name: file_name.to_owned(),
            ident: ident.map(<[u8]>::to_vec),
            names: Arc::default(),
        };
        Self {
            file: FileContext(Arc::new(texts)),
            record_number: None,
        }
    }

    /// With the names that flows refer to: applications, interfaces, VRFs. Only the CSV tokens that
    /// [`TokenList::needs_names`](super::csv::TokenList::needs_names) is about print them.
    #[must_use]
    pub fn with_names(self, names: &Arc<Names>) -> Self {
        let mut texts = (*self.file.0).clone();
        texts.names = Arc::clone(names);
        Self {
            file: FileContext(Arc::new(texts)),
            ..self
        }
    }

    /// Sets the number of the record of the next flow, from 1 over the whole input, see
    /// [`Block::record_numbers`](crate::Block::record_numbers). Forms that print it use the number of the
    /// flow if this is not set; [`FlowFormat::needs_record_numbers`] says whether it matters.
    pub fn set_record_number(&mut self, number: u64) {
        self.record_number = Some(number);
    }

    /// The number of the flow's record, if it was set.
    #[must_use]
    pub fn record_number(&self) -> Option<u64> {
        self.record_number
    }

    /// The name of the file.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file.0.name
    }

    /// The ident of the file.
    #[must_use]
    pub fn ident(&self) -> Option<&[u8]> {
        self.file.0.ident.as_deref()
    }

    /// The names that flows refer to.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.file.0.names
    }

    /// The part that changes with the file only.
    pub(crate) fn file(&self) -> &FileContext {
        &self.file
    }
}

impl FileContext {
    /// Whether both are of the same [`FlowContext::new`]. Costs one comparison, for use with every flow.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A text form for flows. Appends to a buffer, never fails, allocates nothing per flow.
pub trait FlowFormat {
    /// The text before the first flow.
    fn begin(&mut self, out: &mut TextBuffer);

    /// One flow. `number` counts from 1; a separator is written before all but the first.
    fn flow(&mut self, number: u64, flow: &Flow<'_>, context: &FlowContext, out: &mut TextBuffer);

    /// The text after the last flow. `flows` is the number of flows.
    fn end(&mut self, flows: u64, out: &mut TextBuffer);

    /// Whether the form prints [`FlowContext::record_number`].
    fn needs_record_numbers(&self) -> bool {
        false
    }
}
