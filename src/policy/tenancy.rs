//! Whose the rows of a relation are, as `database.toml` declares it: what a proof of isolation is about.
//!
//! Policies say who reads what. This says who should, in few words and without them, so that the two can be compared.

use crate::catalog::{Catalog, ColumnName, Relation};
use crate::identity::{Principal, TenantId};
use crate::predicate::{Row, Value};

use super::problem::Reason;
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
        let own = settings.tenant_columns.iter().find(|(name, _)| named(name));
        let owner = |column: Option<&String>, open: bool| {
            let Some(column) = column.map(ColumnName::new) else { return Owner::Everybody };
            match relation.column(&column) {
                _ if open => Owner::Everybody,
                Some(column) => Owner::Column(column.name.clone()),
                None => Owner::Undeclared,
            }
        };
        let column = settings.tenant_filter_column.as_ref();
        let column = column.map(|column| own.map_or(column, |(_, own)| own));
        Self {
            tenant: owner(column, shared),
            scope: owner(settings.scope_filter_column.as_ref(), shared || unscoped),
        }
    }

    /// The condition, in Cedar, under which a row is one that the caller may be shown.
    pub fn condition(&self, settings: &Settings) -> String {
        let equals = |column: &ColumnName, attribute: &str| {
            let (present, access) = (present(settings, column), access(settings, column));
            format!("resource has {present} && {access} == principal.{attribute}")
        };
        let tenant = match &self.tenant {
            Owner::Column(column) => equals(column, "tenant"),
            Owner::Everybody => "true".to_owned(),
            Owner::Undeclared => "false".to_owned(),
        };
        let scope = match &self.scope {
            Owner::Column(column) => equals(column, "scope"),
            Owner::Everybody => "true".to_owned(),
            Owner::Undeclared => "false".to_owned(),
        };
        format!("({tenant}) && (if principal has scope then {scope} else true)")
    }

    /// The same without Cedar: it must agree before an example is shown to anybody.
    pub fn holds(&self, principal: &Principal, row: &Row) -> bool {
        let tenant = match &self.tenant {
            Owner::Column(column) => match (&principal.tenant, row.get(column)) {
                (Some(TenantId::Integer(id)), Some(Value::Long(value))) => id == value,
                (Some(TenantId::Uuid(id) | TenantId::String(id)), Some(Value::String(value))) => {
                    id == value
                }
                _ => false,
            },
            Owner::Everybody => true,
            Owner::Undeclared => false,
        };
        let scope = principal.scope.as_ref().is_none_or(|scope| match &self.scope {
            Owner::Column(column) => {
                matches!(row.get(column), Some(Value::String(value)) if value == scope.as_str())
            }
            Owner::Everybody => true,
            Owner::Undeclared => false,
        });
        tenant && scope
    }
}

fn is_named(relation: &Relation, name: &str, default_schema: &str) -> bool {
    relation.name.to_string() == name
        || (relation.name.schema == default_schema && relation.name.name == name)
}

/// Declarations that cannot be: of relations that there are not, or that contradict one another.
pub(super) fn check(settings: &Settings, catalog: &Catalog) -> Vec<Reason> {
    let mut reasons = Vec::new();
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
    for (name, column) in &settings.tenant_columns {
        let expected = tenant_type(settings.tenant_id_type);
        let Some(relation) = find(name) else {
            report("tenant_columns", name, "which the catalog does not list");
            continue;
        };
        if tenant.is_none() {
            report("tenant_columns", name, "and there is no `tenant_filter_column`");
        }
        if settings.shared_relations.contains(name) {
            report("tenant_columns", name, "which `shared_relations` names too");
        }
        match relation.column(&ColumnName::new(column)) {
            Some(column) if column.cedar() == Some(expected) => {}
            Some(_) => report("tenant_columns", name, "with a column that cannot hold tenants"),
            None => report("tenant_columns", name, "with a column that it does not have"),
        }
    }
    reasons
}
