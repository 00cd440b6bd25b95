//! MySQL: what its tokens mean beyond what the parser sees.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::syntax;
use crate::guard::{Refusal, RefusalCode};

/// The parser's tokenizer takes the inside of `/*! ... */` for text of the query, whatever version it names, so nothing
/// of the comment is left to be seen afterwards (rule H10).
pub(super) fn check_text(text: &str) -> Result<(), Refusal> {
    if text.contains("/*!") {
        return Err(Refusal::unsupported("an executable comment", "remove the comment"));
    }
    Ok(())
}

/// Refuses what the parser would read otherwise than the server.
pub(super) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<(), Refusal> {
    let mut before: Option<&Token> = None;
    for token in tokens.iter().map(|token| &token.token) {
        match token {
            Token::Whitespace(_) => continue,
            Token::Word(word) if word.quote_style.is_none() && word.value.contains('@') => {
                return Err(Refusal::unsupported("a variable", "write the value as a literal"));
            }
            // The parser casts the whole of `a = b` in `BINARY a = b` (rule H22).
            Token::Word(word)
                if word.quote_style.is_none()
                    && word.keyword == Keyword::BINARY
                    && !before.is_some_and(is_as) =>
            {
                return Err(Refusal::unsupported("BINARY", "use CAST(... AS BINARY)"));
            }
            // The parser drops the NULL of `a REGEXP NULL + b` (rule H22).
            Token::Word(word)
                if word.quote_style.is_none()
                    && word.keyword == Keyword::NULL
                    && before.is_some_and(is_regexp) =>
            {
                return Err(Refusal::unsupported("REGEXP NULL", "write NULL"));
            }
            // The server joins them; the parser joins them before their quotes are told apart (rule H4).
            token if is_string(token) && before.is_some_and(is_string) => {
                return Err(syntax("two texts stand next to each other".to_owned()));
            }
            _ => {}
        }
        before = Some(token);
    }
    Ok(())
}

/// Gives each placeholder the number that the guard knows it by.
pub(super) fn number(tokens: &mut [TokenWithSpan], placeholders: &[usize]) -> Result<(), Refusal> {
    let mut numbers = placeholders.iter();
    for token in tokens {
        if let Token::Placeholder(text) = &mut token.token {
            let (Some(number), "?") = (numbers.next(), text.as_str()) else {
                return Err(foreign_placeholder());
            };
            *text = format!("?{number}");
        }
    }
    if numbers.next().is_some() { Err(foreign_placeholder()) } else { Ok(()) }
}

fn is_as(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::AS)
}

fn is_regexp(token: &Token) -> bool {
    matches!(token, Token::Word(word) if matches!(word.keyword, Keyword::REGEXP | Keyword::RLIKE))
}

fn is_string(token: &Token) -> bool {
    matches!(token, Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))
}

fn foreign_placeholder() -> Refusal {
    Refusal::new(RefusalCode::RoundTrip, "a placeholder is not the guard's own", "report this")
}
