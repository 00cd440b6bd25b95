//! From untrusted text to the parser's tree: caps first, one statement, a query.
//!
//! Every cap holds before anything recurses (`reference` rule G15, H18, H24): bytes and control characters before
//! the tokenizer, tokens before the parser, and the parser counts its own recursion. Trees are dropped on the guard's
//! own stack, which is sized for the deepest one that the token cap lets through.

mod misread;
pub(super) mod mssql;
mod mysql;
mod sqlite;

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::{MsSqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError, ParserOptions};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, TokenizerError, Whitespace};

use super::Dialect;
use crate::guard::{Refusal, RefusalCode};

/// The longest query, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// The most tokens of a query, white space and comments aside.
pub(super) const MAX_TOKENS: usize = 8_000;
/// The parser's own limit on recursion; about half as many levels of nested queries.
const MAX_PARSER_DEPTH: usize = 128;

/// Whose text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// Untrusted: capped, and without placeholders.
    Proposal,
    /// Printed by the guard a moment ago: longer than what was read, with placeholders.
    Guard,
}

impl Author {
    /// How many times longer than a proposal a text may be.
    fn growth(self) -> usize {
        match self {
            Self::Proposal => 1,
            // Each relation occurrence grows by its column list and filter.
            Self::Guard => 64,
        }
    }
}

/// Reads one untrusted query.
pub(super) fn parse(text: &str, dialect: Dialect) -> Result<Box<Query>, Refusal> {
    read(text, dialect, Author::Proposal, &[])
}

/// Reads back what the guard printed. `placeholders` are the numbers of its placeholders, in the order of the text.
pub(super) fn parse_printed(
    text: &str,
    dialect: Dialect,
    placeholders: &[usize],
) -> Result<Box<Query>, Refusal> {
    read(text, dialect, Author::Guard, placeholders)
}

fn read(
    text: &str,
    dialect: Dialect,
    author: Author,
    placeholders: &[usize],
) -> Result<Box<Query>, Refusal> {
    let max_bytes = MAX_BYTES * author.growth();
    if text.len() > max_bytes {
        return Err(too_large(format!("the query is longer than {max_bytes} bytes")));
    }
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let found = if text.is_ascii() {
        text.bytes().any(|byte| control(byte.into()))
    } else {
        text.chars().any(control)
    };
    if found {
        return Err(Refusal::new(
            RefusalCode::Syntax,
            "the query holds a control character",
            "remove every control character other than tab and line break",
        ));
    }
    if dialect == Dialect::Mysql && author == Author::Proposal {
        mysql::check_text(text)?;
    }
    let mut tokens = checked_tokens(text, dialect, author, placeholders)?;
    // The parser tries much and drops what it says of each failure, with its place: it is told of places when it is
    // asked again.
    for token in &mut tokens {
        token.span = Span::empty();
    }
    one_query(parse_statements(tokens, dialect).or_else(|_| {
        let tokens = checked_tokens(text, dialect, author, placeholders)?;
        let known = lacking(&tokens);
        parse_statements(tokens, dialect).map_err(|refusal| match known {
            Some(hint) if refusal.code == RefusalCode::Syntax => {
                Refusal { hint: hint.into(), ..refusal }
            }
            Some(_) | None => refusal,
        })
    })?)
}

/// The tokens of a text that the parser may see, white space left out.
fn checked_tokens(
    text: &str,
    dialect: Dialect,
    author: Author,
    placeholders: &[usize],
) -> Result<Vec<TokenWithSpan>, Refusal> {
    let mut tokens = tokenize(text, dialect)?;
    for token in &tokens {
        check_token(&token.token, author)?;
    }
    // Neither the checks nor the parser's grammars of our dialects read on from white space: the parser is quicker without.
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let max_tokens = MAX_TOKENS * author.growth();
    if tokens.len() > max_tokens {
        return Err(too_large(format!("the query has more than {max_tokens} tokens")));
    }
    if matches!(dialect, Dialect::Sqlite | Dialect::Postgresql) && author == Author::Proposal {
        misread::check_tokens(&tokens, dialect)?;
    }
    if dialect == Dialect::Mysql {
        mysql::check_tokens(&tokens)?;
        mysql::number(&mut tokens, placeholders)?;
    }
    if dialect == Dialect::Mssql {
        mssql::call_grouping_sets(&mut tokens);
    }
    if dialect == Dialect::Sqlite && author == Author::Proposal {
        sqlite::drop_materialized(&mut tokens);
    }
    Ok(tokens)
}

