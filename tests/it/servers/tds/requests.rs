//! What the client asks: logins, batches, and calls of `sp_executesql`.

use super::wire::{Cursor, from_utf16};

/// A login, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) application: String,
    pub(crate) database: String,
    /// `ApplicationIntent=ReadOnly`.
    pub(crate) reads_only: bool,
}

pub(super) fn login(payload: &[u8]) -> Login {
    let raw = |position: usize| {
        let number = |at: usize| usize::from(u16::from_le_bytes([payload[at], payload[at + 1]]));
        let (start, characters) = (number(position), number(position + 2));
        payload[start..start + 2 * characters].to_vec()
    };
    let password: Vec<u8> = raw(44).iter().map(|byte| (byte ^ 0xa5).rotate_left(4)).collect();
    Login {
        user: from_utf16(&raw(40)),
        password: from_utf16(&password),
        application: from_utf16(&raw(48)),
        database: from_utf16(&raw(68)),
        reads_only: payload[26] & 0x20 != 0,
    }
}

/// The value of a parameter, with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parameter {
    Text(String),
    /// The width in bytes and the number.
    Integer(usize, i64),
    Bit(bool),
}

/// A call of `sp_executesql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) text: String,
    /// Names and types, as the call declares them.
    pub(crate) declared: String,
    pub(crate) parameters: Vec<(String, Parameter)>,
    /// The transaction that the call belongs to; 0 is none.
    pub(crate) transaction: u64,
}

/// Skips the headers in front of a request; gives the transaction that they name.
fn headers(cursor: &mut Cursor<'_>) -> u64 {
    let length = cursor.u32() as usize - 4;
    let mut headers = Cursor(&cursor.0[..length]);
    cursor.take(length);
    let mut transaction = 0;
    while !headers.0.is_empty() {
        let length = headers.u32() as usize;
        let kind = headers.u16();
        let body = headers.take(length - 6);
        if kind == 2 {
            transaction = Cursor(&body).u64();
        }
    }
    transaction
}

pub(super) fn batch(payload: &[u8]) -> String {
    let mut cursor = Cursor(payload);
    headers(&mut cursor);
    from_utf16(cursor.0)
}

pub(super) fn call(payload: &[u8]) -> Call {
    let mut cursor = Cursor(payload);
    let transaction = headers(&mut cursor);
    assert_eq!((cursor.u16(), cursor.u16()), (0xffff, 10), "a call of sp_executesql");
    cursor.u16();
    let mut parameters = Vec::new();
    while !cursor.0.is_empty() {
        let length = usize::from(cursor.u8());
        let name = from_utf16(&cursor.take(2 * length));
        cursor.u8();
        parameters.push((name, parameter(&mut cursor)));
    }
    let mut texts = parameters.drain(..2).map(|(_, value)| match value {
        Parameter::Text(text) => text,
        other => panic!("{other:?} is no text"),
    });
    let (text, declared) = (texts.next().unwrap(), texts.next().unwrap());
    drop(texts);
    Call { text, declared, parameters, transaction }
}

fn parameter(cursor: &mut Cursor<'_>) -> Parameter {
    match cursor.u8() {
        // nvarchar
        0xe7 => {
            let length = cursor.u16();
            cursor.take(5);
            let bytes = if length == 0xffff {
                cursor.u64();
                let mut bytes = Vec::new();
                loop {
                    match cursor.u32() as usize {
                        0 => break bytes,
                        chunk => bytes.extend(cursor.take(chunk)),
                    }
                }
            } else {
                let length = usize::from(cursor.u16());
                cursor.take(length)
            };
            Parameter::Text(from_utf16(&bytes))
        }
        // An integer of one to eight bytes
        0x26 => {
            cursor.u8();
            let width = usize::from(cursor.u8());
            let mut bytes = cursor.take(width);
            bytes.resize(8, if bytes[width - 1] & 0x80 == 0 { 0 } else { 0xff });
            Parameter::Integer(width, i64::from_le_bytes(bytes.try_into().unwrap()))
        }
        0x68 => {
            assert_eq!((cursor.u8(), cursor.u8()), (1, 1));
            Parameter::Bit(cursor.u8() != 0)
        }
        other => panic!("a parameter of type {other:#x}"),
    }
}
