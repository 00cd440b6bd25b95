//! Types as a column's description has them, and values as a row has them.

use super::wire::{long_text, short_text, utf16};

/// `SQL_Latin1_General_CP1_CI_AS`: code page 1252.
pub(crate) const LATIN1: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 52];
/// `Cyrillic_General_CI_AS`: code page 1251.
pub(crate) const CYRILLIC: [u8; 5] = [0x19, 0x04, 0xd0, 0x00, 0];
/// `Japanese_CI_AS`: code page 932.
pub(crate) const JAPANESE: [u8; 5] = [0x11, 0x04, 0xd0, 0x00, 0];

/// A column's type: its description, and whether a description of a table follows, as old long types have it.
#[derive(Clone)]
pub(crate) struct Type {
    pub(super) info: Vec<u8>,
    pub(super) of_table: bool,
}

fn typed(info: impl Into<Vec<u8>>) -> Type {
    Type { info: info.into(), of_table: false }
}

/// Types of one length that are never NULL: `int NOT NULL` and so on.
pub(crate) fn fixed(code: u8) -> Type {
    typed([code])
}

/// Types whose values have their length in one byte before them.
pub(crate) fn nullable(code: u8, length: u8) -> Type {
    typed([code, length])
}

/// `decimal` (0x6a) or `numeric` (0x6c).
pub(crate) fn decimal(code: u8, precision: u8, scale: u8) -> Type {
    typed([code, 17, precision, scale])
}

pub(crate) fn date() -> Type {
    typed([0x28])
}

/// `time` (0x29), `datetime2` (0x2a) or `datetimeoffset` (0x2b).
pub(crate) fn clock(code: u8, scale: u8) -> Type {
    typed([code, scale])
}

/// `varbinary` (0xa5) or `binary` (0xad); 0xffff is `max`.
pub(crate) fn binary(code: u8, length: u16) -> Type {
    typed([vec![code], length.to_le_bytes().to_vec()].concat())
}

/// `varchar` (0xa7), `char` (0xaf), `nvarchar` (0xe7) or `nchar` (0xef); 0xffff is `max`.
pub(crate) fn characters(code: u8, length: u16, collation: [u8; 5]) -> Type {
    typed([vec![code], length.to_le_bytes().to_vec(), collation.to_vec()].concat())
}

pub(crate) fn nvarchar() -> Type {
    characters(0xe7, 512, LATIN1)
}

/// `text` (0x23) and `ntext` (0x63), which have a collation, or `image` (0x22), which has none.
pub(crate) fn old_long(code: u8, collation: Option<[u8; 5]>) -> Type {
    let length = i32::MAX.to_le_bytes().to_vec();
    let info = [vec![code], length, collation.map_or_else(Vec::new, |c| c.to_vec())].concat();
    Type { info, of_table: true }
}

pub(crate) fn xml() -> Type {
    typed([0xf1, 0])
}

pub(crate) fn variant() -> Type {
    typed([vec![0x62], 8_009_u32.to_le_bytes().to_vec()].concat())
}

/// `hierarchyid`, `geometry`, `geography` and types of assemblies.
pub(crate) fn assembly_type(name: &str) -> Type {
    let names = [short_text("shop"), short_text("sys"), short_text(name), long_text("Assembly")];
    typed([vec![0xf0, 0xff, 0xff], names.concat()].concat())
}

/// A value with its length in one byte before it; an empty one is NULL.
pub(crate) fn short(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A value with its length in two bytes before it.
pub(crate) fn sized(bytes: &[u8]) -> Vec<u8> {
    [u16::try_from(bytes.len()).unwrap().to_le_bytes().as_slice(), bytes].concat()
}

pub(crate) const SIZED_NULL: [u8; 2] = [0xff, 0xff];

/// A value of a `max` type, in chunks of at most `chunk` bytes.
pub(crate) fn chunked(bytes: &[u8], chunk: usize) -> Vec<u8> {
    let mut value = (bytes.len() as u64).to_le_bytes().to_vec();
    for chunk in bytes.chunks(chunk) {
        value.extend(u32::try_from(chunk.len()).unwrap().to_le_bytes());
        value.extend(chunk);
    }
    value.extend([0; 4]);
    value
}

/// A value of `text`, `ntext` or `image`: a pointer, a timestamp, and the bytes.
pub(crate) fn pointed(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&[16][..], &[7; 16], &[8; 8], &length, bytes].concat()
}

/// A value of `sql_variant`: its own type, what that type needs to be said, and the bytes.
pub(crate) fn varied(code: u8, properties: &[u8], bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(2 + properties.len() + bytes.len()).unwrap().to_le_bytes();
    let count = u8::try_from(properties.len()).unwrap();
    [&length[..], &[code, count], properties, bytes].concat()
}

pub(crate) fn int(value: i32) -> Vec<u8> {
    short(&value.to_le_bytes())
}

pub(crate) fn bit(value: bool) -> Vec<u8> {
    short(&[u8::from(value)])
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    sized(&utf16(value))
}

/// Sign and magnitude of a `decimal`.
pub(crate) fn decimal_value(value: i128, width: usize) -> Vec<u8> {
    let magnitude = value.unsigned_abs().to_le_bytes();
    short(&[&[u8::from(value >= 0)], &magnitude[..width]].concat())
}
