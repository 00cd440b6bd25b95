//! PostgreSQL's types: what the catalog and answers call them, and how their text is read.

use std::borrow::Cow;

use crate::catalog::ColumnType;

/// How the text of a value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// `t` or `f`.
    Bool,
    /// An integer of up to 64 bits.
    Integer,
    /// A floating point number, NaN and infinities included.
    Real,
    /// An exact decimal, NaN and infinities included.
    Decimal,
    /// JSON.
    Json,
    /// `\x` and hexadecimal digits.
    Bytes,
    /// As it stands.
    Text,
    /// `{..}` of such values with this between them.
    Array(Box<Form>, char),
}

/// A type as answers tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnswerType {
    /// The catalog's word where it has one, otherwise the database's own name.
    pub(super) name: Cow<'static, str>,
    pub(super) form: Form,
}

/// A type that every server has under the same numbers.
struct BuiltIn {
    oid: u32,
    /// Of the array type over it; 0 without one.
    array: u32,
    name: &'static str,
    column_type: ColumnType,
    form: Form,
}

const fn built_in(
    oid: u32,
    array: u32,
    name: &'static str,
    column_type: ColumnType,
    form: Form,
) -> BuiltIn {
    BuiltIn { oid, array, name, column_type, form }
}

/// From <https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat>; the numbers are stable.
static BUILT_IN: [BuiltIn; 53] = {
    use ColumnType as C;
    [
        built_in(16, 1000, "boolean", C::Boolean, Form::Bool),
        built_in(17, 1001, "bytea", C::Bytes, Form::Bytes),
        built_in(18, 1002, "\"char\"", C::Other, Form::Text),
        built_in(19, 1003, "name", C::Text, Form::Text),
        built_in(20, 1016, "bigint", C::Integer, Form::Integer),
        built_in(21, 1005, "smallint", C::Integer, Form::Integer),
        built_in(23, 1007, "integer", C::Integer, Form::Integer),
        built_in(25, 1009, "text", C::Text, Form::Text),
        built_in(26, 1028, "oid", C::Other, Form::Integer),
        built_in(114, 199, "json", C::Json, Form::Json),
        built_in(142, 143, "xml", C::Other, Form::Text),
        built_in(600, 1017, "point", C::Other, Form::Text),
        built_in(601, 1018, "lseg", C::Other, Form::Text),
        built_in(602, 1019, "path", C::Other, Form::Text),
        built_in(603, 1020, "box", C::Other, Form::Text),
        built_in(604, 1027, "polygon", C::Other, Form::Text),
        built_in(628, 629, "line", C::Other, Form::Text),
        built_in(650, 651, "cidr", C::Other, Form::Text),
        built_in(700, 1021, "real", C::Float, Form::Real),
        built_in(701, 1022, "double precision", C::Float, Form::Real),
        built_in(705, 0, "text", C::Text, Form::Text),
        built_in(718, 719, "circle", C::Other, Form::Text),
        built_in(774, 775, "macaddr8", C::Other, Form::Text),
        built_in(790, 791, "money", C::Other, Form::Text),
        built_in(829, 1040, "macaddr", C::Other, Form::Text),
        built_in(869, 1041, "inet", C::Other, Form::Text),
        built_in(1042, 1014, "character", C::Text, Form::Text),
        built_in(1043, 1015, "character varying", C::Text, Form::Text),
        built_in(1082, 1182, "date", C::Date, Form::Text),
        built_in(1083, 1183, "time without time zone", C::Time, Form::Text),
        built_in(1114, 1115, "timestamp without time zone", C::Timestamp, Form::Text),
        built_in(1184, 1185, "timestamp with time zone", C::Timestamptz, Form::Text),
        built_in(1186, 1187, "interval", C::Interval, Form::Text),
        built_in(1266, 1270, "time with time zone", C::Other, Form::Text),
        built_in(1560, 1561, "bit", C::Other, Form::Text),
        built_in(1562, 1563, "bit varying", C::Other, Form::Text),
        built_in(1700, 1231, "numeric", C::Decimal, Form::Decimal),
        built_in(2249, 2287, "record", C::Other, Form::Text),
        built_in(2950, 2951, "uuid", C::Uuid, Form::Text),
        built_in(3614, 3643, "tsvector", C::Other, Form::Text),
        built_in(3615, 3645, "tsquery", C::Other, Form::Text),
        built_in(3802, 3807, "jsonb", C::Json, Form::Json),
        built_in(4072, 4073, "jsonpath", C::Other, Form::Text),
        built_in(3904, 3905, "int4range", C::Other, Form::Text),
        built_in(3906, 3907, "numrange", C::Other, Form::Text),
        built_in(3908, 3909, "tsrange", C::Other, Form::Text),
        built_in(3910, 3911, "tstzrange", C::Other, Form::Text),
        built_in(3912, 3913, "daterange", C::Other, Form::Text),
        built_in(3926, 3927, "int8range", C::Other, Form::Text),
        built_in(4451, 6150, "int4multirange", C::Other, Form::Text),
        built_in(4532, 6151, "nummultirange", C::Other, Form::Text),
        built_in(4535, 6155, "datemultirange", C::Other, Form::Text),
        built_in(4536, 6157, "int8multirange", C::Other, Form::Text),
    ]
};

impl BuiltIn {
    /// Between the elements of its arrays.
    fn delimiter(&self) -> char {
        // `box`, see `typdelim` in pg_type.dat.
        if self.oid == 603 { ';' } else { ',' }
    }
}

/// The catalog's type of a built-in one, by its number in `pg_type`.
pub(super) fn column_type(oid: u32) -> ColumnType {
    BUILT_IN
        .iter()
        .find(|known| known.oid == oid)
        .map_or(ColumnType::Other, |known| known.column_type)
}

/// A built-in type, or an array of one, by its number in `pg_type`.
pub(super) fn answer_type(oid: u32) -> Option<AnswerType> {
    BUILT_IN.iter().find_map(|known| {
        if known.oid == oid {
            let name = match known.column_type {
                ColumnType::Other => known.name,
                column_type => column_type.name(),
            };
            return Some(AnswerType { name: name.into(), form: known.form.clone() });
        }
        (known.array == oid && oid != 0).then(|| AnswerType {
            name: format!("{}[]", known.name).into(),
            form: Form::Array(Box::new(known.form.clone()), known.delimiter()),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_distinct() {
        let mut numbers: Vec<u32> =
            BUILT_IN.iter().flat_map(|known| [known.oid, known.array]).collect();
        numbers.retain(|number| *number != 0);
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
        assert_eq!(answer_type(0), None);
        assert_eq!(answer_type(1020).unwrap().form, Form::Array(Box::new(Form::Text), ';'));
        assert_eq!(answer_type(1043).unwrap().name, "text");
        assert_eq!(answer_type(1015).unwrap().name, "character varying[]");
    }
}
