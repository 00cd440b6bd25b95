//! Tokens of an answer.

use super::types::Type;
use super::wire::{long_text, short_text};

const COLMETADATA: u8 = 0x81;
const ERROR: u8 = 0xaa;
const INFO: u8 = 0xab;
const LOGINACK: u8 = 0xad;
const ROW: u8 = 0xd1;
const NBCROW: u8 = 0xd2;
const ENVCHANGE: u8 = 0xe3;
const DONE: u8 = 0xfd;

const DONE_COUNT: u16 = 0x10;
const DONE_ATTENTION: u16 = 0x20;

/// Names and types of columns.
pub(crate) fn columns(columns: &[(&str, Type)]) -> Vec<u8> {
    let mut token = vec![COLMETADATA];
    token.extend(u16::try_from(columns.len()).unwrap().to_le_bytes());
    for (name, column) in columns {
        // No user type; nullable.
        token.extend([0, 0, 0, 0, 1, 0]);
        token.extend(&column.info);
        if column.of_table {
            token.push(1);
            token.extend(long_text("things"));
        }
        token.extend(short_text(name));
    }
    token
}

pub(crate) fn row(values: &[Vec<u8>]) -> Vec<u8> {
    [vec![ROW], values.concat()].concat()
}

/// A row that leaves its NULLs out.
pub(crate) fn sparse_row(values: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut bits = vec![0_u8; values.len().div_ceil(8)];
    for (index, _) in values.iter().enumerate().filter(|(_, value)| value.is_none()) {
        bits[index / 8] |= 1 << (index % 8);
    }
    let present: Vec<u8> = values.iter().flatten().flatten().copied().collect();
    [vec![NBCROW], bits, present].concat()
}

fn done_with(status: u16, rows: u64) -> Vec<u8> {
    let mut token = vec![DONE];
    token.extend(status.to_le_bytes());
    token.extend([0xc1, 0]);
    token.extend(rows.to_le_bytes());
    token
}

pub(crate) fn done() -> Vec<u8> {
    done_with(DONE_COUNT, 0)
}

/// The answer to an attention.
pub(crate) fn acknowledged() -> Vec<u8> {
    done_with(DONE_ATTENTION, 0)
}

fn message(token: u8, number: i32, severity: u8, text: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend([1, severity]);
    body.extend(long_text(text));
    body.extend(short_text("double"));
    body.extend(short_text(""));
    body.extend(1_u32.to_le_bytes());
    [vec![token], u16::try_from(body.len()).unwrap().to_le_bytes().to_vec(), body].concat()
}

pub(crate) fn error(number: i32, severity: u8, text: &str) -> Vec<u8> {
    message(ERROR, number, severity, text)
}

/// A warning, or what PRINT says.
pub(crate) fn info(number: i32, text: &str) -> Vec<u8> {
    message(INFO, number, 10, text)
}

fn change(body: Vec<u8>) -> Vec<u8> {
    [vec![ENVCHANGE], u16::try_from(body.len()).unwrap().to_le_bytes().to_vec(), body].concat()
}

pub(super) fn database_changed(name: &str) -> Vec<u8> {
    change([vec![1], short_text(name), short_text("master")].concat())
}

pub(super) fn packet_size(size: usize) -> Vec<u8> {
    change([vec![4], short_text(&size.to_string()), short_text("4096")].concat())
}

pub(super) fn transaction_begun(descriptor: u64) -> Vec<u8> {
    change([vec![8, 8], descriptor.to_le_bytes().to_vec(), vec![0]].concat())
}

/// Go elsewhere: the answer of a gateway.
pub(crate) fn routed(host: &str, port: u16) -> Vec<u8> {
    let mut value = vec![0];
    value.extend(port.to_le_bytes());
    value.extend(long_text(host));
    let length = u16::try_from(value.len()).unwrap().to_le_bytes();
    change([vec![20], length.to_vec(), value, vec![0, 0]].concat())
}

/// TDS 7.4, and a version of a server.
pub(super) fn login_accepted() -> Vec<u8> {
    let mut body = vec![1, 0x74, 0, 0, 4];
    body.extend(short_text("Microsoft SQL Server"));
    body.extend([16, 0, 0x10, 0]);
    [vec![LOGINACK], u16::try_from(body.len()).unwrap().to_le_bytes().to_vec(), body].concat()
}
