//! Reads nfdump's `fmt:` formats.

use std::fmt;
use std::sync::Arc;

use crate::output::fmt_tokens::{Cell, TOKENS, Token};

/// The formats that nfdump knows by name, in its order.
pub const PREDEFINED: [(&str, &str); 8] = [
    ("line", "%ts %td %pr %sap -> %dap %pkt %byt %fl"),
    ("gline", "%ts %td %pr %gsap -> %gdap %pkt %byt %fl"),
    ("long", "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %fl"),
    (
        "glong",
        "%ts %td %pr %gsap -> %gdap %flg %tos %pkt %byt %fl",
    ),
    (
        "extended",
        "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %pps %bps %bpp %fl",
    ),
    (
        "biline",
        "%ts %td %pr %sap <-> %dap %opkt %ipkt %obyt %ibyt %fl",
    ),
    (
        "bilong",
        "%ts %td %pr %sap <-> %dap %flg %tos %opkt %ipkt %obyt %ibyt %fl",
    ),
    (
        "nsel",
        "%ts %evt %xevt %pr %sap -> %dap %xsap -> %xdap %ibyt %obyt",
    ),
];

/// A part of a format.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(Box<str>),
    Token(Token),
}

/// A format as it is given after `fmt:`.
#[derive(Clone, Debug)]
pub struct FmtList(pub(crate) Arc<[Piece]>);

/// No token of nfdump's begins here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFmtToken(pub String);

impl fmt::Display for UnknownFmtToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown token in the output format at: {}", self.0)
    }
}

impl std::error::Error for UnknownFmtToken {}

impl FmtList {
    /// Reads a format. A token ends where no letter or digit follows; `%line` and the like stand for
    /// the format of that name.
    ///
    /// # Errors
    /// A percent sign that begins no token.
    pub fn parse(format: &str) -> Result<Self, UnknownFmtToken> {
        let mut pieces = Vec::new();
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            let (before, token) = rest.split_at(at);
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            let name = token.get(1..).unwrap_or_default();
            let end = name
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            if let Some((_, predefined)) = PREDEFINED.iter().find(|(known, _)| *known == name) {
                pieces.extend(Self::parse(predefined)?.0.iter().cloned());
            } else {
                let found = TOKENS.iter().find(|token| token.name == name);
                let found = found.ok_or_else(|| UnknownFmtToken(token.to_owned()))?;
                pieces.push(Piece::Token(*found));
            }
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Self(pieces.into()))
    }

    /// The names of the tokens in it, in order.
    pub fn tokens(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Token(token) => Some(token.name),
            Piece::Text(_) => None,
        })
    }

    /// Whether a cell needs names of interfaces, VRFs or applications.
    #[must_use]
    pub fn needs_names(&self) -> bool {
        self.0.iter().any(|piece| {
            matches!(
                piece,
                Piece::Token(Token {
                    cell: Cell::NbarName | Cell::InterfaceName(_) | Cell::VrfName(_),
                    ..
                })
            )
        })
    }

    /// The names of all tokens, in nfdump's order.
    pub fn known() -> impl Iterator<Item = &'static str> {
        TOKENS.iter().map(|token| token.name)
    }
}
