//! From tokens to an expression: operators, parentheses, and what all terms need.
//!
//! Operators are kept on a stack of their own: deep nesting costs bounded memory, never the stack of
//! the thread. Which terms exist, which directions they have and which numbers they accept is in
//! [`crate::filter::terms`].

use crate::filter::error::{FilterError, FilterErrorKind as Wrong};
use crate::filter::expr::Expr;
use crate::filter::expr::term::{Compare, Node, Term};
use crate::filter::limits::{PARENTHESES_MAX, PATTERN_ITEMS_MAX, PENDING_MAX};
use crate::filter::options::Options;
use crate::filter::parse::lexer::{Lexer, Span, Token};
use crate::filter::parse::names::{self, Named};
use crate::filter::parse::suggest;
use crate::filter::parse::words::Kind;
use crate::filter::terms::NumberTerm;
use crate::suggest::closest;

/// The result of parsing a part of a filter.
pub(super) type Result<T> = std::result::Result<T, FilterError>;

/// Parses the text of a filter.
pub(crate) fn parse(text: &[u8], options: &Options) -> Result<Expr> {
    let mut lexer = Lexer::new(text, options)?;
    let token = lexer.next()?;
    let parser = Parser {
        lexer,
        options,
        token,
        last: token,
        pattern_items: PATTERN_ITEMS_MAX,
    };
    let expr = parser.filter()?;
    // The expression is written in another way than the text, which may be longer.
    expr.check_length()?;
    Ok(expr)
}

/// The state of parsing: one token of look-ahead.
pub(super) struct Parser<'o> {
    pub(super) lexer: Lexer<'o>,
    pub(super) options: &'o Options,
    /// The next token.
    pub(super) token: Token,
    /// The token before it.
    pub(super) last: Token,
    /// How many items further patterns may have.
    pub(super) pattern_items: usize,
}

/// An operator or parenthesis that waits for its operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Parenthesis(Span),
    Not,
    And,
    Or,
}

/// The direction of a term, for lookups and messages.
pub(super) struct Words {
    pub(super) start: Span,
    /// The direction as in the tables of terms; may be empty.
    pub(super) direction: &'static str,
}

/// The expression so far, and what waits for operands.
#[derive(Default)]
struct Operators {
    nodes: Vec<Node>,
    waiting: Vec<Waiting>,
    /// Open parentheses.
    open: usize,
}

impl Operators {
    /// Completes the operators that bind more tightly than the next one.
    fn reduce(&mut self, operator: Kind) {
        while self.waiting.pop_if(|top| *top == Waiting::Not).is_some() {
            // Double negation cancels.
            if self.nodes.last() == Some(&Node::Not) {
                self.nodes.pop();
            } else {
                self.nodes.push(Node::Not);
            }
        }
        let binds = |top: &mut Waiting| match operator {
            Kind::Key("and") => *top == Waiting::And,
            _ => matches!(top, Waiting::And | Waiting::Or),
        };
        while let Some(top) = self.waiting.pop_if(binds) {
            self.nodes.push(if top == Waiting::And {
                Node::And
            } else {
                Node::Or
            });
        }
    }
}

