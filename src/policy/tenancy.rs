//! Whose the rows of a relation are, as `database.toml` declares it: what a proof of isolation is about.
//!
//! Policies say who reads what. This says who should, in few words and without them, so that the two can be compared.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, CedarType, ColumnName, Relation};
use crate::identity::{Principal, TenantId};
use crate::predicate::{Row, Value};

use super::problem::Reason;
use super::related::Hops;
use super::schema::{access, present, tenant_type};
use super::settings::Settings;

/// Whose the rows of one relation are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// By tenant.
    pub tenant: Owner,
    /// By scope inside the tenant, for callers that name one.
    pub scope: Owner,
}

/// What tells whose a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The value of this column.
    Column(ColumnName),
    /// The value of a column of a related row: the attributes that lead there, and the column.
    Related(Vec<String>, ColumnName),
    /// Nothing: the rows are meant for everybody.
    Everybody,
    /// Nothing that was declared, so nobody may read the rows.
    Undeclared,
}

impl Tenancy {
    /// What the settings declare of a relation.
    pub fn of(settings: &Settings, catalog: &Catalog, relation: &Relation) -> Self {
        let named = |name: &str| is_named(relation, name, &catalog.default_schema);
        let shared = settings.shared_relations.iter().any(|name| named(name));
        let unscoped = settings.unscoped_relations.iter().any(|name| named(name));
        let owner = |column: &Option<String>, columns: &BTreeMap<String, String>, open: bool| {
            let Some(column) = column else { return Owner::Everybody };
            let own = columns.iter().find(|(name, _)| named(name));
            let related = own.and_then(|(_, path)| path_of(relation, path));
            let column = own.map_or(column, |(_, own)| own);
            match (related, relation.column(&ColumnName::new(column))) {
                _ if open => Owner::Everybody,
                (Some(related), _) => related,
                (None, Some(column)) => Owner::Column(column.name.clone()),
                (None, None) => Owner::Undeclared,
            }
        };
        let Settings { tenant_filter_column, scope_filter_column, .. } = settings;
        Self {
            tenant: owner(tenant_filter_column, &settings.tenant_columns, shared),
            scope: owner(scope_filter_column, &settings.scope_columns, shared || unscoped),
        }
    }

    /// The condition, in Cedar, under which a row is one that the caller may be shown.
    pub fn condition(&self, settings: &Settings) -> String {
        let equals = |column: &ColumnName, attribute: &str| {
            let (present, access) = (present(settings, column), access(settings, column));
            format!("resource has {present} && {access} == principal.{attribute}")
        };
        let condition = |owner: &Owner, attribute: &str| match owner {
            Owner::Column(column) => equals(column, attribute),
            Owner::Related(path, column) => related(path, column, attribute),
            Owner::Everybody => "true".to_owned(),
            Owner::Undeclared => "false".to_owned(),
        };
        let (tenant, scope) = (condition(&self.tenant, "tenant"), condition(&self.scope, "scope"));
        format!("({tenant}) && (if principal has scope then {scope} else true)")
    }

    /// The same without Cedar: it must agree before an example is shown to anybody.
    pub fn holds(&self, principal: &Principal, row: &Row) -> bool {
        let tenant = self.tenant.holds(row, |value| match (&principal.tenant, value) {
            (Some(TenantId::Integer(id)), Value::Long(value)) => id == value,
            (Some(TenantId::Uuid(id) | TenantId::String(id)), Value::String(value)) => id == value,
            (
                Some(TenantId::Integer(_) | TenantId::Uuid(_) | TenantId::String(_)) | None,
                Value::Long(_) | Value::String(_) | Value::Bool(_) | Value::Datetime(_),
            ) => false,
        });
        let scope = principal.scope.as_ref().is_none_or(|scope| {
            let own =
                |value: &Value| matches!(value, Value::String(value) if value == scope.as_str());
            self.scope.holds(row, own)
        });
        tenant && scope
    }
}

impl Owner {
    fn holds(&self, row: &Row, is_own: impl Fn(&Value) -> bool) -> bool {
        match self {
            Self::Column(column) => row.get(column).is_some_and(is_own),
            Self::Related(path, column) => {
                let mut at = Some(row);
                for name in path {
                    at = at.and_then(|row| row.parent(name)).map(|parent| &parent.row);
                }
                at.and_then(|row| row.get(column)).is_some_and(is_own)
            }
            Self::Everybody => true,
            Self::Undeclared => false,
        }
    }
}

