//! Array literals: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`
//! (<https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>).

use super::types::Form;
use super::value;
use crate::engine::Cell;

/// Dimensions that an array can have (`MAXDIM`).
const DIMENSIONS: usize = 6;

/// Reads a literal; `None` for one that is malformed, and for one whose indexes do not begin at 1 (`[0:1]={..}`):
/// a JSON array would lose them.
pub(super) fn read(element: &Form, delimiter: char, text: &str) -> Option<Vec<Cell>> {
    let mut literal = Literal { element, delimiter, rest: text };
    let cells = literal.array(DIMENSIONS - 1)?;
    literal.rest.is_empty().then_some(cells)
}

struct Literal<'a> {
    element: &'a Form,
    delimiter: char,
    rest: &'a str,
}

impl Literal<'_> {
    /// Reads one array, in which others may be nested `depth` times.
    fn array(&mut self, depth: usize) -> Option<Vec<Cell>> {
        self.take('{')?;
        let mut cells = Vec::new();
        if self.take('}').is_some() {
            return Some(cells);
        }
        let nested = self.rest.starts_with('{');
        loop {
            cells.push(match self.rest.chars().next()? {
                '{' if nested => Cell::Array(self.array(depth.checked_sub(1)?)?),
                // The dimensions of an array are the same everywhere in it.
                _ if nested => return None,
                '{' => return None,
                '"' => self.quoted()?,
                _ => self.bare()?,
            });
            if self.take('}').is_some() {
                return Some(cells);
            }
            self.take(self.delimiter)?;
        }
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn bare(&mut self) -> Option<Cell> {
        let end = self.rest.find([self.delimiter, '}'])?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match text {
            "" => None,
            "NULL" => Some(Cell::Null),
            text => value::typed(self.element, text),
        }
    }

    fn quoted(&mut self) -> Option<Cell> {
        self.take('"')?;
        let mut text = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(chars.next()?),
                other => text.push(other),
            }
        }
        self.rest = chars.as_str();
        value::typed(self.element, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Option<Vec<Cell>> {
        read(&Form::Text, ',', text)
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn elements_are_quoted_null_and_nested() {
        let expected = [text("a b"), Cell::Null, text("NULL"), text("a\"\\,{}"), text("x y")];
        assert_eq!(texts(r#"{"a b",NULL,"NULL","a\"\\,{}",x y}"#).unwrap(), expected);
        assert_eq!(texts("{}").unwrap(), []);
        assert_eq!(texts(r#"{""}"#).unwrap(), [text("")]);
        let pair = |a, b| Cell::Array(vec![Cell::Integer(a), Cell::Integer(b)]);
        let square = read(&Form::Integer, ',', "{{1,2},{3,4}}").unwrap();
        assert_eq!(square, [pair(1, 2), pair(3, 4)]);
        let boxes = read(&Form::Text, ';', "{(3,4),(1,2);(7,8),(5,6)}").unwrap();
        assert_eq!(boxes, [text("(3,4),(1,2)"), text("(7,8),(5,6)")]);
    }

    #[test]
    fn nothing_malformed_is_read() {
        for text in [
            "",
            "{",
            "}",
            "{,}",
            "{a,}",
            "{a}b",
            "{\"a}",
            "{\"a\\",
            "{\"a\"b}",
            "{{a},b}",
            "{a,{b}}",
            "[0:1]={a,b}",
            "{{{{{{{a}}}}}}}",
        ] {
            assert_eq!(texts(text), None, "{text}");
        }
        let deep = "{".repeat(100_000);
        assert_eq!(texts(&deep), None);
    }

    /// Every text of a few characters that mean something here: none panics, and none loses a character unseen.
    #[test]
    fn no_text_panics() {
        const ALPHABET: [char; 7] = ['{', '}', ',', '"', '\\', 'a', 'é'];
        for number in 0..7_usize.pow(6) {
            let mut rest = number;
            let mut text = String::new();
            while rest > 0 {
                text.push(ALPHABET[rest % 7]);
                rest /= 7;
            }
            drop(texts(&text));
            drop(read(&Form::Bytes, ',', &text));
        }
    }
}
