//! Composition: an intent written as one plain `SELECT`, the way a person would.

use crate::catalog::{Column, ColumnName, ColumnType, Relation};
use crate::guard::sql::Dialect;
use crate::predicate::CmpOp;

use super::intent::{Condition, Function, Group, Intent, Literal, Order, Place, Selection, Test};
use super::lexicon::{Lexicon, Link};
use super::quote;

/// Writes an intent as SQL.
pub(super) fn compose(intent: &Intent<'_>, lexicon: &Lexicon<'_>, dialect: Dialect) -> String {
    let writer = Writer { lexicon, dialect };
    match intent {
        Intent::Overview(relations) => writer.overview(relations),
        Intent::List { selection, columns, order, limit } => {
            writer.list(selection, columns, order.as_ref(), *limit)
        }
        Intent::Count { selection, group } => {
            writer.numbers("count(*)", "count".to_owned(), selection, group.as_ref(), false)
        }
        Intent::Aggregate { function, column, selection, group } => {
            let prefix = function.word(column);
            let function = match function {
                Function::Sum => "sum",
                Function::Average => "avg",
                Function::Minimum => "min",
                Function::Maximum => "max",
            };
            let joined = matches!(group, Some(Group::Link(_)));
            let argument = writer.column_name(selection.relation, column, joined);
            let whole = column.column_type == ColumnType::Integer && dialect == Dialect::Mssql;
            let value = match (function, whole) {
                // SQL Server sums and averages whole numbers in the type of the column.
                ("sum", true) => format!("sum(CAST({argument} AS bigint))"),
                ("avg", true) => format!("avg(CAST({argument} AS float))"),
                _ => format!("{function}({argument})"),
            };
            let name = format!("{prefix}_{}", column.name);
            writer.numbers(&value, name, selection, group.as_ref(), column.nullable)
        }
    }
}

struct Writer<'a, 'c> {
    lexicon: &'a Lexicon<'c>,
    dialect: Dialect,
}

impl Writer<'_, '_> {
    fn identifier(&self, name: &str) -> String {
        quote::identifier(name, self.dialect)
    }

    fn literal(&self, literal: &Literal) -> String {
        quote::literal(literal, self.dialect)
    }

    fn overview(&self, relations: &[&Relation]) -> String {
        let queries: Vec<String> = relations
            .iter()
            .enumerate()
            .map(|(at, relation)| {
                let name = self.literal(&Literal::Text(relation.name.name.clone()));
                // The first query names the columns of them all.
                let (as_name, as_count) =
                    if at == 0 { (" AS name", " AS count") } else { ("", "") };
                format!(
                    "SELECT {name}{as_name}, count(*){as_count} FROM {}",
                    self.relation(relation)
                )
            })
            .collect();
        queries.join(" UNION ALL ")
    }

    fn list(
        &self,
        selection: &Selection<'_>,
        columns: &[&Column],
        order: Option<&Order<'_>>,
        limit: Option<u32>,
    ) -> String {
        let relation = selection.relation;
        let names: Vec<String> =
            columns.iter().map(|column| self.identifier(column.name.as_str())).collect();
        let what = if names.is_empty() { "*".to_owned() } else { names.join(", ") };
        let from = self.relation(relation);
        let conditions = self.conditions(selection, false);
        let order = order.map(|order| self.order_by(relation, order)).unwrap_or_default();
        let (top, limit) = match (limit, self.dialect) {
            (None, _) => (String::new(), String::new()),
            (Some(limit), Dialect::Mssql) => (format!("TOP ({limit}) "), String::new()),
            (Some(limit), Dialect::Sqlite | Dialect::Postgresql | Dialect::Mysql) => {
                (String::new(), format!(" LIMIT {limit}"))
            }
        };
        format!("SELECT {top}{what} FROM {from}{conditions}{order}{limit}")
    }

