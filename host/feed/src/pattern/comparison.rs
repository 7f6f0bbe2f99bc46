//! Comparison expressions: the content of `[` and `]`.

use super::cursor::Cursor;
use super::error::PatternError;
use super::literal;
use super::token::{Keyword, Kind};
use super::tree::{Comparison, ComparisonKind, Literal, Path, Predicate, Span, Step, Test};

/// Parses `OR`, which binds weaker than `AND`.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Comparison, PatternError> {
    cursor.row(Keyword::Or, joined(ComparisonKind::Or), |cursor| {
        cursor.row(Keyword::And, joined(ComparisonKind::And), primary)
    })
}

fn joined(
    kind: fn(Vec<Comparison>) -> ComparisonKind,
) -> impl FnOnce(Span, Vec<Comparison>) -> Comparison {
    move |span, operands| Comparison { span, kind: kind(operands) }
}

fn primary(cursor: &mut Cursor<'_>) -> Result<Comparison, PatternError> {
    let start = cursor.at();
    if cursor.kind() == Kind::Open {
        cursor.open()?;
        let inner = expression(cursor)?;
        cursor.close("`)`, `AND` or `OR`")?;
        return Ok(Comparison { span: cursor.span_from(start), ..inner });
    }
    cursor.count()?;
    let test = test(cursor)?;
    Ok(Comparison { span: cursor.span_from(start), kind: ComparisonKind::Test(test) })
}

fn test(cursor: &mut Cursor<'_>) -> Result<Test, PatternError> {
    let negated = cursor.kind() == Kind::Keyword(Keyword::Not);
    if negated {
        cursor.take()?;
        // Before a path, `NOT` is only allowed with `EXISTS`.
        if cursor.kind() != Kind::Keyword(Keyword::Exists) {
            return Err(cursor
                .unexpected("`EXISTS` (in other comparisons `NOT` comes before the operator)"));
        }
    }
    if cursor.accept_keyword(Keyword::Exists)? {
        return Ok(Test { path: path(cursor)?, negated, predicate: Predicate::Exists });
    }
    let path = path(cursor)?;
    let negated = cursor.accept_keyword(Keyword::Not)?;
    Ok(Test { path, negated, predicate: predicate(cursor)? })
}

fn predicate(cursor: &mut Cursor<'_>) -> Result<Predicate, PatternError> {
    const OPERATOR: &str = "`=`, `!=`, `<`, `<=`, `>`, `>=`, `IN`, `LIKE`, `MATCHES`, `ISSUBSET`, `ISSUPERSET` or a path step";
    let kind = cursor.kind();
    let of_literal: Option<fn(Literal) -> Predicate> = match kind {
        Kind::Equal => Some(Predicate::Equal),
        Kind::NotEqual => Some(Predicate::NotEqual),
        Kind::Less => Some(Predicate::Less),
        Kind::LessOrEqual => Some(Predicate::LessOrEqual),
        Kind::Greater => Some(Predicate::Greater),
        Kind::GreaterOrEqual => Some(Predicate::GreaterOrEqual),
        _ => None,
    };
    if let Some(of) = of_literal {
        cursor.take()?;
        let boolean = matches!(kind, Kind::Equal | Kind::NotEqual);
        return literal::literal(cursor, boolean).map(of);
    }
    let of_text: fn(String) -> Predicate = match kind {
        Kind::Keyword(Keyword::Like) => Predicate::Like,
        Kind::Keyword(Keyword::Matches) => Predicate::Matches,
        Kind::Keyword(Keyword::IsSubset) => Predicate::IsSubset,
        Kind::Keyword(Keyword::IsSuperset) => Predicate::IsSuperset,
        Kind::Keyword(Keyword::In) => return set(cursor).map(Predicate::In),
        _ => return Err(cursor.unexpected(OPERATOR)),
    };
    cursor.take()?;
    Ok(of_text(literal::unquote(cursor.expect(Kind::Text, "a quoted text")?)))
}

fn set(cursor: &mut Cursor<'_>) -> Result<Vec<Literal>, PatternError> {
    cursor.take()?;
    cursor.expect(Kind::Open, "`(`")?;
    let mut literals = Vec::new();
    if cursor.accept(Kind::Close)? {
        return Ok(literals);
    }
    loop {
        cursor.count()?;
        literals.push(literal::literal(cursor, true)?);
        if !cursor.accept(Kind::Comma)? {
            break;
        }
    }
    cursor.expect(Kind::Close, "`,` or `)`")?;
    Ok(literals)
}

fn path(cursor: &mut Cursor<'_>) -> Result<Path, PatternError> {
    let object = match cursor.kind() {
        Kind::Name | Kind::HyphenName => {
            let token = cursor.take()?;
            cursor.text[token.span].to_owned()
        }
        _ => return Err(cursor.unexpected("an object type, `(` or `EXISTS`")),
    };
    cursor.expect(Kind::Colon, "`:`")?;
    let mut steps = vec![key(cursor)?];
    loop {
        cursor.count()?;
        if cursor.accept(Kind::Dot)? {
            steps.push(key(cursor)?);
        } else if cursor.kind() == Kind::OpenBracket {
            steps.push(index(cursor)?);
        } else {
            return Ok(Path { object, steps });
        }
    }
}

fn key(cursor: &mut Cursor<'_>) -> Result<Step, PatternError> {
    const KEY: &str = "a property (quoted, if it is a keyword or has a hyphen)";
    let quoted = cursor.kind() == Kind::Text;
    let text = cursor.expect(if quoted { Kind::Text } else { Kind::Name }, KEY)?;
    Ok(Step::Key(if quoted { literal::unquote(text) } else { text.to_owned() }))
}

fn index(cursor: &mut Cursor<'_>) -> Result<Step, PatternError> {
    cursor.take()?;
    let step = if cursor.accept(Kind::Star)? {
        Step::Any
    } else {
        let at = cursor.at();
        Step::Index(literal::integer(at, cursor.expect(Kind::Integer, "a whole number or `*`")?)?)
    };
    cursor.expect(Kind::CloseBracket, "`]`")?;
    Ok(step)
}
