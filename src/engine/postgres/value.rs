//! A value's text as a cell. Total: a text that is not of its type's form stays text.

use super::array;
use super::types::Form;
use crate::engine::Cell;

/// Reads a value as the server writes it.
pub(super) fn cell(form: &Form, bytes: &[u8]) -> Cell {
    match std::str::from_utf8(bytes) {
        Ok(text) => typed(form, text).unwrap_or_else(|| Cell::Text(text.to_owned())),
        // A database in SQL_ASCII holds any bytes.
        Err(_) => Cell::Bytes(bytes.to_vec()),
    }
}

/// `None` for a text that is not of this form.
pub(super) fn typed(form: &Form, text: &str) -> Option<Cell> {
    Some(match form {
        Form::Bool => match text {
            "t" => Cell::Bool(true),
            "f" => Cell::Bool(false),
            _ => return None,
        },
        Form::Integer => Cell::Integer(text.parse().ok()?),
        Form::Real => Cell::Real(text.parse().ok()?),
        Form::Decimal => Cell::Decimal(text.to_owned()),
        Form::Json => Cell::Json(text.to_owned()),
        Form::Bytes => Cell::Bytes(hexadecimal(text)?),
        Form::Text => Cell::Text(text.to_owned()),
        Form::Array(element, delimiter) => Cell::Array(array::read(element, *delimiter, text)?),
    })
}

/// The bytes of `\x..`.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let &[high, low] = pair else { return None };
            let digit = |digit: u8| char::from(digit).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let read = |form: &Form, text: &str| cell(form, text.as_bytes());
        assert_eq!(read(&Form::Bool, "t"), Cell::Bool(true));
        assert_eq!(read(&Form::Integer, "-9223372036854775808"), Cell::Integer(i64::MIN));
        assert_eq!(read(&Form::Real, "0.1"), Cell::Real(0.1));
        assert_eq!(read(&Form::Real, "-Infinity"), Cell::Real(f64::NEG_INFINITY));
        assert!(matches!(read(&Form::Real, "NaN"), Cell::Real(number) if number.is_nan()));
        assert_eq!(read(&Form::Decimal, "1.50"), Cell::Decimal("1.50".to_owned()));
        assert_eq!(read(&Form::Bytes, "\\x00fF"), Cell::Bytes(vec![0, 255]));
        assert_eq!(read(&Form::Bytes, "\\x"), Cell::Bytes(Vec::new()));
        assert_eq!(read(&Form::Json, "{\"a\":1}"), Cell::Json("{\"a\":1}".to_owned()));
        assert_eq!(cell(&Form::Text, b"\xff"), Cell::Bytes(vec![255]));
    }

    #[test]
    fn what_is_malformed_stays_text() {
        let array = Form::Array(Box::new(Form::Integer), ',');
        let forms = [Form::Bool, Form::Integer, Form::Real, Form::Bytes, array];
        for text in ["", "x", "\\x0", "\\xzz", "\\x0é", "{", "}", "{1", "{1,}", "{a}", "{{1},2}"] {
            for form in &forms {
                assert_eq!(cell(form, text.as_bytes()), Cell::Text(text.to_owned()), "{text}");
            }
        }
    }
}
