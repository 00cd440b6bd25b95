//! Which names are relations, CTEs, tables in scope or columns at each point of a query.

use std::collections::BTreeSet;

use super::Dialect;
use super::totality::Analysis;
use super::tree::{Alias, Name};
use crate::catalog::{Catalog, Relation, RelationName};
use crate::guard::{Refusal, RefusalCode};
use crate::predicate::{PredicateSet, RowFilter};

/// A column of something in scope.
#[derive(Debug, Clone)]
pub(super) struct ScopeColumn {
    /// Absent for an expression that the engine names as it pleases: it cannot be referred to.
    pub(super) name: Option<Name>,
    pub(super) analysis: Analysis,
}

/// One table, subquery or CTE reference of a FROM clause.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    /// Absent for a subquery without an alias.
    pub(super) name: Option<Name>,
    /// The schema and name by which a base relation without an alias may also be called (rule B22).
    pub(super) relation: Option<RelationName>,
    /// The base relation that it is, whatever its alias.
    pub(super) base: Option<Base>,
    pub(super) columns: Vec<ScopeColumn>,
}

/// The base relation behind a binding.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) relation: RelationName,
    /// Its number in [`Used`](super::used::Used).
    pub(super) occurrence: usize,
}

/// What a FROM clause brings into scope.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) bindings: Vec<Binding>,
    /// Columns that USING or NATURAL merged: unqualified, they are one.
    pub(super) merged: Vec<Name>,
}

/// A CTE name in scope.
#[derive(Debug, Clone)]
pub(super) struct CteBinding {
    pub(super) name: Name,
    /// Absent where the name is in scope but must not be read: a forward or self reference.
    pub(super) columns: Option<Vec<ScopeColumn>>,
}

/// What an unqualified or qualified column name means.
pub(super) enum Found {
    /// A column; `parts` is how it is to be written.
    Column {
        parts: Vec<Name>,
        analysis: Analysis,
    },
    Nothing,
}

impl Dialect {
    /// An unquoted identifier as the engine keeps it: PostgreSQL folds to lower case, SQLite keeps the spelling and
    /// compares without regard to ASCII case.
    pub(super) fn fold(self, name: &str) -> String {
        match self {
            Self::Postgresql => name.to_ascii_lowercase(),
            Self::Sqlite | Self::Mysql | Self::Mssql => name.to_owned(),
        }
    }

    /// Whether two folded names are the same name.
    pub(super) fn same_name(self, left: &str, right: &str) -> bool {
        match self {
            Self::Postgresql => left == right,
            Self::Sqlite | Self::Mysql | Self::Mssql => left.eq_ignore_ascii_case(right),
        }
    }

    /// Whether two folded names are the same schema, table, alias or CTE. MySQL tells their case apart or not, by the
    /// setting `lower_case_table_names`: names that differ in case only are refused where they meet, see
    /// [`Dialect::similar_table`].
    pub(super) fn same_table(self, left: &str, right: &str) -> bool {
        match self {
            Self::Mysql => left == right,
            Self::Sqlite | Self::Postgresql | Self::Mssql => self.same_name(left, right),
        }
    }

    /// Whether two folded names are the same table on some server.
    pub(super) fn similar_table(self, left: &str, right: &str) -> bool {
        match self {
            Self::Mysql => left.to_lowercase() == right.to_lowercase(),
            Self::Sqlite | Self::Postgresql | Self::Mssql => self.same_name(left, right),
        }
    }
}

/// The base relation that a name means, if the caller may read it at all.
// INVARIANT (default deny): a relation without rows for this principal and one that does not exist are refused alike.
pub(super) fn relation<'a>(
    name: &[Name],
    dialect: Dialect,
    catalog: &'a Catalog,
    filters: &PredicateSet,
) -> Result<&'a Relation, Refusal> {
    let (schema, table) = match name {
        [table] => (catalog.default_schema.as_str(), table.as_str()),
        [schema, table] => (schema.as_str(), table.as_str()),
        _ => return Err(unknown_relation(name)),
    };
    let named = |relation: &&Relation| {
        dialect.same_table(&relation.name.schema, schema)
            && dialect.same_table(&relation.name.name, table)
    };
    // Where the catalog tells names apart that `same_name` does not, the very name is meant.
    let very = |relation: &&Relation| {
        dialect == Dialect::Mssql && relation.name.schema == schema && relation.name.name == table
    };
    catalog
        .relations
        .iter()
        .find(very)
        .or_else(|| catalog.relations.iter().find(named))
        .filter(|relation| match filters.filter_for(&relation.name) {
            RowFilter::AllRows | RowFilter::Where(_) => true,
            RowFilter::NoRows => false,
        })
        .ok_or_else(|| unknown_relation(name))
}

