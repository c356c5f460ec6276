//! Values of the cells of `fmt:` formats, and of nfdump's tables.

use crate::flow::view::Flow;
use crate::output::buffer::TextBuffer;
use crate::output::csv::printer;
use crate::output::text;
use crate::payload::tls::{Hello, Version};
use crate::value::mpls::MplsLabel;

/// So many blanks.
pub(crate) fn blanks(count: usize, out: &mut TextBuffer) {
    const BLANKS: &[u8; 64] = &[b' '; 64];
    let mut left = count;
    while left > 0 {
        let piece = left.min(BLANKS.len());
        out.extend(&BLANKS[..piece]);
        left -= piece;
    }
}

pub(crate) fn version(hello: &Hello<'_>) -> &'static [u8] {
    match hello.version() {
        Version::Ssl2 => b"SSL 2  ",
        Version::Ssl3 => b"SSL 3  ",
        Version::Tls10 => b"TLS 1.0",
        Version::Tls11 => b"TLS 1.1",
        Version::Tls12 => b"TLS 1.2",
        Version::Tls13 => b"TLS 1.3",
    }
}

/// Which protocol the record came by.
pub(crate) fn exporter_version(flow: &Flow<'_>, out: &mut TextBuffer) {
    let version = flow.export_version();
    let (name, number) = match version {
        _ if flow.is_event() => ("EVT", version),
        0 => return out.extend(b"FLO"),
        0x80.. => ("Sv", version & 15),
        0x40..0x80 => ("Pv", version & 15),
        _ => ("Nv", version & 15),
    };
    out.extend(name.as_bytes());
    text::decimal(number.into(), out);
}

/// Engine in two columns, then the selector; of engine 20 the enterprise number between them.
pub(crate) fn nbar_id(id: Option<&[u8]>, out: &mut TextBuffer) {
    let Some((engine, rest)) = id.and_then(<[u8]>::split_first) else {
        return out.extend(b"0..0..0");
    };
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
    };
    if *engine == 20 {
        let (enterprise, selector) = rest.split_at_checked(4).unwrap_or((rest, &[]));
        let (enterprise, selector) = (number(enterprise), number(selector));
        text::display(format_args!("{engine:2}..{enterprise}..{selector}"), out);
    } else {
        text::display(format_args!("{engine:2}..{}", number(rest)), out);
    }
}

/// A newline, then 16 bytes a line, as numbers and as text.
pub(crate) fn hex_dump(payload: &[u8], out: &mut TextBuffer) {
    for (line, bytes) in payload.chunks(16).enumerate() {
        text::display(format_args!("{:08x} ", 16 * line), out);
        for (at, byte) in bytes.iter().enumerate() {
            text::display(format_args!("{byte:02X} "), out);
            if at == 7 {
                out.push(b' ');
            }
        }
        let missing = 16 - bytes.len();
        blanks(3 * missing + usize::from(bytes.len() < 8), out);
        out.extend(b" |  ");
        for byte in bytes {
            out.push(match byte {
                b' '..=b'~' => *byte,
                _ => b'.',
            });
        }
        out.extend(b" \n");
    }
}

/// An MPLS label as lines have it in tables of nfdump's `-s`.
pub fn label(label: u32, out: &mut TextBuffer) {
    printer::padded_label(MplsLabel(label).0, out);
}

/// An application id as CSV has it: engine and selector.
pub fn application(id: &[u8], out: &mut TextBuffer) {
    printer::nbar_id(Some(id), out);
}
