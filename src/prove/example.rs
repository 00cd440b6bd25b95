//! A caller and a row that are against a claim: as the solver found them, then as simple as they may be.
//!
//! A solver picks values as it pleases, and another version picks others. Each value is replaced by a plain one, and each
//! column that may be NULL is emptied, as long as the ordinary evaluator still says that the example is one.

use std::collections::BTreeSet;

use cedar_policy::{Entity, EntityUid, EvalResult};
use cedar_policy_symcc::Env;

use super::certificate::Caller;
use super::claims;
use crate::catalog::{CedarType, Column, ColumnName, ColumnType, Relation, RelationName};
use crate::identity::{Claims, Principal, ScopeId, TenantId, TenantIdType};
use crate::policy::{Database, Verdict};
use crate::predicate::{Parent, Row, Value};

/// A caller, a row, and what the policies say of them.
#[derive(Debug, Clone)]
pub struct Example {
    /// Who asks.
    pub principal: Principal,
    /// The row's primary key as text.
    pub key: String,
    /// The row, as far as policies can read it.
    pub row: Row,
    /// The columns that the query touches.
    pub touched: Vec<ColumnName>,
    /// `None` until the evaluator was asked, and for what it cannot be asked.
    pub verdict: Option<Verdict>,
}

/// An example while it is made simple: everything as text or numbers, whatever it may become a caller from.
#[derive(Debug, Clone)]
struct Draft {
    tenant: Option<Value>,
    scope: Option<String>,
    claims: Claims,
    touched: Vec<ColumnName>,
    key: String,
    row: Row,
}

impl Example {
    /// Whether the row may be read.
    pub fn is_allowed(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.allowed)
    }

    /// What a database says of the caller and the row, of which it knows the columns that it lists. `None` where it cannot
    /// be asked: it has no such rows, or no such columns as are touched.
    pub fn verdict_of(&self, database: &Database, relation: &RelationName) -> Option<Verdict> {
        let listed = database.catalog.relation(relation)?;
        if self.touched.iter().any(|column| listed.column(column).is_none()) {
            return None;
        }
        let unknown = self.row.keys().filter(|column| listed.column(column).is_none());
        let row = unknown.fold(self.row.clone(), |row, column| without(&row, column));
        database.verdict(&self.principal, relation, &self.key, &row, &self.touched)
    }

    /// What the solver found, if the evaluator agrees.
    pub(super) fn confirmed(
        database: &Database,
        relation: &Relation,
        found: &Env,
        caller: Option<Caller<'_>>,
        refutes: &dyn Fn(&Self) -> bool,
    ) -> Option<Self> {
        let mut draft = Draft::read(database, relation, found)?;
        if let Some(caller) = caller {
            draft.ask_as(caller);
        }
        let real =
            |draft: &Draft| draft.example(database, relation).filter(|example| refutes(example));
        let mut draft = draft
            .keyed(relation)
            .into_iter()
            .chain([draft.clone()])
            .chain([draft.repaired(database, relation)])
            .find(|draft| real(draft).is_some())?;
        for simpler in SIMPLER {
            for candidate in simpler(&draft, database, relation) {
                // Candidates change one thing each, of the draft as it was; what was changed before is kept.
                let candidate = candidate.apply(&draft);
                let candidate = candidate.keyed(relation).unwrap_or(candidate);
                if real(&candidate).is_some() {
                    draft = candidate;
                }
            }
        }
        real(&draft)
    }
}

/// One thing to make simpler.
enum Step {
    NoScope,
    NoClaim(String),
    Untouched(ColumnName),
    Empty(ColumnName),
    Rename(Value, Value),
    Set(ColumnName, Value),
}

type Simpler = fn(&Draft, &Database, &Relation) -> Vec<Step>;

/// What is tried, in this order.
const SIMPLER: [Simpler; 6] = [
    |draft, _, _| draft.scope.iter().map(|_| Step::NoScope).collect(),
    |draft, _, _| draft.claims.iter().map(|(name, _)| Step::NoClaim(name.to_owned())).collect(),
    |draft, _, _| draft.touched.iter().cloned().map(Step::Untouched).collect(),
    |_, _, relation| {
        let optional = relation.columns.iter().filter(|column| column.nullable);
        optional.map(|column| Step::Empty(column.name.clone())).collect()
    },
    |draft, database, relation| draft.renames(database, relation),
    |draft, _, relation| {
        let set = relation.columns.iter().filter(|column| draft.row.get(&column.name).is_some());
        set.filter_map(|column| Some(Step::Set(column.name.clone(), plain(column)?))).collect()
    },
];

