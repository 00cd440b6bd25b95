//! What a caller has of one relation.

use serde::Serialize;

use super::{from, guarded_as};
use crate::catalog::{ColumnName, Relation};
use crate::guard::sql::Dialect;
use crate::guard::{GuardedQuery, Language, Refusal};
use crate::identity::Principal;
use crate::policy::{Applied, Database, Residual, Unsupported};
use crate::predicate::{Mask, Masked, PredicateSet, RowFilter};
use crate::service;

#[derive(Serialize)]
pub(super) struct RelationEntry {
    pub(super) relation: String,
    /// Those that a query reads which touches no column.
    #[serde(flatten)]
    pub(super) rows: Rows,
    pub(super) hidden_columns: Vec<HiddenColumn>,
    pub(super) masked_columns: Vec<MaskedColumn>,
    pub(super) policies: Vec<PolicyEntry>,
    pub(super) emitted: Vec<Emitted>,
}

/// Some of a relation's rows.
#[derive(Serialize)]
pub(super) struct Rows {
    /// `all`, `none` or `some`.
    pub(super) rows: &'static str,
    /// As the database's own engine writes it; where `rows` is `some`.
    pub(super) filter: Option<String>,
}

/// A column that does not exist, or not on every row.
#[derive(Serialize)]
pub(super) struct HiddenColumn {
    pub(super) column: String,
    /// Those on which it exists, of the relation's.
    #[serde(flatten)]
    pub(super) rows: Rows,
    /// The policies that hide it, as they are for a query that touches it.
    pub(super) policies: Vec<PolicyEntry>,
}

/// A column that does not show its value on every row.
#[derive(Serialize)]
pub(super) struct MaskedColumn {
    pub(super) column: String,
    /// The first of these whose rows a row is among says what is shown on it.
    pub(super) shows: Vec<Shown>,
}

#[derive(Serialize)]
pub(super) struct Shown {
    /// `value`, or the mask.
    pub(super) shows: &'static str,
    #[serde(flatten)]
    pub(super) rows: Rows,
}

#[derive(Serialize)]
pub(super) struct PolicyEntry {
    pub(super) id: String,
    pub(super) effect: &'static str,
    /// File, line and column.
    pub(super) place: Option<String>,
    /// `every row`, `no row`, `fails` or `condition`.
    pub(super) residual: &'static str,
    pub(super) condition: Option<String>,
}

/// All rows that the caller may read, in one dialect.
#[derive(Serialize)]
pub(super) struct Emitted {
    pub(super) dialect: &'static str,
    pub(super) text: Option<String>,
    pub(super) refused: Option<String>,
}

/// Who asks, of what.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) database: &'a Database,
    pub(super) principal: &'a Principal,
    pub(super) filters: &'a PredicateSet,
}