    /// One number, or one for each group, the largest first.
    fn numbers(
        &self,
        value: &str,
        name: String,
        selection: &Selection<'_>,
        group: Option<&Group<'_>>,
        nullable: bool,
    ) -> String {
        let relation = selection.relation;
        let from = self.relation(relation);
        let (label, label_name, keys, join) = match group {
            None => {
                let conditions = self.conditions(selection, false);
                return format!(
                    "SELECT {value} AS {} FROM {from}{conditions}",
                    self.identifier(&name)
                );
            }
            Some(Group::Column(column)) => {
                let label = self.identifier(column.name.as_str());
                (label.clone(), column.name.as_str(), label, String::new())
            }
            Some(Group::Link(link)) => {
                let label = self.column_name(link.target, link.label, true);
                // Two rows of one name are two groups.
                let mut keys: Vec<String> =
                    link.on.iter().map(|(theirs, _)| self.qualified(link.target, theirs)).collect();
                keys.push(label.clone());
                let as_noun = format!("{label} AS {}", self.identifier(&link.noun));
                (as_noun, link.noun.as_str(), keys.join(", "), self.join(relation, link))
            }
        };
        let name = if name == label_name { format!("{name}_value") } else { name };
        let (name, label_name) = (self.identifier(&name), self.identifier(label_name));
        let conditions = self.conditions(selection, !join.is_empty());
        // On SQL Server no value is less than every other, so that it comes last.
        // In descending order they come last by themselves where there are no words for it.
        let words = matches!(self.dialect, Dialect::Sqlite | Dialect::Postgresql);
        let nulls = if nullable && words { " NULLS LAST" } else { "" };
        format!(
            "SELECT {label}, {value} AS {name} FROM {from}{join}{conditions} GROUP BY {keys} \
             ORDER BY {name} DESC{nulls}, {label_name}"
        )
    }

    /// An outer join, so that rows whose key names nothing readable are still counted.
    fn join(&self, relation: &Relation, link: &Link<'_>) -> String {
        let on: Vec<String> = link
            .on
            .iter()
            .chain(&link.tenant)
            .map(|(theirs, ours)| {
                let theirs = self.qualified(link.target, theirs);
                format!("{theirs} = {}", self.qualified(relation, ours))
            })
            .collect();
        format!(" LEFT JOIN {} ON {}", self.relation(link.target), on.join(" AND "))
    }

    fn relation(&self, relation: &Relation) -> String {
        let name = self.identifier(&relation.name.name);
        if self.lexicon.is_default_schema(relation) {
            name
        } else {
            format!("{}.{name}", self.identifier(&relation.name.schema))
        }
    }

