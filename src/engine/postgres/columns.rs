//! The columns of an answer: their names, their types, and how their values are read.

use std::collections::BTreeMap;

use sqlx::postgres::{PgColumn, PgConnection, PgRow};
use sqlx::{Column, Row, ValueRef};

use super::types::{AnswerType, Form, answer_type};
use super::{failure, session, value};
use crate::engine::{AnswerColumn, Cell, EngineError};

/// How far domains and arrays are followed: an array over a domain over an array.
const DEPTH: usize = 8;

/// The columns of one answer.
pub(super) struct Columns(Vec<(String, AnswerType)>);

impl Columns {
    /// Takes them from what the server says, and looks up types that are not the server's own.
    pub(super) async fn of(
        connection: &mut PgConnection,
        columns: &[PgColumn],
    ) -> Result<Self, sqlx::Error> {
        let oid = |column: &PgColumn| column.type_info().oid().map_or(0, |oid| oid.0);
        let oids: Vec<u32> = columns.iter().map(oid).collect();
        let own = own_types(connection, &oids).await?;
        let columns = columns.iter().zip(oids).map(|(column, oid)| {
            let unknown = || AnswerType { name: "unknown".into(), form: Form::Text };
            let found = answer_type(oid).or_else(|| Own::answer_type(&own, oid, DEPTH));
            (column.name().to_owned(), found.unwrap_or_else(unknown))
        });
        Ok(Self(columns.collect()))
    }

    /// The cells of one row.
    pub(super) fn cells(&self, row: &PgRow) -> Result<Vec<Cell>, EngineError> {
        let cell = |(index, (_, of)): (usize, &(String, AnswerType))| {
            let value = row.try_get_raw(index).map_err(|error| failure::of_query(&error))?;
            if value.is_null() {
                return Ok(Cell::Null);
            }
            let bytes = value.as_bytes().map_err(|_| EngineError::Failed)?;
            Ok(value::cell(&of.form, bytes))
        };
        self.0.iter().enumerate().map(cell).collect()
    }

    pub(super) fn answer(self) -> Vec<AnswerColumn> {
        let column = |(name, of): (String, AnswerType)| AnswerColumn { name, type_name: of.name };
        self.0.into_iter().map(column).collect()
    }
}

/// A type that somebody made in this database.
struct Own {
    name: String,
    /// What a domain is over; 0 for no domain.
    base: u32,
    /// What an array is of; 0 for no array.
    element: u32,
    delimiter: char,
}

impl Own {
    fn answer_type(own: &BTreeMap<u32, Self>, oid: u32, depth: usize) -> Option<AnswerType> {
        if let Some(known) = answer_type(oid) {
            return Some(known);
        }
        let depth = depth.checked_sub(1)?;
        let Self { name, base, element, delimiter } = own.get(&oid)?;
        let form = if *base != 0 {
            Self::answer_type(own, *base, depth)?.form
        } else if *element != 0 {
            let element = Self::answer_type(own, *element, depth)?.form;
            Form::Array(Box::new(element), *delimiter)
        } else {
            Form::Text
        };
        Some(AnswerType { name: name.clone().into(), form })
    }
}

/// Reads the types that are not built in, and those that they are made of.
async fn own_types(
    connection: &mut PgConnection,
    oids: &[u32],
) -> Result<BTreeMap<u32, Own>, sqlx::Error> {
    let mut own = BTreeMap::new();
    let mut wanted: Vec<u32> = oids.to_vec();
    for _ in 0..DEPTH {
        wanted.retain(|oid| answer_type(*oid).is_none() && !own.contains_key(oid));
        if wanted.is_empty() {
            break;
        }
        let list: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let text = format!(
            "SELECT t.oid::text, CASE t.typname WHEN 'citext' THEN 'text' ELSE format_type(t.oid, NULL) END, \
             t.typbasetype::text, \
             coalesce(e.oid, 0)::text, coalesce(e.typdelim, ',')::text \
             FROM pg_type AS t LEFT JOIN pg_type AS e ON e.typarray = t.oid \
             WHERE t.oid IN ({})",
            list.join(", ")
        );
        wanted.clear();
        for row in session::rows(connection, text).await? {
            let number = |index: usize| -> Result<u32, sqlx::Error> {
                Ok(row.try_get::<String, _>(index)?.parse().unwrap_or(0))
            };
            let delimiter: String = row.try_get(4)?;
            let found = Own {
                name: row.try_get(1)?,
                base: number(2)?,
                element: number(3)?,
                delimiter: delimiter.chars().next().unwrap_or(','),
            };
            wanted.extend([found.base, found.element].into_iter().filter(|oid| *oid != 0));
            own.insert(number(0)?, found);
        }
    }
    Ok(own)
}
