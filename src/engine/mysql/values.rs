//! Values of the binary protocol, without loss. The table of what becomes what is in `docs/values.md`.
//! <https://mariadb.com/kb/en/resultset-row/#binary-resultset-row>

use std::borrow::Cow;

use sqlx::mysql::{MySqlColumn, MySqlRow, MySqlTypeInfo};
use sqlx::{Column as _, ColumnOrigin, Decode, MySql, Row, Type, TypeInfo};

use crate::catalog::{Catalog, Column, ColumnName, ColumnType, RelationName};
use crate::engine::pool::RawRows;
use crate::engine::{AnswerColumn, Cell, Rows};

/// What a column's values are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Integer,
    Unsigned,
    /// `tinyint(1)`, which is what `boolean` means here.
    Truth,
    Bit,
    Float,
    Double,
    Decimal,
    Date,
    /// With what it ends on: an instant is given in UTC.
    Moment(&'static str),
    Time,
    Text,
    Json,
    Bytes,
}

/// A column of an answer as the driver describes it.
pub(super) struct Described {
    name: String,
    wire: Wire,
    /// The server's name for the type.
    type_name: String,
    /// The table and column that the server says the values come from. Good enough for a type's name, and for nothing
    /// that rows depend on.
    origin: ColumnOrigin,
}

impl Described {
    pub(super) fn of(columns: &[MySqlColumn]) -> Vec<Self> {
        let described = columns.iter().map(|column| Self {
            name: column.name().to_owned(),
            wire: Wire::of(column.type_info()),
            type_name: column.type_info().name().to_ascii_lowercase(),
            origin: column.origin(),
        });
        described.collect()
    }

    /// The catalog's column, where the answer passes one through unchanged.
    fn declared<'a>(&self, catalog: &'a Catalog) -> Option<&'a Column> {
        let ColumnOrigin::Table(column) = &self.origin else { return None };
        let schema = &catalog.default_schema;
        // Inside a derived table, MariaDB leaves the database out.
        let of_schema = column.table.strip_prefix(schema.as_str());
        let table = of_schema.and_then(|rest| rest.strip_prefix('.')).unwrap_or(&column.table);
        let name = RelationName { schema: schema.clone(), name: table.to_owned() };
        catalog.relation(&name)?.column(&ColumnName::new(&*column.name))
    }

    fn named(self, declared: Option<&Column>) -> AnswerColumn {
        let type_name = match (declared, self.wire) {
            (Some(column), _) if column.column_type != ColumnType::Other => {
                column.column_type.name().into()
            }
            (Some(column), _) => Cow::Owned(word(&column.declared).to_owned()),
            (None, Wire::Integer | Wire::Unsigned) => ColumnType::Integer.name().into(),
            (None, Wire::Truth) => ColumnType::Boolean.name().into(),
            (None, Wire::Float | Wire::Double) => ColumnType::Float.name().into(),
            (None, Wire::Decimal) => ColumnType::Decimal.name().into(),
            (None, Wire::Date) => ColumnType::Date.name().into(),
            (None, Wire::Moment("")) => ColumnType::Timestamp.name().into(),
            (None, Wire::Moment(_)) => ColumnType::Timestamptz.name().into(),
            (None, Wire::Time) => ColumnType::Time.name().into(),
            (None, Wire::Json) => ColumnType::Json.name().into(),
            (None, Wire::Text) if self.type_name == "null" => "unknown".into(),
            (None, Wire::Text) => ColumnType::Text.name().into(),
            (None, Wire::Bytes) if self.type_name == "geometry" => self.type_name.into(),
            (None, Wire::Bytes) => ColumnType::Bytes.name().into(),
            (None, Wire::Bit) => self.type_name.into(),
        };
        AnswerColumn { name: self.name, type_name }
    }
}

/// The first word of a declared type: `point` of `point`, `bit` of `bit(5)`.
fn word(declared: &str) -> &str {
    declared.split(['(', ' ']).next().unwrap_or_default()
}

impl Wire {
    fn of(info: &MySqlTypeInfo) -> Self {
        let unsigned = <u64 as Type<MySql>>::compatible(info);
        match info.name() {
            // Whoever leaves out the sign counts.
            "BOOLEAN" if unsigned => Self::Unsigned,
            "BOOLEAN" => Self::Truth,
            "BIT" => Self::Bit,
            "FLOAT" => Self::Float,
            "DOUBLE" => Self::Double,
            "DECIMAL" => Self::Decimal,
            "DATE" => Self::Date,
            "DATETIME" => Self::Moment(""),
            "TIMESTAMP" => Self::Moment("+00"),
            "TIME" => Self::Time,
            "JSON" => Self::Json,
            "GEOMETRY" => Self::Bytes,
            name if name.contains("INT") || name == "YEAR" => {
                if unsigned {
                    Self::Unsigned
                } else {
                    Self::Integer
                }
            }
            "NULL" | "SET" => Self::Text,
            // The driver takes text under a binary collation for bytes; the character set alone tells.
            _ if <str as Type<MySql>>::compatible(info) => Self::Text,
            _ => Self::Bytes,
        }
    }
}

/// The cells of a row.
pub(super) fn cells(row: &MySqlRow, described: &[Described]) -> Result<Vec<Cell>, sqlx::Error> {
    described.iter().enumerate().map(|(index, column)| cell(row, index, column.wire)).collect()
}

fn cell(row: &MySqlRow, index: usize, wire: Wire) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(index)?;
    // The driver calls a zero date NULL. Only NULL has no bytes.
    let Ok(bytes) = <&[u8] as Decode<MySql>>::decode(value) else { return Ok(Cell::Null) };
    decode(bytes, wire)
        .ok_or_else(|| sqlx::Error::Decode("a value is not of the form of its type".into()))
}