    fn conditions(&self, selection: &Selection<'_>, joined: bool) -> String {
        let written = |condition: &Condition<'_>| {
            let name = self.column_name(selection.relation, condition.column, joined);
            self.test(&name, condition)
        };
        let tests: Vec<String> = selection.conditions.iter().map(written).collect();
        if tests.is_empty() { String::new() } else { format!(" WHERE {}", tests.join(" AND ")) }
    }

    fn test(&self, name: &str, condition: &Condition<'_>) -> String {
        let column = condition.column;
        match &condition.test {
            Test::Compare(CmpOp::Ne, value) if column.nullable => {
                format!("({name} <> {} OR {name} IS NULL)", self.literal(value))
            }
            Test::Compare(op, value) => {
                format!("{name} {} {}", op.symbol(), self.literal(value))
            }
            Test::OneOf(values) => {
                let values: Vec<String> = values.iter().map(|value| self.literal(value)).collect();
                format!("{name} IN ({})", values.join(", "))
            }
            Test::Between(low, high) => {
                format!("{name} BETWEEN {} AND {}", self.literal(low), self.literal(high))
            }
            Test::Within { from, before, negated } => {
                self.within(name, column, from.as_ref(), before.as_ref(), *negated)
            }
            Test::Like(place, piece) => self.like(name, *place, piece),
            Test::Empty { negated } => {
                let text = column.column_type == ColumnType::Text;
                match (text, column.nullable, negated) {
                    (true, true, false) => format!("({name} IS NULL OR {name} = '')"),
                    (true, false, false) => format!("{name} = ''"),
                    (true, _, true) => format!("{name} <> ''"),
                    (false, _, false) => format!("{name} IS NULL"),
                    (false, _, true) => format!("{name} IS NOT NULL"),
                }
            }
            Test::Null { negated: false } => format!("{name} IS NULL"),
            Test::Null { negated: true } => format!("{name} IS NOT NULL"),
        }
    }

    /// A search that ignores case: SQLite's LIKE does, PostgreSQL's has a name of its own.
    fn like(&self, name: &str, place: Place, piece: &str) -> String {
        const ESCAPE: char = '!';
        let class = self.dialect == Dialect::Mssql && piece.contains('[');
        let special = class || piece.contains(['%', '_', '\\']);
        let mut pattern = String::new();
        for c in piece.chars() {
            if special && (matches!(c, '%' | '_' | ESCAPE) || (class && c == '[')) {
                pattern.push(ESCAPE);
            }
            pattern.push(c);
        }
        let pattern = match place {
            Place::Anywhere => format!("%{pattern}%"),
            Place::Start => format!("{pattern}%"),
            Place::End => format!("%{pattern}"),
        };
        let like = match self.dialect {
            Dialect::Sqlite | Dialect::Mysql | Dialect::Mssql => "LIKE",
            Dialect::Postgresql => "ILIKE",
        };
        let escape = if special { format!(" ESCAPE '{ESCAPE}'") } else { String::new() };
        format!("{name} {like} {}{escape}", self.literal(&Literal::Text(pattern)))
    }

    fn column_name(&self, relation: &Relation, column: &Column, joined: bool) -> String {
        if joined {
            self.qualified(relation, &column.name)
        } else {
            self.identifier(column.name.as_str())
        }
    }

    /// Never with the schema: a link's two relations differ in name.
    fn qualified(&self, relation: &Relation, column: &ColumnName) -> String {
        format!("{}.{}", self.identifier(&relation.name.name), self.identifier(column.as_str()))
    }

    fn within(
        &self,
        name: &str,
        column: &Column,
        from: Option<&Literal>,
        before: Option<&Literal>,
        negated: bool,
    ) -> String {
        match (from, before, negated) {
            (Some(from), Some(before), false) => {
                format!("{name} >= {} AND {name} < {}", self.literal(from), self.literal(before))
            }
            (Some(from), Some(before), true) => {
                let missing =
                    if column.nullable { format!(" OR {name} IS NULL") } else { String::new() };
                format!(
                    "({name} < {} OR {name} >= {}{missing})",
                    self.literal(from),
                    self.literal(before)
                )
            }
            (Some(from), None, _) => format!("{name} >= {}", self.literal(from)),
            (None, Some(before), _) => format!("{name} < {}", self.literal(before)),
            (None, None, _) => format!("{name} IS NOT NULL"),
        }
    }

    /// The order, with the primary key last so that equal rows come in one order only. Rows without a value come last in
    /// both directions; where there are none the words for it are left out.
    fn order_by(&self, relation: &Relation, order: &Order<'_>) -> String {
        let mut keys = Vec::new();
        if let Some(column) = order.column {
            let direction = if order.descending { " DESC" } else { "" };
            let name = self.identifier(column.name.as_str());
            let nulls = match (column.nullable, self.dialect) {
                (false, _) => "",
                (true, Dialect::Mssql) => {
                    if !order.descending {
                        keys.push(format!("CASE WHEN {name} IS NULL THEN 1 ELSE 0 END"));
                    }
                    ""
                }
                (true, Dialect::Mysql) => {
                    if !order.descending {
                        keys.push(format!("{name} IS NULL"));
                    }
                    ""
                }
                (true, Dialect::Sqlite | Dialect::Postgresql) => " NULLS LAST",
            };
            keys.push(format!("{name}{direction}{nulls}"));
        }
        let ordered = order.column.map(|column| &column.name);
        for key in relation.primary_key.iter().filter(|key| Some(*key) != ordered) {
            keys.push(self.identifier(key.as_str()));
        }
        if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) }
    }
}