impl Asked<'_> {
    pub(super) fn entry(self, relation: &Relation) -> Result<RelationEntry, Unsupported> {
        let Self { database, principal, filters } = self;
        let filter = filters.filter_for(&relation.name);
        let applied = database.applied(principal, relation, None)?.unwrap_or_default();
        let masked = filters.masks_of(&relation.name).into_iter().flatten();
        Ok(RelationEntry {
            relation: relation.name.to_string(),
            rows: self.rows(relation, filter),
            hidden_columns: self.hidden(relation, &applied)?,
            masked_columns: masked
                .map(|(column, masked)| self.masked(relation, column, masked))
                .collect(),
            policies: applied.into_iter().map(PolicyEntry::from).collect(),
            emitted: match filter {
                RowFilter::NoRows => Vec::new(),
                RowFilter::AllRows | RowFilter::Where(_) => self.emitted(relation),
            },
        })
    }

    fn rows(self, relation: &Relation, filter: &RowFilter) -> Rows {
        match filter {
            RowFilter::AllRows => Rows { rows: "all", filter: None },
            RowFilter::NoRows => Rows { rows: "none", filter: None },
            RowFilter::Where(_) => Rows { rows: "some", filter: self.written(relation, filter) },
        }
    }

    /// The columns that are hidden on some rows or on all, in the order of the catalog.
    fn hidden(
        self,
        relation: &Relation,
        untouched: &[Applied],
    ) -> Result<Vec<HiddenColumn>, Unsupported> {
        let everywhere = self.filters.hidden_of(&relation.name);
        let somewhere = self.filters.touched_of(&relation.name);
        let mut hidden = Vec::new();
        for column in relation.columns.iter().map(|column| &column.name) {
            let rows = if everywhere.is_some_and(|hidden| hidden.contains(column)) {
                self.rows(relation, &RowFilter::NoRows)
            } else if let Some(left) = somewhere.and_then(|columns| columns.get(column)) {
                self.rows(relation, left)
            } else {
                continue;
            };
            let applied = self.database.applied(self.principal, relation, Some(column))?;
            let mut policies = applied.unwrap_or_default();
            policies.retain(|applied| !untouched.contains(applied));
            let policies = policies.into_iter().map(PolicyEntry::from).collect();
            hidden.push(HiddenColumn { column: column.to_string(), rows, policies });
        }
        Ok(hidden)
    }

    fn masked(self, relation: &Relation, column: &ColumnName, masked: &Masked) -> MaskedColumn {
        let Masked { clear, stricter, otherwise } = masked;
        let mut shows = Vec::new();
        if *clear != RowFilter::NoRows {
            shows.push(Shown { shows: "value", rows: self.rows(relation, clear) });
        }
        shows.extend(stricter.iter().map(|(rows, mask)| {
            let rows = self.rows(relation, &RowFilter::Where(rows.clone()));
            Shown { shows: Mask::name(*mask), rows }
        }));
        let rows = self.rows(relation, &RowFilter::AllRows);
        shows.push(Shown { shows: otherwise.name(), rows });
        MaskedColumn { column: column.to_string(), shows }
    }

    /// The filter as the database's own engine reads it, with its values written out.
    fn written(self, relation: &Relation, filter: &RowFilter) -> Option<String> {
        let catalog = &self.database.catalog;
        let filters = [(relation.name.clone(), filter.clone())].into_iter().collect();
        let own = service::language(self.database.settings.engine);
        match self.all_rows(relation, own, &filters).ok()? {
            GuardedQuery::Sql(select) => {
                let read = select.query().explain(catalog, &filters).ok()?;
                read.into_iter().next()?.filter
            }
            GuardedQuery::Mongo(command) => {
                let read = command.query().explain(catalog, &filters).ok()?;
                read.into_iter().next()?.filter
            }
        }
    }

    /// The database's own dialect first; those of SQL for any database of SQL.
    fn emitted(self, relation: &Relation) -> Vec<Emitted> {
        let own = service::language(self.database.settings.engine);
        let mut languages = vec![own];
        if let Language::Sql(own) = own {
            let others = Dialect::ALL.into_iter().filter(|dialect| *dialect != own);
            languages.extend(others.map(Language::Sql));
        }
        let emit = |language: Language| {
            let dialect = language.dialect();
            match self.all_rows(relation, language, self.filters) {
                Ok(query) => {
                    Emitted { dialect, text: Some(query.readable().to_owned()), refused: None }
                }
                Err(refusal) => {
                    Emitted { dialect, text: None, refused: Some(refusal.message.into_owned()) }
                }
            }
        };
        languages.into_iter().map(emit).collect()
    }

    /// Every row of the relation, guarded.
    fn all_rows(
        self,
        relation: &Relation,
        language: Language,
        filters: &PredicateSet,
    ) -> Result<GuardedQuery, Refusal> {
        let text = match language {
            Language::Sql(dialect) => {
                format!("SELECT * FROM {}", from(&self.database.catalog, relation, dialect))
            }
            Language::Mongo => {
                serde_json::json!({"find": relation.name.name, "filter": {}}).to_string()
            }
        };
        guarded_as(language, self.database, filters, &text)
    }
}

impl From<Applied> for PolicyEntry {
    fn from(applied: Applied) -> Self {
        let Applied { policy, effect, place, residual } = applied;
        let (residual, condition) = match residual {
            Residual::Every => ("every row", None),
            Residual::None => ("no row", None),
            Residual::Fails => ("fails", None),
            Residual::Where(condition) => ("condition", Some(condition)),
        };
        let place = place.map(|place| place.to_string());
        Self { id: policy, effect, place, residual, condition }
    }
}
