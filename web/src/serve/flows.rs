//! Flows themselves: pages of them up to the last one, and one with all its fields.
//!
//! A flow is named by its file, the place of its block, and its number in the block. Such a reference is also where the
//! next page goes on, so that each page costs what it reads, and none is lost or repeated.

use std::ops::ControlFlow;

use hyper::StatusCode;
use nfdecode::file::Position;
use nfdecode::output::fields::{FieldList, FieldsFormat};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::scan::{ScanBlock, ScanInput};
use serde_json::{Value, json};

use crate::serve::archive::{Entry, List};
use crate::serve::params::{Params, Selection};
use crate::serve::problem::Problem;
use crate::serve::run::{self, Halt};
use crate::serve::service::Service;

/// Flows of a page, and at most.
const ROWS: (usize, usize) = (50, 1000);
/// Fields of a page if none are asked for.
pub(crate) const FIELDS: &str =
    "first,duration,proto,src_addr,src_port,dst_addr,dst_port,tcp_flags,in_packets,in_bytes";

/// The name of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    file: u64,
    offset: u64,
    block: u32,
    number: u32,
}

impl Reference {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let found = Self {
            file: u64::from_str_radix(parts.next()?, 16).ok()?,
            offset: parts.next()?.parse().ok()?,
            block: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(found)
    }

    /// Its file, if that is still served.
    fn place(&self, list: &List) -> Result<usize, Problem> {
        list.place(self.file)
            .ok_or_else(|| Problem::new(StatusCode::GONE, "the file is not there any more"))
    }

    /// The file from the block on.
    fn input(&self, entry: &Entry) -> ScanInput {
        let position = Position::new(self.offset, self.block);
        entry.input.clone().starting_at(position, 0)
    }

    fn read(params: &Params, name: &str) -> Result<Option<Self>, Problem> {
        let text = params.get(name);
        text.map(|text| {
            Self::parse(text).ok_or_else(|| Problem::wrong(format!("`{name}` names no flow")))
        })
        .transpose()
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            offset,
            block,
            number,
        } = self;
        write!(f, "{file:016x}-{offset}-{block}-{number}")
    }
}

/// References to the selected flows of a block, with their numbers.
fn references(file: u64, block: &ScanBlock) -> impl Iterator<Item = Reference> {
    let position = block.position();
    let selected = block.selected().map(<[u32]>::to_vec);
    (0..block.len()).map(move |at| Reference {
        file,
        offset: position.offset(),
        block: position.index(),
        number: match &selected {
            Some(selected) => selected.get(at).copied().unwrap_or(u32::MAX),
            None => u32::try_from(at).unwrap_or(u32::MAX),
        },
    })
}

