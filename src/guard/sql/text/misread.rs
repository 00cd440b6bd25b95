//! PostgreSQL and SQLite: what the parser takes for something else than the engine does, without a trace of it in the tree
//! (rules H13 and H22).

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::guard::Refusal;
use crate::guard::sql::Dialect;

/// Refuses what would be read otherwise.
pub(super) fn check_tokens(tokens: &[TokenWithSpan], dialect: Dialect) -> Result<(), Refusal> {
    let postgresql = dialect == Dialect::Postgresql;
    let (mut earlier, mut before): (Option<&Token>, Option<&Token>) = (None, None);
    let words = tokens.iter().map(|token| &token.token);
    for token in words.filter(|token| !matches!(token, Token::Whitespace(_))) {
        match token {
            // An operator after its operand: the parser makes an alias of it.
            Token::Word(word)
                if is_bare(token, "ISNULL")
                    && !matches!(before, Some(Token::Period))
                    && !before.is_some_and(|before| is_keyword(before, Keyword::AS)) =>
            {
                return Err(Refusal::unsupported(
                    format_args!("`{}`", word.value),
                    "write IS NULL",
                ));
            }
            // The parser drops the precision of `interval(2) '1.234 seconds'`.
            Token::LParen
                if postgresql
                    && before.is_some_and(|before| is_keyword(before, Keyword::INTERVAL)) =>
            {
                return Err(Refusal::unsupported(
                    "a precision of INTERVAL",
                    "write INTERVAL '3 days'",
                ));
            }
            // What a bare text means depends on the column that the window is ordered by; the parser makes an interval.
            Token::Word(word)
                if postgresql
                    && matches!(word.keyword, Keyword::PRECEDING | Keyword::FOLLOWING)
                    && matches!(before, Some(Token::SingleQuotedString(_)))
                    && !earlier.is_some_and(|earlier| is_keyword(earlier, Keyword::INTERVAL)) =>
            {
                return Err(Refusal::unsupported(
                    "a text as the bound of a window",
                    "write a number, or INTERVAL '3 days'",
                ));
            }
            // A tag is a name to PostgreSQL, which begins with a letter.
            Token::DollarQuotedString(text)
                if text
                    .tag
                    .as_ref()
                    .is_some_and(|tag| tag.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                return Err(Refusal::unsupported("this form of literal", "write 'text'"));
            }
            _ => {}
        }
        (earlier, before) = (before, Some(token));
    }
    Ok(())
}

fn is_keyword(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

fn is_bare(token: &Token, name: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
}
