//! Prints chosen fields.

use std::sync::Arc;

use crate::flow::at::{self, id};
use crate::flow::bytes::u64_at;
use crate::flow::element::FieldKind;
use crate::flow::field_value::FieldValue;
use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::fields::aligned::Aligned;
use crate::output::fields::list::{Chosen, FieldList, Source};
use crate::output::fields::names::Computed;
use crate::output::fields::quoting::Quoting;
use crate::output::format::{FlowContext, FlowFormat};
use crate::output::json::Layout;
use crate::output::text;
use crate::output::values;
use crate::payload::tls::Hello;
use crate::value::protocol::TCP;
use crate::value::zone::{TimeFormatter, Zone};

/// How the fields are laid out.
#[derive(Debug)]
enum Form {
    Json(Layout),
    Csv { header: bool, quoting: Box<Quoting> },
    Table { header: bool, aligned: Box<Aligned> },
}

/// Chosen fields in one of the text forms.
#[derive(Debug)]
pub struct FieldsFormat {
    fields: FieldList,
    form: Form,
    times: TimeFormatter,
    /// For each field the text before its value in JSON, without the comma.
    keys: Vec<Vec<u8>>,
}

impl FieldsFormat {
    /// One array of objects, with one member per line.
    #[must_use]
    pub fn json(fields: FieldList, zone: Zone) -> Self {
        Self::new(fields, Form::Json(Layout::Json), zone)
    }

    /// One object per line.
    #[must_use]
    pub fn ndjson(fields: FieldList, zone: Zone) -> Self {
        Self::new(fields, Form::Json(Layout::Ndjson), zone)
    }

    /// One line per flow, with `delimiter` between fields, after a line with the names if `header`.
    #[must_use]
    pub fn csv(fields: FieldList, delimiter: u8, header: bool, zone: Zone) -> Self {
        let quoting = Box::new(Quoting::new(delimiter));
        Self::new(fields, Form::Csv { header, quoting }, zone)
    }

    /// One line per flow with aligned columns, after a line with the names if `header`. Long values are not cut.
    #[must_use]
    pub fn table(fields: FieldList, header: bool, zone: Zone) -> Self {
        let aligned = Box::new(Aligned::new(&fields.0, zone.mark()));
        Self::new(fields, Form::Table { header, aligned }, zone)
    }

    fn new(fields: FieldList, form: Form, zone: Zone) -> Self {
        let keys = match &form {
            Form::Csv { .. } | Form::Table { .. } => Vec::new(),
            Form::Json(layout) => {
                let (before, after) = layout.around_key();
                let key = |chosen: &Chosen| {
                    let text = format!("{before}{}{after}", chosen.name);
                    text.as_bytes().get(1..).unwrap_or_default().to_vec()
                };
                fields.0.iter().map(key).collect()
            }
        };
        Self {
            fields,
            form,
            times: TimeFormatter::new(zone),
            keys,
        }
    }

    fn object(
        &mut self,
        layout: Layout,
        number: u64,
        flow: &Flow<'_>,
        context: &FlowContext,
        out: &mut TextBuffer,
    ) {
        match layout {
            Layout::Json if number == 1 => out.extend(b"\n {"),
            Layout::Json => out.extend(b",\n {"),
            Layout::Ndjson => out.push(b'{'),
        }
        let mut first = true;
        let fields = Arc::clone(&self.fields.0);
        for (chosen, at) in fields.iter().zip(0..) {
            let before = out.len();
            if !first {
                out.push(b',');
            }
            out.extend(self.keys.get(at).map_or(&[], Vec::as_slice));
            if self.value::<true>(&chosen.source, number, flow, context, out) {
                first = false;
            } else {
                out.truncate(before);
            }
        }
        out.extend(match layout {
            Layout::Json => b"\n }",
            Layout::Ndjson => b"}\n",
        });
    }

    fn line(&mut self, number: u64, flow: &Flow<'_>, context: &FlowContext, out: &mut TextBuffer) {
        let fields = Arc::clone(&self.fields.0);
        let start = out.len();
        for (at, chosen) in fields.iter().enumerate() {
            if at != 0 {
                self.delimiter(out);
            }
            let before = out.len();
            self.value::<false>(&chosen.source, number, flow, context, out);
            match &mut self.form {
                Form::Csv { quoting, .. } if quoting.any_value || chosen.is_free_text => {
                    quoting.apply(before, out);
                }
                Form::Table { aligned, .. } => {
                    if chosen.is_free_text {
                        make_printable(before, out);
                    }
                    aligned.apply(at, before, out);
                }
                _ => {}
            }
        }
        self.end_line(start, out);
    }

    fn delimiter(&self, out: &mut TextBuffer) {
        match &self.form {
            Form::Csv { quoting, .. } => out.push(quoting.delimiter),
            Form::Table { .. } => out.push(b' '),
            Form::Json(_) => {}
        }
    }

    /// An empty line would be no record.
    fn end_line(&self, start: usize, out: &mut TextBuffer) {
        if out.len() == start && matches!(self.form, Form::Csv { .. }) {
            out.extend(b"\"\"");
        }
        out.push(b'\n');
    }

