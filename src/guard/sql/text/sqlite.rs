//! SQLite: what the parser has no grammar for.

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

/// Drops the MATERIALIZED of WITH queries, which changes no row (<https://sqlite.org/lang_with.html#mathint>). Where
/// anything else is meant by the word, what is left does not parse.
pub(super) fn drop_materialized(tokens: &mut [TokenWithSpan]) {
    let mut written: Vec<&mut Token> = tokens
        .iter_mut()
        .map(|token| &mut token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .collect();
    for at in 0..written.len() {
        let words = match written.get(at..) {
            Some([word, hint, open, ..])
                if is(word, "AS") && is(hint, "MATERIALIZED") && **open == Token::LParen =>
            {
                1
            }
            Some([word, not, hint, open, ..])
                if is(word, "AS")
                    && is(not, "NOT")
                    && is(hint, "MATERIALIZED")
                    && **open == Token::LParen =>
            {
                2
            }
            _ => 0,
        };
        for token in written.iter_mut().skip(at + 1).take(words) {
            **token = Token::Whitespace(Whitespace::Space);
        }
    }
}

fn is(token: &Token, keyword: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
}
