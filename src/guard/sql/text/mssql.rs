//! SQL Server: what the parser has no grammar for, in tokens that it reads.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

/// The name of the call that GROUPING SETS is read as, and of the empty set in it. No unquoted name of a query holds a
/// space or a parenthesis.
pub(in super::super) const GROUPING_SETS: &str = "grouping sets";
pub(in super::super) const EMPTY_SET: &str = "()";

/// Makes a call of `GROUPING SETS (..)`, as which ROLLUP and CUBE are read too, and a name of each empty set in it.
pub(super) fn call_grouping_sets(tokens: &mut [TokenWithSpan]) {
    let mut written: Vec<&mut Token> = tokens
        .iter_mut()
        .map(|token| &mut token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .collect();
    // How deep inside of the parentheses of the last GROUPING SETS.
    let mut depth = None;
    for at in 0..written.len() {
        match written.get_mut(at..) {
            Some([grouping, sets, open, ..])
                if is(grouping, "GROUPING") && is(sets, "SETS") && **open == Token::LParen =>
            {
                **grouping = name(GROUPING_SETS);
                **sets = Token::Whitespace(Whitespace::Space);
                depth = Some(0_usize);
            }
            _ => {}
        }
        depth = match (written.get(at).map(|token| &**token), depth) {
            (Some(Token::LParen), Some(depth)) => Some(depth + 1),
            (Some(Token::RParen), Some(depth)) => depth.checked_sub(1).filter(|depth| *depth > 0),
            (_, depth) => depth,
        };
        match written.get_mut(at..) {
            Some([before, open, close, ..])
                if depth == Some(1)
                    && matches!(before, Token::LParen | Token::Comma)
                    && **open == Token::LParen
                    && **close == Token::RParen =>
            {
                **open = name(EMPTY_SET);
                **close = Token::Whitespace(Whitespace::Space);
            }
            _ => {}
        }
    }
}

fn is(token: &Token, keyword: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
}

fn name(text: &str) -> Token {
    Token::Word(Word { value: text.to_owned(), quote_style: None, keyword: Keyword::NoKeyword })
}