/// `task.customer_id` of a relation that has no column of this name: of the row that `task` leads to.
fn path_of(relation: &Relation, path: &str) -> Option<Owner> {
    let (path, column) = path.rsplit_once('.')?;
    let own = relation.column(&ColumnName::new(format!("{path}.{column}")));
    let path = path.split('.').map(str::to_owned).collect();
    own.is_none().then(|| Owner::Related(path, ColumnName::new(column)))
}

/// In Cedar, that every step of a path is there and that its end is an attribute of the principal.
fn related(path: &[String], column: &ColumnName, attribute: &str) -> String {
    let mut at = "resource".to_owned();
    let mut condition = String::new();
    for name in path.iter().map(String::as_str).chain([column.as_str()]) {
        condition.push_str(&format!("{at} has {name:?} && "));
        at.push_str(&format!("[{name:?}]"));
    }
    format!("{condition}{at} == principal.{attribute}")
}

fn is_named(relation: &Relation, name: &str, default_schema: &str) -> bool {
    relation.name.to_string() == name
        || (relation.name.schema == default_schema && relation.name.name == name)
}

/// The relation that a path of foreign keys leads to.
fn followed<'a>(hops: &'a Hops, from: &'a Relation, path: &[String]) -> Option<&'a Relation> {
    let mut at = from;
    for name in path {
        let step = hops.named(&at.name, name)?;
        at = hops.parent(&step.hop)?;
    }
    Some(at)
}

/// Declarations that cannot be: of relations that there are not, or that contradict one another.
pub(super) fn check(settings: &Settings, catalog: &Catalog) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let hops = Hops::of(catalog, settings.engine);
    let find = |name: &str| {
        catalog.relations.iter().find(|found| is_named(found, name, &catalog.default_schema))
    };
    let mut report = |setting, relation: &String, why| {
        reasons.push(Reason::Declaration { setting, relation: relation.clone(), why });
    };
    let tenant = settings.tenant_filter_column.as_ref().map(ColumnName::new);
    for name in &settings.shared_relations {
        let Some(relation) = find(name) else {
            report("shared_relations", name, "which the catalog does not list");
            continue;
        };
        // What every tenant reads must not say whose it is.
        if tenant.as_ref().is_some_and(|column| relation.column(column).is_some()) {
            report("shared_relations", name, "which has the tenant column");
        }
    }
    for name in &settings.unscoped_relations {
        if settings.scope_filter_column.is_none() {
            report("unscoped_relations", name, "and there is no `scope_filter_column`");
        } else if find(name).is_none() {
            report("unscoped_relations", name, "which the catalog does not list");
        }
    }
    let tenants = (
        "tenant_columns",
        &settings.tenant_columns,
        tenant_type(settings.tenant_id_type),
        "with a column that cannot hold tenants",
    );
    let scopes = (
        "scope_columns",
        &settings.scope_columns,
        CedarType::String,
        "with a column that cannot hold scopes",
    );
    for (setting, columns, expected, cannot) in [tenants, scopes] {
        for (name, column) in columns {
            let Some(relation) = find(name) else {
                report(setting, name, "which the catalog does not list");
                continue;
            };
            if setting == "tenant_columns" && tenant.is_none() {
                report(setting, name, "and there is no `tenant_filter_column`");
            }
            if setting == "scope_columns" && settings.scope_filter_column.is_none() {
                report(setting, name, "and there is no `scope_filter_column`");
            }
            if settings.shared_relations.contains(name) {
                report(setting, name, "which `shared_relations` names too");
            }
            if setting == "scope_columns" && settings.unscoped_relations.contains(name) {
                report(setting, name, "which `unscoped_relations` names too");
            }
            let found = match path_of(relation, column) {
                Some(Owner::Related(path, column)) => {
                    followed(&hops, relation, &path).and_then(|end| end.column(&column))
                }
                Some(Owner::Column(_) | Owner::Everybody | Owner::Undeclared) | None => {
                    relation.column(&ColumnName::new(column))
                }
            };
            match found {
                Some(column) if column.cedar() == Some(expected) => {}
                Some(_) => report(setting, name, cannot),
                None => report(setting, name, "with a column that it does not have"),
            }
        }
    }
    reasons
}
