//! Lines of CSV from a list of tokens.

use crate::flow::at::id;
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::csv::printer::Printer;
use crate::output::csv::row::Row;
use crate::output::csv::tokens::{Column, Token, TokenList};
use crate::output::format::{FlowContext, FlowFormat};
use crate::output::tunnel;
use crate::value::zone::Zone;

/// nfdump's `csv` and `csv-fast`.
#[derive(Debug)]
pub struct CsvFormat {
    tokens: TokenList,
    /// A flow through a tunnel gets a line for its outer packets before its own.
    tunnel_lines: bool,
    header: bool,
    /// A column prints the number of the record.
    counts: bool,
    printer: Printer,
}

impl CsvFormat {
    /// These columns, with times in `zone`.
    #[must_use]
    pub fn new(tokens: TokenList, zone: Zone) -> Self {
        Self {
            tunnel_lines: tokens != TokenList::fast(),
            counts: tokens.0.iter().any(|token| token.column == Column::Record),
            tokens,
            header: true,
            printer: Printer::new(zone),
        }
    }

    /// Leaves out the header line.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = false;
        self
    }

    fn line(&mut self, row: &Row<'_>, out: &mut TextBuffer) {
        let mut tokens: &[Token] = &self.tokens.0;
        while let [token, others @ ..] = tokens {
            let done = self.printer.usual(tokens, row, out);
            if done != 0 {
                tokens = tokens.get(done..).unwrap_or_default();
                continue;
            }
            self.printer.value(&token.column, row, out);
            out.push(b',');
            tokens = others;
        }
        out.pop();
        out.push(b'\n');
    }

    #[cold]
    fn tunnel_line(&mut self, row: &Row<'_>, out: &mut TextBuffer) {
        if let Some(outer) = tunnel::outer_flow(&row.flow, tunnel::Ports::Inner) {
            let flow = outer.view();
            let outer = Row {
                flow,
                generic: flow.element(id::GENERIC).unwrap_or_default(),
                ..*row
            };
            self.line(&outer, out);
        }
    }
}

impl FlowFormat for CsvFormat {
    fn begin(&mut self, out: &mut TextBuffer) {
        if !self.header {
            return;
        }
        for (at, token) in self.tokens.0.iter().enumerate() {
            if at != 0 {
                out.push(b',');
            }
            out.extend(token.header.as_bytes());
        }
        out.push(b'\n');
    }

    fn flow(&mut self, number: u64, flow: &Flow<'_>, context: &FlowContext, out: &mut TextBuffer) {
        let row = Row {
            flow: *flow,
            generic: flow.element(id::GENERIC).unwrap_or_default(),
            context,
            line: number,
            record: context.record_number().unwrap_or(number),
        };
        if flow.elements() & tunnel::ELEMENTS != 0 && self.tunnel_lines {
            self.tunnel_line(&row, out);
        }
        self.line(&row, out);
    }

    fn end(&mut self, _: u64, _: &mut TextBuffer) {}

    fn needs_record_numbers(&self) -> bool {
        self.counts
    }
}
