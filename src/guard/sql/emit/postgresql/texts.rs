//! Text columns by type and collation: the loose comparison that an index serves, and the exact one.

use super::super::super::tree::{BinaryOp, Expr, LikeKind, Name};
use super::super::{Emit, and, binary, cast, text};
use super::among;
use crate::catalog::Column;
use crate::predicate::Value;

/// How a text column compares, as far as exactness and indexes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `text`, `varchar(n)`, and what a catalog by hand does not say more of: byte by byte.
    Plain,
    /// `char(n)`: compares without its padding, and so does the constant.
    Padded,
    /// `citext`, which compares without case, where the catalog says in which schema its operators are.
    Folded,
    /// A collation that is not deterministic.
    Collated,
    /// `name`: byte by byte, and an untyped constant would be cut to 63 bytes.
    Name,
    /// Enums, which know no other text than their labels, domains, and types of extensions: compared as text. On a
    /// domain over `text` the cast is none, and an index serves.
    AsText,
}

impl Form {
    /// `declared` is what `format_type` writes, `collation` what `pull` makes of type and collation.
    pub(super) fn of(column: &Column) -> Self {
        let declared = column.declared.to_ascii_lowercase();
        let base = declared.split('(').next().unwrap_or_default().trim_end();
        match (base, column.collation.as_deref()) {
            ("character" | "char" | "bpchar", _) | (_, Some("bpchar")) => Self::Padded,
            _ if citext_schema(column).is_some() => Self::Folded,
            ("name", _) => Self::Name,
            (_, Some("citext")) => Self::AsText,
            (_, Some(_)) => Self::Collated,
            ("" | "text" | "character varying" | "varchar", None) => Self::Plain,
            (_, None) => Self::AsText,
        }
    }
}

/// The schema that `format_type` writes before `citext` where it is not in the search path.
fn citext_schema(column: &Column) -> Option<Name> {
    let schema = column.declared.strip_suffix(".citext")?;
    Some(match schema.strip_prefix('"').and_then(|schema| schema.strip_suffix('"')) {
        Some(quoted) => Name::new(quoted.replace("\"\"", "\"")),
        None => Name::new(schema),
    })
}

/// The column as a text that compares byte by byte with any other, whatever collations the two have.
pub(super) fn exact(emit: &Emit<'_, '_>, column: &Column) -> Expr {
    by_bytes(column, emit.column(column))
}

/// That two texts are equal byte by byte. Columns of unlike collations are beside each other only where one is named.
pub(super) fn same(left: (&Column, Expr), right: (&Column, Expr)) -> Expr {
    let (form, other) = (Form::of(left.0), Form::of(right.0));
    let equal = binary(BinaryOp::Eq, left.1.clone(), right.1.clone());
    if (form, other) == (Form::Plain, Form::Plain) {
        return equal;
    }
    let exact = binary(BinaryOp::Eq, by_bytes(left.0, left.1), by_bytes(right.0, right.1));
    let alike = form == other && left.0.collation == right.0.collation;
    match form {
        Form::Padded | Form::Collated | Form::Name if alike => and(equal, exact),
        Form::Plain | Form::Padded | Form::Folded | Form::Collated | Form::Name | Form::AsText => {
            exact
        }
    }
}

fn by_bytes(column: &Column, expr: Expr) -> Expr {
    let expr = match Form::of(column) {
        Form::Plain | Form::Collated => expr,
        Form::Padded | Form::Folded | Form::Name | Form::AsText => cast(expr, "TEXT"),
    };
    Expr::Collate { expr: Box::new(expr), collation: Name::new("C") }
}

pub(super) fn is_in(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    values: &[Value],
    negated: bool,
) -> Expr {
    let form = Form::of(column);
    // No text of PostgreSQL holds U+0000, and a bind that does fails.
    let storable = |value: &&Value| matches!(value, Value::String(text) if !text.contains('\0'));
    let values: Vec<&Value> = values.iter().filter(storable).collect();
    let list = |emit: &mut Emit<'_, '_>, member: fn(Expr) -> Expr| -> Vec<Expr> {
        values.iter().map(|value| member(emit.value(value))).collect()
    };
    let column_expr = emit.column(column);
    // The loose comparison keeps every row that the exact one does, and an index serves it.
    let loose = match (form, citext_schema(column)) {
        _ if negated || values.is_empty() => None,
        (Form::Plain | Form::Name | Form::AsText, _) | (Form::Folded, None) => None,
        (Form::Padded, _) => {
            let padded = list(emit, |value| cast(typed_bind(value), "BPCHAR"));
            Some(among(column_expr, padded, false))
        }
        (Form::Collated, _) => Some(among(column_expr, list(emit, |value| value), false)),
        (Form::Folded, Some(schema)) => {
            let folded = list(emit, typed_bind).into_iter().map(|value| Expr::FoldedEq {
                left: Box::new(column_expr.clone()),
                schema: schema.clone(),
                right: Box::new(value),
            });
            folded.reduce(|left, right| binary(BinaryOp::Or, left, right))
        }
    };
    let exact = match form {
        Form::Plain => among(emit.column(column), list(emit, |value| value), negated),
        Form::Name => among(emit.column(column), list(emit, as_text), negated),
        // Of collations that are not deterministic the catalog tells; under all others the bytes decide.
        Form::AsText if column.collation.is_none() => {
            among(cast(emit.column(column), "TEXT"), list(emit, typed_bind), negated)
        }
        Form::Padded | Form::Folded | Form::Collated | Form::AsText => {
            among(exact(emit, column), list(emit, typed_bind), negated)
        }
    };
    match loose {
        Some(loose) => and(loose, exact),
        None => exact,
    }
}

pub(super) fn like(
    emit: &mut Emit<'_, '_>,
    column: &Column,
    pattern: String,
    negated: bool,
) -> Expr {
    let expr = Box::new(match Form::of(column) {
        Form::Plain => emit.column(column),
        Form::Padded | Form::Folded | Form::Collated | Form::Name | Form::AsText => {
            exact(emit, column)
        }
    });
    let pattern = Box::new(emit.value(&Value::String(pattern)));
    let escape = Some(Box::new(text("!")));
    Expr::Like { kind: LikeKind::Like, expr, pattern, escape, negated }
}

fn as_text(value: Expr) -> Expr {
    cast(value, "TEXT")
}

/// A placeholder takes the type of what it first stands beside, `char(n)` among them, which would drop the constant's
/// own trailing spaces.
fn typed_bind(value: Expr) -> Expr {
    if matches!(value, Expr::Bind(_)) { as_text(value) } else { value }
}