fn unknown_relation(name: &[Name]) -> Refusal {
    Refusal::new(
        RefusalCode::UnknownRelation,
        format!("the relation `{}` does not exist", dotted(name)),
        "write schema.relation, or the relation alone",
    )
}

pub(super) fn dotted(name: &[Name]) -> String {
    name.iter().map(Name::as_str).collect::<Vec<_>>().join(".")
}

impl Scope {
    /// Adds a binding, whose name must be new here: engines differ on what a repeated one means.
    pub(super) fn add(&mut self, binding: Binding, dialect: Dialect) -> Result<(), Refusal> {
        if let Some(name) = &binding.name
            && self.similar_binding(name, dialect).is_some()
        {
            return Err(Refusal::new(
                RefusalCode::Ambiguous,
                format!("the name `{}` is used for two tables", name.as_str()),
                "give each table an alias of its own",
            ));
        }
        self.bindings.push(binding);
        Ok(())
    }

    pub(super) fn binding(&self, name: &Name, dialect: Dialect) -> Option<&Binding> {
        self.bindings.iter().find(|binding| {
            binding
                .name
                .as_ref()
                .is_some_and(|bound| dialect.same_table(bound.as_str(), name.as_str()))
        })
    }

    /// The binding that some server would take for `name`.
    pub(super) fn similar_binding(&self, name: &Name, dialect: Dialect) -> Option<&Binding> {
        self.bindings.iter().find(|binding| {
            binding
                .name
                .as_ref()
                .is_some_and(|bound| dialect.similar_table(bound.as_str(), name.as_str()))
        })
    }

    fn is_merged(&self, name: &Name, dialect: Dialect) -> bool {
        self.merged.iter().any(|merged| dialect.same_name(merged.as_str(), name.as_str()))
    }

    /// An unqualified column of this scope.
    pub(super) fn column(&self, name: &Name, dialect: Dialect) -> Result<Found, Refusal> {
        let mut found = self.bindings.iter().flat_map(|binding| {
            binding.named(name, dialect).map(move |(name, column)| (binding, name, column))
        });
        let Some((binding, canonical, column)) = found.next() else { return Ok(Found::Nothing) };
        let merged = self.is_merged(name, dialect);
        if found.next().is_some() && !merged {
            return Err(Refusal::new(
                RefusalCode::Ambiguous,
                format!("the column `{}` exists in several tables here", name.as_str()),
                "write the table's name or alias before the column",
            ));
        }
        let mut parts = vec![canonical.clone()];
        // Written out, so that the engine cannot take the name for another one.
        if let (Some(table), false) = (&binding.name, merged) {
            parts.insert(0, table.clone());
        }
        Ok(Found::Column { parts, analysis: column.analysis.clone() })
    }

    /// `t.c`, or `schema.t.c` for a base relation that has no alias.
    pub(super) fn qualified(
        &self,
        table: &[Name],
        name: &Name,
        dialect: Dialect,
    ) -> Result<Found, Refusal> {
        let Some(binding) = self.qualified_binding(table, dialect) else {
            return match table {
                [table] if self.similar_binding(table, dialect).is_some() => {
                    Err(unknown_column(&[table.clone(), name.clone()]))
                }
                _ => Ok(Found::Nothing),
            };
        };
        let mut named = binding.named(name, dialect);
        let (Some((canonical, column)), Some(table)) = (named.next(), &binding.name) else {
            return Err(unknown_column(&[table, std::slice::from_ref(name)].concat()));
        };
        if named.next().is_some() {
            return Err(Refusal::new(
                RefusalCode::Ambiguous,
                format!("`{}` has several columns named `{}`", table.as_str(), name.as_str()),
                "give the columns different names inside the subquery",
            ));
        }
        Ok(Found::Column {
            parts: vec![table.clone(), canonical.clone()],
            analysis: column.analysis.clone(),
        })
    }