impl Parser<'_> {
    fn filter(mut self) -> Result<Expr> {
        let mut done = Operators::default();
        if self.token.kind == Kind::End {
            return Ok(Expr::any());
        }
        loop {
            self.operand(&mut done)?;
            if self.operator(&mut done)? {
                return Ok(Expr { nodes: done.nodes });
            }
        }
    }

    /// Reads an operand, and the `not` and `(` before it.
    fn operand(&mut self, done: &mut Operators) -> Result<()> {
        loop {
            let waiting = match self.token.kind {
                Kind::Key("not") => Waiting::Not,
                Kind::Byte(b'(') => Waiting::Parenthesis(self.token.span),
                _ => {
                    done.nodes.push(Node::Term(self.term()?));
                    return Ok(());
                }
            };
            done.open += usize::from(waiting != Waiting::Not);
            if done.open > PARENTHESES_MAX || done.waiting.len() >= PENDING_MAX {
                return Err(self.wrong(Wrong::Limit, "nested too deeply"));
            }
            done.waiting.push(waiting);
            self.advance()?;
        }
    }

    /// Reads what follows an operand, up to `and` or `or`. Returns whether the filter ends.
    fn operator(&mut self, done: &mut Operators) -> Result<bool> {
        loop {
            let operator = self.token.kind;
            done.reduce(operator);
            match operator {
                Kind::Key("and") => done.waiting.push(Waiting::And),
                Kind::Key("or") => done.waiting.push(Waiting::Or),
                Kind::Byte(b')') if done.waiting.pop().is_some() => {
                    done.open = done.open.saturating_sub(1);
                    self.advance()?;
                    continue;
                }
                Kind::Byte(b')') => {
                    return Err(self.wrong(Wrong::Syntax, "`)` without `(`"));
                }
                Kind::End => {
                    return match done.waiting.pop() {
                        Some(Waiting::Parenthesis(span)) => {
                            Err(self.wrong_at(span, Wrong::Syntax, "`(` without `)`"))
                        }
                        _ => Ok(true),
                    };
                }
                _ => return Err(self.after_operand()),
            }
            self.advance()?;
            return Ok(false);
        }
    }

    /// The error for a token where only an operator is possible.
    fn after_operand(&self) -> FilterError {
        let error = self.unexpected("`and`, `or`, `)` or the end");
        match self.lexer.word(&self.token) {
            "&&" | "&" => error.help("write `and`"),
            _ if matches!(self.token.kind, Kind::Byte(b'&')) => error.help("write `and`"),
            _ if matches!(self.token.kind, Kind::Byte(b'|')) => error.help("write `or`"),
            _ if self.token.kind == Kind::Byte(b'\r') => error.help(suggest::NO_CARRIAGE_RETURNS),
            _ => error.help("terms are joined with `and` or `or`"),
        }
    }

    /// Goes to the next token; returns the one before it.
    pub(super) fn advance(&mut self) -> Result<Token> {
        self.last = self.token;
        self.token = self.lexer.next()?;
        Ok(self.last)
    }

    /// An error at the next token.
    pub(super) fn wrong(&self, kind: Wrong, message: impl Into<String>) -> FilterError {
        self.wrong_at(self.token.span, kind, message)
    }

    /// An error at a span.
    pub(super) fn wrong_at(
        &self,
        span: Span,
        kind: Wrong,
        message: impl Into<String>,
    ) -> FilterError {
        FilterError::new(kind, message).at(self.lexer.excerpt(span))
    }

    /// The error for an unexpected next token.
    pub(super) fn unexpected(&self, expected: &str) -> FilterError {
        let found = self.lexer.name(&self.token);
        let error = self.wrong(Wrong::Syntax, format!("expected {expected}, found {found}"));
        let glued = !self.token.quoted
            && self.token.kind == Kind::Text
            && self.lexer.text(&self.token).contains(&b'=');
        if glued {
            error.help(suggest::BLANKS_AROUND_EQUAL)
        } else if self.token.kind == Kind::Key("not") && self.last.kind != Kind::Key("not") {
            error.help("there is no `!=`: write `not` before the whole term, as in `not port 80`")
        } else {
            error
        }
    }

    pub(super) fn is_text(&self, word: &str) -> bool {
        self.token.kind == Kind::Text && self.lexer.word(&self.token).eq_ignore_ascii_case(word)
    }

    /// Reads a word or quoted text.
    pub(super) fn text(&mut self, expected: &str) -> Result<(String, Span)> {
        if self.token.kind != Kind::Text {
            let error = self.unexpected(expected);
            return Err(match self.token.kind {
                Kind::Key(_) | Kind::Number(_) | Kind::Compare(_) => {
                    error.help("this is a keyword: write it in quotes")
                }
                _ => error,
            });
        }
        let text = self.lexer.word(&self.token).to_owned();
        let token = self.advance()?;
        Ok((text, token.span))
    }

    /// Reads a comparator, if there is one.
    pub(super) fn compare(&mut self) -> Result<Option<Compare>> {
        match self.token.kind {
            Kind::Compare(compare) => {
                self.advance()?;
                Ok(Some(compare))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn number(&mut self, expected: &str) -> Result<(u64, Span)> {
        match self.token.kind {
            Kind::Number(number) => {
                let token = self.advance()?;
                Ok((number, token.span))
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// A number for a term, in its range.
    pub(super) fn value(&mut self, term: &NumberTerm) -> Result<u64> {
        let expected = if term.max == u64::MAX {
            "a number".to_owned()
        } else {
            format!("a number from 0 to {}", term.max)
        };
        let found = self.lexer.word(&self.token).to_owned();
        let (value, span) =
            self.number(&expected)
                .map_err(|error| match suggest::number(&found, term.name()) {
                    Some(help) => error.help(help),
                    None => error,
                })?;
        if value > term.max {
            let message = format!(
                "{value} is out of range: `{}` goes from 0 to {}",
                term.name(),
                term.max
            );
            return Err(self.wrong_at(span, Wrong::Range, message));
        }
        Ok(value)
    }

    /// Reads a name from a table.
    pub(super) fn name(&mut self, what: &str, table: &[Named]) -> Result<u64> {
        let (name, span) = self.text(what)?;
        match names::find(table, &name) {
            Some(value) => Ok(value),
            None => {
                let known: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
                let error = self.wrong_at(span, Wrong::Name, format!("`{name}` is not {what}"));
                Err(match closest(&name, known.iter().copied()) {
                    Some(meant) => error.help(format!("did you mean `{meant}`?")),
                    None => error.help(format!("known names: {}", known.join(", "))),
                })
            }
        }
    }

    fn term(&mut self) -> Result<Term> {
        let first = self.token;
        let term = self.read_term()?;
        // Ranges are checked already, with a more exact location.
        term.check()
            .map_err(|error| error.at(self.lexer.excerpt(first.span.to(self.last.span))))?;
        Ok(term)
    }

    /// A list in brackets; `item` reads one entry.
    pub(super) fn items(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.token.kind != Kind::Byte(b'[') {
            return Err(self.unexpected("`[`"));
        }
        let open = self.advance()?.span;
        if self.token.kind == Kind::Byte(b']') {
            let span = open.to(self.token.span);
            return Err(self.wrong_at(span, Wrong::Syntax, "the list is empty"));
        }
        loop {
            if self.token.kind == Kind::End {
                return Err(self.wrong_at(open, Wrong::Syntax, "`[` without `]`"));
            }
            item(self)?;
            match self.token.kind {
                Kind::Byte(b']') => {
                    self.advance()?;
                    return Ok(());
                }
                Kind::Byte(b',') => {
                    self.advance()?;
                }
                _ => {}
            }
        }
    }
}