impl Step {
    fn apply(self, draft: &Draft) -> Draft {
        let mut changed = draft.clone();
        match self {
            Self::NoScope => changed.scope = None,
            Self::NoClaim(name) => {
                let kept = draft.claims.iter().filter(|(own, _)| *own != name);
                changed.claims =
                    kept.map(|(name, claim)| (name.to_owned(), claim.clone())).collect();
            }
            Self::Untouched(column) => changed.touched.retain(|other| *other != column),
            Self::Empty(column) => changed.row = without(&draft.row, &column),
            Self::Rename(from, to) => changed.rename(&from, &to),
            Self::Set(column, value) => changed.row.insert(column, value),
        }
        changed
    }
}

/// The row, and the rows that it leads to, with another value in place of one.
fn renamed(row: &Row, from: &Value, to: &Value) -> Row {
    let mut changed = row.clone();
    for column in row.keys().filter(|column| row.get(column) == Some(from)) {
        changed.insert(column.clone(), to.clone());
    }
    for (name, parent) in row.parents() {
        let own = renamed(&parent.row, from, to);
        changed.insert_parent(name, Parent { key: parent.key.clone(), row: own });
    }
    changed
}

fn without(row: &Row, dropped: &ColumnName) -> Row {
    let mut kept = Row::new();
    for column in row.keys().filter(|column| *column != dropped) {
        if let Some(value) = row.get(column) {
            kept.insert(column.clone(), value.clone());
        }
        if let Some(elements) = row.set(column) {
            kept.insert_set(column.clone(), elements.iter().cloned());
        }
    }
    for (name, parent) in row.parents() {
        kept.insert_parent(name, parent.clone());
    }
    kept
}

impl Draft {
    fn read(database: &Database, relation: &Relation, found: &Env) -> Option<Self> {
        let principal = found.entities.get(found.request.principal()?)?;
        let resource = found.request.resource()?;
        let attribute = |name: &str| value(&principal.attr(name)?.ok()?);
        let scope = match attribute("scope") {
            Some(Value::String(scope)) => Some(scope),
            Some(Value::Long(_) | Value::Bool(_) | Value::Datetime(_)) | None => None,
        };
        let row = read_row(database, relation, resource, found, 0)?;
        let touched = found.request.context().and_then(|context| context.get("columns"));
        let touched = match touched {
            Some(EvalResult::Set(columns)) => columns.iter().filter_map(value).collect(),
            _ => Vec::new(),
        };
        let touched = touched.into_iter().filter_map(|column| match column {
            Value::String(column) => Some(ColumnName::new(column)),
            Value::Long(_) | Value::Bool(_) | Value::Datetime(_) => None,
        });
        // What is no column of the relation cannot be touched in it.
        let touched = touched.filter(|column| relation.column(column).is_some()).collect();
        let key = resource.id().unescaped().to_owned();
        let claims = claims::read(principal, &database.settings.claims);
        Some(Self { tenant: attribute("tenant"), scope, claims, touched, key, row })
    }

    /// With the caller and the query that the solver was not asked for.
    fn ask_as(&mut self, Caller { principal, touched }: Caller<'_>) {
        self.tenant = principal.tenant.as_ref().map(|tenant| match tenant {
            TenantId::Integer(id) => Value::Long(*id),
            TenantId::Uuid(id) | TenantId::String(id) => Value::String(id.clone()),
        });
        self.scope = principal.scope.as_ref().map(|scope| scope.as_str().to_owned());
        self.claims = principal.claims.clone();
        self.touched = touched.to_vec();
    }

    fn example(&self, database: &Database, relation: &Relation) -> Option<Example> {
        let id_type = database.settings.tenant_id_type;
        let tenant = match (&self.tenant, id_type) {
            (None, _) => None,
            (Some(Value::Long(id)), TenantIdType::Integer) => {
                Some(TenantId::parse(&id.to_string(), id_type).ok()?)
            }
            (Some(Value::String(id)), TenantIdType::Uuid | TenantIdType::String) => {
                Some(TenantId::parse(id, id_type).ok()?)
            }
            (Some(_), _) => return None,
        };
        let scope: Option<ScopeId> = match &self.scope {
            Some(scope) => Some(scope.parse().ok()?),
            None => None,
        };
        let claims = claims::can_be(&self.claims, &database.settings.claims);
        if !claims || !relation.columns.iter().all(|column| self.can_hold(column)) {
            return None;
        }
        let principal = Principal::new(tenant, scope).with_claims(self.claims.clone());
        let (key, row, touched) = (self.key.clone(), self.row.clone(), self.touched.clone());
        let asked = Example { principal, key, row, touched, verdict: None };
        let verdict = asked.verdict_of(database, &relation.name);
        Some(Example { verdict, ..asked })
    }