/// What to write in place of a clause that engines know and the parser does not.
fn lacking(tokens: &[TokenWithSpan]) -> Option<&'static str> {
    let mut before: Option<&str> = None;
    for token in tokens {
        let word = match &token.token {
            Token::Whitespace(_) => continue,
            Token::ExclamationMark => return Some("write NOT, `<=` or `>=`"),
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.as_str()),
            _ => None,
        };
        let pair = |first: &str, second: &[&str]| {
            let is = |found: Option<&str>, wanted: &str| {
                found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
            };
            is(before, first) && second.iter().any(|second| is(word, second))
        };
        if pair("BETWEEN", &["SYMMETRIC"]) {
            return Some("write BETWEEN least(a, b) AND greatest(a, b)");
        }
        if pair("EXCLUDE", &["CURRENT", "GROUP", "TIES", "NO"]) {
            return Some("leave EXCLUDE out of the window frame");
        }
        let called = token.token == Token::LParen;
        if before.is_some_and(|before| before.eq_ignore_ascii_case("MOD")) && !called {
            return Some("write a % b for the remainder");
        }
        before = word;
    }
    None
}

/// The parser's own word for the dialect.
fn grammar(dialect: Dialect) -> &'static dyn sqlparser::dialect::Dialect {
    match dialect {
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Postgresql => &PostgreSqlDialect {},
        Dialect::Mysql => &MySqlDialect {},
        Dialect::Mssql => &MsSqlDialect {},
    }
}

fn tokenize(text: &str, dialect: Dialect) -> Result<Vec<TokenWithSpan>, Refusal> {
    let tokenizer = Tokenizer::new(grammar(dialect), text);
    // Raw: escapes are decoded by `admit`, by the dialect's rules and with a refusal where they are unclear.
    let mut tokenizer = tokenizer.with_unescape(false);
    // About what a word and the space after it take.
    let mut tokens = Vec::with_capacity(text.len() / 3);
    let read = tokenizer.tokenize_with_location_into_buf(&mut tokens);
    read.map_err(|error: TokenizerError| {
        syntax(format!("cannot read the query near line {}", error.location.line))
    })?;
    Ok(tokens)
}

/// Comments that engines execute or obey, and placeholders that would shift our own.
fn check_token(token: &Token, author: Author) -> Result<(), Refusal> {
    match token {
        Token::Whitespace(Whitespace::MultiLineComment(comment))
            if comment.starts_with(['!', '+']) || comment.starts_with("M!") =>
        {
            Err(Refusal::unsupported(
                "an executable comment or optimizer hint",
                "remove the comment",
            ))
        }
        Token::Placeholder(_) if author == Author::Proposal => {
            Err(Refusal::unsupported("a placeholder", "write the value as a literal"))
        }
        // A byte order mark or zero-width character is invisible to the person who reviews the query.
        Token::Word(word) if word.quote_style.is_none() && word.value.chars().any(is_invisible) => {
            Err(syntax("an unquoted name holds an invisible character".to_owned()))
        }
        _ => Ok(()),
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn parse_statements(
    tokens: Vec<TokenWithSpan>,
    dialect: Dialect,
) -> Result<Vec<Statement>, Refusal> {
    let mut parser = Parser::new(grammar(dialect))
        .with_options(ParserOptions::new().with_unescape(false))
        .with_recursion_limit(MAX_PARSER_DEPTH)
        .with_tokens_with_locations(tokens);
    let statements = if matches!(&parser.peek_token_ref().token, Token::Word(word) if word.keyword == Keyword::TABLE)
    {
        // The parser knows TABLE as the arm of a set operation, but not at the start of a statement.
        table_command(&mut parser)
    } else {
        parser.parse_statements()
    };
    statements.map_err(|error| match error {
        ParserError::RecursionLimitExceeded => {
            too_large("the query is nested too deeply".to_owned())
        }
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
            syntax(format!("cannot parse the query: {message}"))
        }
    })
}

fn table_command(parser: &mut Parser<'_>) -> Result<Vec<Statement>, ParserError> {
    let mut statements = vec![Statement::Query(parser.parse_query()?)];
    while parser.consume_token(&Token::SemiColon) {}
    if parser.peek_token_ref().token != Token::EOF {
        statements.extend(parser.parse_statements()?);
    }
    Ok(statements)
}

/// Exactly one statement, and a query: rules C1 to C28 in one place, since every other statement kind is refused.
fn one_query(mut statements: Vec<Statement>) -> Result<Box<Query>, Refusal> {
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Refusal::new(
            RefusalCode::NotOneStatement,
            "the text is not exactly one statement",
            "send one SELECT statement",
        ));
    };
    let Statement::Query(query) = statement else {
        return Err(Refusal::new(
            RefusalCode::NotAQuery,
            "the statement is not a query",
            "send a SELECT statement: data can be read, not changed, and nothing else can be run",
        ));
    };
    Ok(query)
}

fn too_large(message: String) -> Refusal {
    Refusal::new(RefusalCode::TooLarge, message, "send a shorter, flatter query")
}

fn syntax(message: String) -> Refusal {
    Refusal::new(RefusalCode::Syntax, message, "correct the syntax")
}