    /// The value, in JSON with its quotes; `false` if the flow does not have it.
    #[inline]
    fn value<const JSON: bool>(
        &mut self,
        source: &Source,
        number: u64,
        flow: &Flow<'_>,
        context: &FlowContext,
        out: &mut TextBuffer,
    ) -> bool {
        match source {
            Source::Stored(fields) => fields.iter().any(|(element, field)| {
                let Some(payload) = flow.element(*element) else {
                    return false;
                };
                if !flow.holds(field.condition, payload, field.offset) {
                    return false;
                }
                if field.kind.is_tls() {
                    return tls_value::<JSON>(field.kind, payload, flow, out);
                }
                if field.kind == FieldKind::Geo {
                    return free_text::<JSON>(b"", out);
                }
                if JSON && field.kind.is_string() {
                    out.push(b'"');
                }
                let before = out.len();
                values::value::<JSON>(
                    field.kind,
                    payload,
                    field.offset,
                    flow,
                    &mut self.times,
                    out,
                );
                if field.kind.is_time() {
                    mark::<JSON>(self.times.mark(), before, out);
                }
                true
            }),
            Source::Header(field) => match field.value(flow) {
                FieldValue::Number(number) => {
                    text::decimal(number, out);
                    true
                }
                _ => false,
            },
            Source::Computed(value) => computed::<JSON>(*value, number, flow, context, out),
        }
    }
}

/// Puts the mark of the zone behind the time that begins at `from`, unless it is unknown.
#[inline]
fn mark<const JSON: bool>(mark: &str, from: usize, out: &mut TextBuffer) {
    if mark.is_empty() || out.as_bytes().get(from) == Some(&b'<') {
        return;
    }
    if JSON {
        out.truncate(out.len() - 1);
    }
    out.extend(mark.as_bytes());
    if JSON {
        out.push(b'"');
    }
}

/// A value that no field stores; `false` if the flow has none.
fn computed<const JSON: bool>(
    value: Computed,
    number: u64,
    flow: &Flow<'_>,
    context: &FlowContext,
    out: &mut TextBuffer,
) -> bool {
    match value {
        Computed::File => return free_text::<JSON>(context.file_name().as_bytes(), out),
        Computed::Ident => {
            let ident = context.ident();
            return ident.is_some_and(|ident| free_text::<JSON>(ident, out));
        }
        Computed::Type => {
            let kind = if flow.is_event() {
                &b"EVENT"[..]
            } else {
                b"FLOW"
            };
            return free_text::<JSON>(kind, out);
        }
        Computed::Duration => match duration(flow) {
            Some(duration) => text::thousandths(duration, out),
            None => return false,
        },
        Computed::Count => text::decimal(number, out),
        Computed::FlowCount => text::decimal(flow.flow_count(), out),
    }
    true
}

impl FlowFormat for FieldsFormat {
    fn begin(&mut self, out: &mut TextBuffer) {
        match &mut self.form {
            Form::Json(Layout::Json) => out.push(b'['),
            Form::Csv {
                header: true,
                quoting,
            } => {
                for (at, chosen) in self.fields.0.iter().enumerate() {
                    if at != 0 {
                        out.push(quoting.delimiter);
                    }
                    let before = out.len();
                    out.extend(chosen.name.as_bytes());
                    quoting.apply(before, out);
                }
                out.push(b'\n');
            }
            Form::Table {
                header: true,
                aligned,
            } => {
                for (at, chosen) in self.fields.0.iter().enumerate() {
                    if at != 0 {
                        out.push(b' ');
                    }
                    let before = out.len();
                    out.extend(chosen.name.as_bytes());
                    aligned.apply(at, before, out);
                }
                out.push(b'\n');
            }
            Form::Json(Layout::Ndjson)
            | Form::Csv { header: false, .. }
            | Form::Table { header: false, .. } => {}
        }
    }

    fn flow(&mut self, number: u64, flow: &Flow<'_>, context: &FlowContext, out: &mut TextBuffer) {
        match self.form {
            Form::Json(layout) => self.object(layout, number, flow, context, out),
            Form::Csv { .. } | Form::Table { .. } => self.line(number, flow, context, out),
        }
    }

    fn end(&mut self, flows: u64, out: &mut TextBuffer) {
        if let Form::Json(Layout::Json) = self.form {
            out.extend(if flows == 0 { b"]\n" } else { b"\n]\n" });
        }
    }
}

/// Replaces control characters in what was written since `from`: texts of a file must not control a terminal.
fn make_printable(from: usize, out: &mut TextBuffer) {
    let written = out.as_bytes().get(from..).unwrap_or_default();
    if !written.iter().any(|byte| !(b' '..0x7F).contains(byte)) {
        return;
    }
    let text = String::from_utf8_lossy(written);
    let shown = text.chars();
    let shown = shown.map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    let shown: String = shown.collect();
    out.truncate(from);
    out.extend(shown.as_bytes());
}

/// Milliseconds from first to last seen.
fn duration(flow: &Flow<'_>) -> Option<u64> {
    let generic = flow.element(id::GENERIC)?;
    let first = flow.first_seen_at(generic, at::first.offset);
    let last = u64_at(generic, at::last.offset);
    if first == 0 || last == 0 {
        return None;
    }
    last.checked_sub(first)
}

fn free_text<const JSON: bool>(value: &[u8], out: &mut TextBuffer) -> bool {
    if JSON {
        out.push(b'"');
        text::json_string(value, out);
        out.push(b'"');
    } else {
        out.extend(value);
    }
    true
}

/// A value of the hello at the start of a payload; only TCP flows have one.
fn tls_value<const JSON: bool>(
    kind: FieldKind,
    payload: &[u8],
    flow: &Flow<'_>,
    out: &mut TextBuffer,
) -> bool {
    if flow.proto() != Some(TCP) {
        return false;
    }
    let Some(hello) = Hello::parse(payload) else {
        return false;
    };
    match kind {
        FieldKind::TlsVersion => free_text::<JSON>(hello.version().as_str().as_bytes(), out),
        FieldKind::TlsSni => hello.sni().is_some_and(|sni| free_text::<JSON>(sni, out)),
        FieldKind::TlsJa3 => free_text::<JSON>(&hello.ja3(), out),
        FieldKind::TlsJa4 => hello.ja4().is_some_and(|ja4| free_text::<JSON>(&ja4, out)),
        _ => false,
    }
}