    /// A UUID has one spelling and a day begins at midnight, which Cedar does not know.
    fn can_hold(&self, column: &Column) -> bool {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        match (column.column_type, self.row.get(&column.name)) {
            (ColumnType::Uuid, Some(Value::String(text))) => {
                uuid::Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == *text)
            }
            (ColumnType::ObjectId, Some(Value::String(text))) => {
                text.len() == 24
                    && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
            (ColumnType::Date, Some(Value::Datetime(instant))) => instant.rem_euclid(DAY_MS) == 0,
            _ => true,
        }
    }

    /// The same row under the id that its primary key gives it.
    fn keyed(&self, relation: &Relation) -> Option<Self> {
        let [column] = relation.primary_key.as_slice() else { return None };
        let key = match self.row.get(column)? {
            Value::Long(id) => id.to_string(),
            Value::String(id) => id.clone(),
            Value::Bool(_) | Value::Datetime(_) => return None,
        };
        Some(Self { key, ..self.clone() })
    }

    /// With plain values where the solver chose what no caller is called and no column holds.
    fn repaired(&self, database: &Database, relation: &Relation) -> Self {
        let id_type = database.settings.tenant_id_type;
        let mut draft = self.clone();
        for step in self.renames(database, relation) {
            let Step::Rename(from, to) = step else { continue };
            let tenant = match &from {
                Value::Long(id) => TenantId::parse(&id.to_string(), id_type).is_ok(),
                Value::String(id) => TenantId::parse(id, id_type).is_ok(),
                Value::Bool(_) | Value::Datetime(_) => false,
            };
            let no_tenant = self.tenant.as_ref() == Some(&from) && !tenant;
            let no_scope = matches!(&from, Value::String(text)
                if self.scope.as_ref() == Some(text) && text.parse::<ScopeId>().is_err());
            let held = |column: &&Column| self.row.get(&column.name) == Some(&from);
            let mut columns = relation.columns.iter().filter(held);
            let no_claim = matches!(&from, Value::String(text) if text.parse::<ScopeId>().is_err())
                && claims::values(&self.claims).contains(&from);
            if no_tenant || no_scope || no_claim || columns.any(|column| !self.can_hold(column)) {
                draft.rename(&from, &to);
            }
        }
        draft.keyed(relation).unwrap_or(draft)
    }

    fn rename(&mut self, from: &Value, to: &Value) {
        if self.tenant.as_ref() == Some(from) {
            self.tenant = Some(to.clone());
        }
        if let (Value::String(from), Value::String(to)) = (from, to)
            && self.scope.as_ref() == Some(from)
        {
            self.scope = Some(to.clone());
        }
        self.claims = claims::renamed(&self.claims, from, to);
        self.row = renamed(&self.row, from, to);
    }

    fn is_id(&self, value: &Value, relation: &Relation, column_type: ColumnType) -> bool {
        let mut columns = relation.columns.iter();
        columns.any(|column| {
            column.column_type == column_type && self.row.get(&column.name) == Some(value)
        })
    }

    /// Each value by a plain one that is nowhere else yet: equal values stay equal and others apart.
    fn renames(&self, database: &Database, relation: &Relation) -> Vec<Step> {
        let tenant = plain_tenant(database.settings.tenant_id_type);
        let mut values: Vec<Value> = Vec::new();
        values.extend(self.tenant.clone());
        values.extend(self.scope.clone().map(Value::String));
        values.extend(claims::values(&self.claims));
        values.extend(
            relation.columns.iter().filter_map(|column| self.row.get(&column.name).cloned()),
        );
        let mut seen = BTreeSet::new();
        values.retain(|value| seen.insert(value.clone()));
        let (mut long, mut text) = (1, 0_u8);
        let mut steps = Vec::new();
        for value in values {
            let to = match &value {
                _ if self.tenant.as_ref() == Some(&value) => Some(tenant.clone()),
                Value::Long(_) => {
                    long += 1;
                    Some(Value::Long(long))
                }
                Value::String(_) if self.is_id(&value, relation, ColumnType::Uuid) => {
                    long += 1;
                    Some(Value::String(format!("00000000-0000-4000-8000-{long:012}")))
                }
                Value::String(_) if self.is_id(&value, relation, ColumnType::ObjectId) => {
                    long += 1;
                    Some(Value::String(format!("{long:024}")))
                }
                Value::String(_) => {
                    let letter = char::from(b'a' + text % 26);
                    text = text.wrapping_add(1);
                    Some(Value::String(letter.to_string()))
                }
                Value::Bool(_) => None,
                Value::Datetime(_) => Some(Value::Datetime(0)),
            };
            steps.extend(to.map(|to| Step::Rename(value, to)));
        }
        steps
    }
}