    /// The table before a dot.
    pub(super) fn qualified_binding(&self, table: &[Name], dialect: Dialect) -> Option<&Binding> {
        match table {
            [table] => self.binding(table, dialect),
            [schema, table] => self.bindings.iter().find(|binding| {
                binding.relation.as_ref().is_some_and(|relation| {
                    dialect.same_table(&relation.schema, schema.as_str())
                        && dialect.same_table(&relation.name, table.as_str())
                })
            }),
            _ => None,
        }
    }

    /// The columns of `*`: merged ones first and once, then the others in order.
    pub(super) fn star(&self, dialect: Dialect) -> Vec<ScopeColumn> {
        let mut columns = Vec::new();
        for merged in &self.merged {
            let mut named = self.bindings.iter().flat_map(|binding| binding.named(merged, dialect));
            columns.extend(named.next().map(|(_, column)| column.clone()));
        }
        for binding in &self.bindings {
            let unmerged = binding.columns.iter().filter(|column| {
                column.name.as_ref().is_none_or(|name| !self.is_merged(name, dialect))
            });
            columns.extend(unmerged.cloned());
        }
        columns
    }

    /// The names that both this scope and a binding have: what NATURAL joins on.
    pub(super) fn common_names(&self, binding: &Scope, dialect: Dialect) -> Vec<Name> {
        let names = binding
            .bindings
            .iter()
            .flat_map(|binding| &binding.columns)
            .filter_map(|c| c.name.clone());
        names
            .filter(|name| {
                self.bindings.iter().any(|own| own.named(name, dialect).next().is_some())
            })
            .collect()
    }
}

impl Binding {
    fn named<'a>(
        &'a self,
        name: &'a Name,
        dialect: Dialect,
    ) -> impl Iterator<Item = (&'a Name, &'a ScopeColumn)> + 'a {
        self.columns.iter().filter_map(move |column| {
            let own = column.name.as_ref()?;
            dialect.same_name(own.as_str(), name.as_str()).then_some((own, column))
        })
    }
}

/// Renames the first columns as an alias list does; more names than columns is an error in every engine.
pub(super) fn rename(columns: &mut [ScopeColumn], alias: &Alias) -> Result<(), Refusal> {
    rename_all(columns, &alias.columns, &alias.name)
}

pub(super) fn rename_all(
    columns: &mut [ScopeColumn],
    names: &[Name],
    of: &Name,
) -> Result<(), Refusal> {
    if names.len() > columns.len() {
        return Err(Refusal::new(
            RefusalCode::UnknownColumn,
            format!("`{}` lists more columns than it has", of.as_str()),
            "list as many names as there are columns",
        ));
    }
    for (column, name) in columns.iter_mut().zip(names) {
        column.name = Some(name.clone());
    }
    Ok(())
}

/// SQL Server's rule for subqueries in FROM and for CTEs: each column has a name of its own, and a list of names names
/// them all. `listed` is how many the list has, 0 for none.
pub(super) fn all_named(columns: &[ScopeColumn], listed: usize) -> Result<(), Refusal> {
    let whole = listed == 0 || listed == columns.len();
    let mut names = BTreeSet::new();
    let distinct = columns.iter().all(|column| {
        column.name.as_ref().is_some_and(|name| names.insert(name.as_str().to_lowercase()))
    });
    if whole && distinct {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalCode::Ambiguous,
        "a subquery in FROM or a WITH query has a column without a name of its own",
        "give each of its columns a different alias",
    ))
}

pub(super) fn unknown_column(name: &[Name]) -> Refusal {
    Refusal::new(
        RefusalCode::UnknownColumn,
        format!("the column `{}` does not exist", dotted(name)),
        "name a column that exists; write text values in single quotes",
    )
}
