//! The order in which the nodes of an expression are written, parentheses included.

use crate::filter::expr::Expr;
use crate::filter::expr::term::Node;

/// The nodes of an expression, with the left operand of each.
pub(crate) struct Layout<'a> {
    nodes: &'a [Node],
    /// For `and` and `or`: the node that is the left operand. The right one, and the operand of
    /// `not`, is the node before.
    left: Vec<usize>,
}

/// One piece of the text of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A node, by its index.
    Node(usize),
    /// An operator with its blanks.
    Operator(&'static str),
    /// `(`
    Open,
    /// `)`
    Close,
}

impl<'a> Layout<'a> {
    pub(crate) const NOT: &'static str = "not ";

    pub(crate) fn of(expr: &'a Expr) -> Self {
        let mut left = vec![0; expr.nodes.len()];
        let mut roots = Vec::new();
        for (at, node) in expr.nodes.iter().enumerate() {
            match node {
                Node::Term(_) => roots.push(at),
                Node::Not => {
                    roots.pop();
                    roots.push(at);
                }
                Node::And | Node::Or => {
                    roots.pop();
                    if let Some(slot) = left.get_mut(at) {
                        *slot = roots.pop().unwrap_or(0);
                    }
                    roots.push(at);
                }
            }
        }
        Self {
            nodes: &expr.nodes,
            left,
        }
    }

    /// The node of the whole expression.
    pub(crate) fn root(&self) -> usize {
        self.nodes.len().saturating_sub(1)
    }

    pub(crate) fn node(&self, at: usize) -> Option<&'a Node> {
        self.nodes.get(at)
    }

    /// The left operand of an `and` or `or`.
    pub(crate) fn left(&self, at: usize) -> usize {
        self.left.get(at).copied().unwrap_or(0)
    }

    /// The pieces of an operator with its operands, in order. None for a term.
    pub(crate) fn pieces(&self, at: usize) -> impl Iterator<Item = Step> + use<> {
        let right = at.saturating_sub(1);
        let left = self.left(at);
        let pieces = match self.node(at) {
            None | Some(Node::Term(_)) => [None; 7],
            Some(Node::Not) => {
                let [open, operand, close] = self.operand(right, &[]);
                [
                    Some(Step::Operator(Self::NOT)),
                    open,
                    operand,
                    close,
                    None,
                    None,
                    None,
                ]
            }
            Some(Node::And) => self.joined(left, &[Node::And], " and ", right, &[]),
            Some(Node::Or) => {
                self.joined(left, &[Node::And, Node::Or], " or ", right, &[Node::And])
            }
        };
        pieces.into_iter().flatten()
    }

    fn joined(
        &self,
        left: usize,
        left_bare: &[Node],
        operator: &'static str,
        right: usize,
        right_bare: &[Node],
    ) -> [Option<Step>; 7] {
        let [open, operand, close] = self.operand(left, left_bare);
        let [open_right, operand_right, close_right] = self.operand(right, right_bare);
        [
            open,
            operand,
            close,
            Some(Step::Operator(operator)),
            open_right,
            operand_right,
            close_right,
        ]
    }

    /// An operand, in parentheses if it binds less tightly than its place asks for.
    fn operand(&self, at: usize, bare: &[Node]) -> [Option<Step>; 3] {
        let parentheses = match self.node(at) {
            Some(Node::Term(_) | Node::Not) | None => false,
            Some(node) => !bare.contains(node),
        };
        [
            parentheses.then_some(Step::Open),
            Some(Step::Node(at)),
            parentheses.then_some(Step::Close),
        ]
    }
}