/// What a column holds where it does not matter.
fn plain(column: &Column) -> Option<Value> {
    Some(match (column.column_type, column.cedar()?) {
        (ColumnType::Uuid, _) => Value::String("00000000-0000-4000-8000-000000000007".to_owned()),
        (ColumnType::ObjectId, _) => Value::String("000000000000000000000007".to_owned()),
        (_, CedarType::Long) => Value::Long(7),
        (_, CedarType::String) => Value::String("x".to_owned()),
        (_, CedarType::Bool) => Value::Bool(false),
        (_, CedarType::Datetime) => Value::Datetime(0),
    })
}

/// The tenant that examples are shown with.
pub(super) fn plain_tenant_id(id_type: TenantIdType) -> Option<TenantId> {
    let text = match plain_tenant(id_type) {
        Value::Long(id) => id.to_string(),
        Value::String(id) => id,
        Value::Bool(_) | Value::Datetime(_) => return None,
    };
    TenantId::parse(&text, id_type).ok()
}

/// As a caller's own.
fn plain_tenant(id_type: TenantIdType) -> Value {
    match id_type {
        TenantIdType::Integer => Value::Long(82),
        TenantIdType::Uuid => Value::String("00000000-0000-4000-8000-000000000082".to_owned()),
        TenantIdType::String => Value::String("acme".to_owned()),
    }
}

/// A row with those that it leads to, as far as a rule may go.
fn read_row(
    database: &Database,
    relation: &Relation,
    uid: &EntityUid,
    found: &Env,
    depth: usize,
) -> Option<Row> {
    const DEEPEST: usize = 6;
    let mut row = Row::new();
    let entity = found.entities.get(uid)?;
    for column in &relation.columns {
        read_column(entity, column, &mut row);
    }
    for (hop, of) in database.hops_from(relation) {
        if let Some(Ok(EvalResult::EntityUid(parent))) = entity.attr(&hop.name)
            && depth < DEEPEST
            && let Some(own) = read_row(database, of, &parent, found, depth + 1)
        {
            let key = parent.id().unescaped().to_owned();
            row.insert_parent(&hop.name, Parent { key, row: own });
        }
    }
    Some(row)
}

/// A column's value, which for a field of a document is inside of the document's.
fn read_column(entity: &Entity, column: &Column, row: &mut Row) {
    let whole = entity.attr(column.name.as_str()).and_then(Result::ok);
    let found = whole.or_else(|| {
        let mut path = column.name.as_str().split('.');
        let first = entity.attr(path.next()?)?.ok()?;
        path.try_fold(first, |document, field| match document {
            EvalResult::Record(record) => record.get(field).cloned(),
            _ => None,
        })
    });
    match found {
        Some(EvalResult::Set(elements)) => {
            row.insert_set(column.name.clone(), elements.iter().filter_map(value));
        }
        // A document is there; what is in it is in its fields.
        Some(EvalResult::Record(_)) => row.insert(column.name.clone(), Value::Bool(true)),
        Some(found) => {
            if let Some(value) = value(&found) {
                row.insert(column.name.clone(), value);
            }
        }
        None => {}
    }
}

pub(super) fn value(found: &EvalResult) -> Option<Value> {
    match found {
        EvalResult::Bool(value) => Some(Value::Bool(*value)),
        EvalResult::Long(value) => Some(Value::Long(*value)),
        EvalResult::String(value) => Some(Value::String(value.clone())),
        // Instants are all that policies have of these. One that is written otherwise becomes another, and is then
        // confirmed or not like any value.
        EvalResult::ExtensionValue(text) => {
            let milliseconds =
                text.split("duration(\"").nth(1).and_then(|rest| rest.split_once("ms"));
            let milliseconds = milliseconds.and_then(|(digits, _)| digits.parse().ok());
            Some(Value::Datetime(milliseconds.unwrap_or(0)))
        }
        EvalResult::EntityUid(_) | EvalResult::Set(_) | EvalResult::Record(_) => None,
    }
}