fn decode(bytes: &[u8], wire: Wire) -> Option<Cell> {
    Some(match wire {
        Wire::Integer => Cell::Integer(signed(bytes)?),
        Wire::Unsigned => unsigned(bytes, Order::Little)?,
        Wire::Truth => match signed(bytes)? {
            0 => Cell::Bool(false),
            1 => Cell::Bool(true),
            number => Cell::Integer(number),
        },
        Wire::Bit => unsigned(bytes, Order::Big)?,
        // The shortest decimal that is this number in its own precision: 0.1 stays 0.1.
        Wire::Float => {
            let number = f32::from_le_bytes(bytes.try_into().ok()?);
            Cell::Real(number.to_string().parse().ok()?)
        }
        Wire::Double => Cell::Real(f64::from_le_bytes(bytes.try_into().ok()?)),
        Wire::Decimal => Cell::Decimal(std::str::from_utf8(bytes).ok()?.to_owned()),
        Wire::Date => Cell::Text(Moment::read(bytes)?.date()),
        Wire::Moment(zone) => Cell::Text(Moment::read(bytes)?.date_and_time(zone)),
        Wire::Time => Cell::Text(time(bytes)?),
        Wire::Text => text(bytes),
        Wire::Json => match text(bytes) {
            Cell::Text(text) => Cell::Json(text),
            other => other,
        },
        Wire::Bytes => Cell::Bytes(bytes.to_vec()),
    })
}

fn text(bytes: &[u8]) -> Cell {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cell::Text(text.to_owned()),
        Err(_) => Cell::Bytes(bytes.to_vec()),
    }
}

/// Where a number begins.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

fn signed(bytes: &[u8]) -> Option<i64> {
    Some(match bytes.len() {
        1 => i8::from_le_bytes(bytes.try_into().ok()?).into(),
        2 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
        4 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        _ => i64::from_le_bytes(bytes.try_into().ok()?),
    })
}

fn unsigned(bytes: &[u8], order: Order) -> Option<Cell> {
    let mut whole = [0; 8];
    let room = whole.len().checked_sub(bytes.len())?;
    let number = match order {
        Order::Little => {
            whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
            u64::from_le_bytes(whole)
        }
        Order::Big => {
            whole.get_mut(room..)?.copy_from_slice(bytes);
            u64::from_be_bytes(whole)
        }
    };
    Some(i64::try_from(number).map_or(Cell::Unsigned(number), Cell::Integer))
}

/// A date and time as the server keeps it: zero parts included, `0000-00-00` and `2024-05-00` are values.
#[derive(Default)]
struct Moment {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
}

impl Moment {
    /// The length comes first, and trailing parts that are zero are left out.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (_, parts) = bytes.split_first()?;
        let mut moment = Self::default();
        if let Some((date, rest)) = parts.split_first_chunk::<4>() {
            let [low, high, month, day] = *date;
            (moment.year, moment.month, moment.day) = (u16::from_le_bytes([low, high]), month, day);
            if let Some((time, rest)) = rest.split_first_chunk::<3>() {
                [moment.hour, moment.minute, moment.second] = *time;
                moment.micros = micros(rest)?;
            }
        }
        Some(moment)
    }

    fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn date_and_time(&self, zone: &str) -> String {
        let (date, fraction) = (self.date(), fraction(self.micros));
        format!("{date} {:02}:{:02}:{:02}{fraction}{zone}", self.hour, self.minute, self.second)
    }
}

/// A time, which is a span here: it may be negative, and longer than a day.
fn time(bytes: &[u8]) -> Option<String> {
    let (_, parts) = bytes.split_first()?;
    let Some(([negative, days @ .., hour, minute, second], rest)) = parts.split_first_chunk::<8>()
    else {
        return parts.is_empty().then(|| "00:00:00".to_owned());
    };
    let sign = if *negative == 0 { "" } else { "-" };
    let hours = u64::from(u32::from_le_bytes(*days)) * 24 + u64::from(*hour);
    Some(format!("{sign}{hours:02}:{minute:02}:{second:02}{}", fraction(micros(rest)?)))
}

fn micros(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() { Some(0) } else { Some(u32::from_le_bytes(bytes.try_into().ok()?)) }
}

/// As far as it is not zero.
fn fraction(micros: u32) -> String {
    match micros {
        0 => String::new(),
        micros => format!(".{micros:06}").trim_end_matches('0').to_owned(),
    }
}

/// Names the columns, and gives values the form that the catalog has a word for and the wire has not: JSON is text on
/// MariaDB, and `tinyint(1)` is a truth value only where the catalog says so.
pub(super) fn into_rows(raw: RawRows<Described>, catalog: &Catalog) -> Rows {
    let RawRows { columns, mut rows, truncated } = raw;
    let mut named = Vec::with_capacity(columns.len());
    for (index, column) in columns.into_iter().enumerate() {
        let declared = column.declared(catalog);
        if let Some(declared) = declared {
            for cell in rows.iter_mut().filter_map(|row| row.get_mut(index)) {
                conform(cell, declared.column_type);
            }
        }
        named.push(column.named(declared));
    }
    Rows { columns: named, rows, truncated }
}

fn conform(cell: &mut Cell, column_type: ColumnType) {
    let conformed = match (column_type, &mut *cell) {
        (ColumnType::Json, Cell::Text(text)) => Cell::Json(std::mem::take(text)),
        (ColumnType::Boolean, Cell::Integer(0)) => Cell::Bool(false),
        (ColumnType::Boolean, Cell::Integer(1)) => Cell::Bool(true),
        (ColumnType::Integer, Cell::Bool(truth)) => Cell::Integer(i64::from(*truth)),
        _ => return,
    };
    *cell = conformed;
}
