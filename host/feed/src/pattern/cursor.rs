//! A cursor over the tokens with one token of look-ahead, and the limits of the parser.

use super::error::PatternError;
use super::token::{Keyword, Kind, Lexer, Token};
use super::tree::Span;
use super::{Grammar, MAX_DEPTH, MAX_NODES};

pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) grammar: Grammar,
    lexer: Lexer<'a>,
    ahead: Token,
    /// The end of the token consumed last.
    end: usize,
    depth: usize,
    nodes: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, grammar: Grammar) -> Result<Cursor<'a>, PatternError> {
        let mut lexer = Lexer::new(text, grammar == Grammar::V21);
        let ahead = lexer.next()?;
        Ok(Cursor { text, grammar, lexer, ahead, end: 0, depth: 0, nodes: 0 })
    }

    pub(super) fn kind(&self) -> Kind {
        self.ahead.kind
    }

    /// The start of the next token.
    pub(super) fn at(&self) -> usize {
        self.ahead.span.start
    }

    /// The span from `start` to the end of the token consumed last.
    pub(super) fn span_from(&self, start: usize) -> Span {
        start..self.end
    }

    /// Consumes the next token of any kind.
    pub(super) fn take(&mut self) -> Result<Token, PatternError> {
        let token = std::mem::replace(&mut self.ahead, self.lexer.next()?);
        self.end = token.span.end;
        Ok(token)
    }

    /// Consumes the next token if it is of this kind.
    pub(super) fn accept(&mut self, kind: Kind) -> Result<bool, PatternError> {
        if self.kind() != kind {
            return Ok(false);
        }
        self.take().map(|_| true)
    }

    pub(super) fn accept_keyword(&mut self, keyword: Keyword) -> Result<bool, PatternError> {
        self.accept(Kind::Keyword(keyword))
    }

    /// Consumes the next token, which must be of this kind, and returns its text.
    pub(super) fn expect(
        &mut self,
        kind: Kind,
        expected: &'static str,
    ) -> Result<&'a str, PatternError> {
        if self.kind() != kind {
            return Err(self.unexpected(expected));
        }
        let token = self.take()?;
        Ok(&self.text[token.span])
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> PatternError {
        PatternError::syntax(self.at(), expected, &self.text[self.ahead.span.clone()])
    }

    /// Parses operands with one operator between them. `join` combines them and their span; a
    /// single operand stays as it is.
    pub(super) fn row<T>(
        &mut self,
        operator: Keyword,
        join: impl FnOnce(Span, Vec<T>) -> T,
        operand: impl Fn(&mut Self) -> Result<T, PatternError>,
    ) -> Result<T, PatternError> {
        let start = self.at();
        let first = operand(self)?;
        if self.kind() != Kind::Keyword(operator) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.accept_keyword(operator)? {
            operands.push(operand(self)?);
        }
        Ok(join(self.span_from(start), operands))
    }

    /// Counts a part of the tree against the limit.
    pub(super) fn count(&mut self) -> Result<(), PatternError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(PatternError::TooLarge { at: self.at() }) } else { Ok(()) }
    }

    /// Consumes an opening parenthesis.
    pub(super) fn open(&mut self) -> Result<(), PatternError> {
        if self.depth == MAX_DEPTH {
            return Err(PatternError::TooDeep { at: self.at() });
        }
        self.depth += 1;
        self.take().map(|_| ())
    }

    /// Consumes the closing parenthesis of the one opened last.
    pub(super) fn close(&mut self, expected: &'static str) -> Result<(), PatternError> {
        self.expect(Kind::Close, expected)?;
        self.depth -= 1;
        Ok(())
    }
}