/// `/api/v1/flows`
pub(crate) fn page(
    service: &Service,
    query: Option<&str>,
    halt: &Halt,
) -> Result<Vec<u8>, Problem> {
    let names = [&Selection::NAMES[..], &["fields", "limit", "cursor"]].concat();
    let params = Params::read(query, &names)?;
    let zone = &service.settings.zone;
    let selection = Selection::read(&params, zone)?;
    let limit = params.number("limit", ROWS.0, ROWS.1)?;
    let fields = fields(&params)?;
    let cursor = Reference::read(&params, "cursor")?;
    let list = service.archive.list();
    let mut entries = selection.entries(&list);
    if let Some(cursor) = cursor {
        let from = cursor.place(&list)?;
        // The file of the cursor is read even if its summary is there by now.
        entries.retain(|entry| list.place(entry.key).is_some_and(|place| place > from));
        entries.insert(0, &list.entries[from]);
    }
    let inputs = entries.iter().enumerate().map(|(at, entry)| match cursor {
        Some(cursor) if at == 0 => cursor.input(entry),
        _ => entry.input.clone(),
    });
    let scan = selection.select(service.scan.clone().with_inputs(inputs))?;
    let keys: std::collections::HashMap<_, _> = entries
        .iter()
        .map(|entry| (entry.path.as_path(), entry.key))
        .collect();
    let mut rows: Vec<(Reference, Vec<u8>)> = Vec::new();
    run::blocks(
        &scan,
        halt,
        || FieldsFormat::ndjson(fields.clone(), zone.clone()),
        |format, block| {
            let file = block.file();
            let key = file.input().as_path().and_then(|path| keys.get(path));
            let context = FlowContext::new(file.file().ident(), file.name());
            let mut text = TextBuffer::default();
            let mut found = Vec::new();
            let named = references(key.copied().unwrap_or(0), block);
            for (flow, named) in block.flows().zip(named) {
                if cursor.is_some_and(|cursor| is_seen(cursor, named)) {
                    continue;
                }
                if found.len() > limit {
                    break;
                }
                text.clear();
                format.flow(1, &flow, &context, &mut text);
                found.push((named, text.as_bytes().trim_ascii_end().to_vec()));
            }
            found
        },
        |found, _| {
            rows.extend(found);
            Ok(match rows.len() > limit {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        },
    )?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|(named, _)| named);
    Ok(written(&rows, next, &params))
}

/// Whether a flow was on an earlier page.
fn is_seen(cursor: Reference, named: Reference) -> bool {
    cursor.file == named.file && cursor.block == named.block && named.number <= cursor.number
}

fn written(rows: &[(Reference, Vec<u8>)], next: Option<&Reference>, params: &Params) -> Vec<u8> {
    let fields: Vec<&str> = params.get("fields").unwrap_or(FIELDS).split(',').collect();
    let next = next.map(ToString::to_string);
    let mut out = format!(
        "{{\"fields\":{},\"next\":{},\"rows\":[",
        json!(fields),
        json!(next)
    )
    .into_bytes();
    for (at, (named, object)) in rows.iter().enumerate() {
        if at != 0 {
            out.push(b',');
        }
        out.extend(format!("\n{{\"ref\":\"{named}\",\"flow\":").bytes());
        out.extend_from_slice(object);
        out.push(b'}');
    }
    out.extend_from_slice(b"\n]}\n");
    out
}

/// The fields that are asked for.
pub(crate) fn fields(params: &Params) -> Result<FieldList, Problem> {
    let fields = FieldList::parse(params.get("fields").unwrap_or(FIELDS));
    fields.map_err(|error| Problem::wrong(format!("`fields`: {error}")))
}

/// `/api/v1/flow`: one flow with all its fields.
pub(crate) fn details(
    service: &Service,
    query: Option<&str>,
    halt: &Halt,
) -> Result<Value, Problem> {
    let params = Params::read(query, &["ref"])?;
    let wanted = Reference::read(&params, "ref")?;
    let wanted = wanted.ok_or_else(|| Problem::wrong("`ref` is missing: the name of a flow"))?;
    let list = service.archive.list();
    let entry = &list.entries[wanted.place(&list)?];
    let scan = service.scan.clone().with_inputs([wanted.input(entry)]);
    let one = std::num::NonZeroUsize::MIN;
    let mut found = None;
    run::blocks(
        &scan.threads(one),
        halt,
        || (),
        |(), block| {
            let mut flows = block.flows().zip(references(entry.key, block));
            let (flow, _) = flows.find(|(_, named)| *named == wanted)?;
            let context = FlowContext::new(block.file().file().ident(), entry.input.name());
            let mut text = TextBuffer::default();
            JsonFormat::ndjson(service.settings.zone.clone()).flow(1, &flow, &context, &mut text);
            let fields = flow
                .fields()
                .map(|(field, value)| json!([field.name, value.to_string(), field.doc]));
            Some(json!({
                "ref": wanted.to_string(),
                "file": entry.path.to_string_lossy(),
                "fields": fields.collect::<Vec<_>>(),
                "nfdump": serde_json::from_slice::<Value>(text.as_bytes()).unwrap_or_default(),
            }))
        },
        |flow, block| {
            found = flow;
            // It is in this block or nowhere.
            Ok(
                match found.is_some() || block.position().index() >= wanted.block {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                },
            )
        },
    )?;
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such flow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_they_are_written() {
        let one = Reference {
            file: 0xfedc,
            offset: 276,
            block: 3,
            number: 70_000,
        };
        assert_eq!(Reference::parse(&one.to_string()), Some(one));
        for text in [
            "",
            "1-2-3",
            "1-2-3-4-5",
            "x-1-1-1",
            "../../etc/passwd",
            "1-2-3--4",
        ] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
