//! Partial evaluation: the rules of a database, a principal in hand and the row unknown -> row filters.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::pst::Clause;
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PartialEntities,
    PartialEntityUid, PartialRequest, Policy, PolicyId, PolicySet, RestrictedExpression, Schema,
    TpeResponse,
};

use crate::catalog::{ColumnName, PRINCIPAL_TYPE, Relation};
use crate::identity::{ClaimValue, Principal, TenantId, TenantIdType};
use crate::predicate::{Mask, Masked, RowFilter};

use super::check::masks::masks;
use super::lower::lower;
use super::related::Hops;
use super::schema::{ACTION, COLUMNS};
use super::settings::Settings;
use super::simplify::simplify;
use super::{Rules, Unsupported};

/// The caller as an entity; `None` where it is not of the kind that the database's settings ask for.
// INVARIANT (default deny): a caller without a tenant, or with one of another type, has no entity and so no rows; nor has
// one with claims that are not declared.
pub(super) fn caller(settings: &Settings, principal: &Principal) -> Option<Entity> {
    let mut attributes = HashMap::new();
    match (settings.requires_organization_scoping, &principal.tenant) {
        (false, None) => {}
        (true, Some(tenant)) => {
            let value = match (settings.tenant_id_type, tenant) {
                (TenantIdType::Integer, TenantId::Integer(id)) => {
                    RestrictedExpression::new_long(*id)
                }
                (TenantIdType::Uuid, TenantId::Uuid(id))
                | (TenantIdType::String, TenantId::String(id)) => {
                    RestrictedExpression::new_string(id.clone())
                }
                (
                    TenantIdType::Integer | TenantIdType::Uuid | TenantIdType::String,
                    TenantId::Integer(_) | TenantId::Uuid(_) | TenantId::String(_),
                ) => return None,
            };
            attributes.insert("tenant".to_owned(), value);
        }
        (true, None) | (false, Some(_)) => return None,
    }
    if let Some(scope) = &principal.scope {
        let value = RestrictedExpression::new_string(scope.as_str().to_owned());
        attributes.insert("scope".to_owned(), value);
    }
    for (name, value) in principal.claims.iter() {
        // Another version of the settings may have taken them.
        let declared = settings.claims.get(name).is_some_and(|declared| value.is(*declared));
        if !declared {
            return None;
        }
        attributes.insert(name.to_owned(), claim(value));
    }
    Entity::new(uid(PRINCIPAL_TYPE, "caller")?, attributes, HashSet::new()).ok()
}

fn claim(value: &ClaimValue) -> RestrictedExpression {
    let text = |text: &String| RestrictedExpression::new_string(text.clone());
    match value {
        ClaimValue::String(value) => text(value),
        ClaimValue::Integer(value) => RestrictedExpression::new_long(*value),
        ClaimValue::Boolean(value) => RestrictedExpression::new_bool(*value),
        ClaimValue::Strings(members) => RestrictedExpression::new_set(members.iter().map(text)),
        ClaimValue::Integers(members) => RestrictedExpression::new_set(
            members.iter().copied().map(RestrictedExpression::new_long),
        ),
    }
}

/// The entity of this type and id.
pub(super) fn uid(entity_type: &str, id: &str) -> Option<EntityUid> {
    let entity_type: EntityTypeName = entity_type.parse().ok()?;
    Some(EntityUid::from_type_name_and_id(entity_type, EntityId::new(id)))
}

/// The context of an action that touches these columns.
pub(super) fn context<'a>(
    columns: impl IntoIterator<Item = &'a ColumnName>,
) -> Result<Context, String> {
    let name = |column: &ColumnName| RestrictedExpression::new_string(column.to_string());
    let columns = RestrictedExpression::new_set(columns.into_iter().map(name));
    Context::from_pairs([(COLUMNS.to_owned(), columns)]).map_err(|error| error.to_string())
}

/// What the rules over columns take from a caller.
#[derive(Default)]
pub(super) struct Hidden {
    /// The columns that do not exist: no row is shown to a query that touches them, while there are rows for a query that
    /// touches none.
    pub(super) everywhere: BTreeSet<ColumnName>,
    /// Those that exist on some rows, each with the rows that touching it leaves.
    pub(super) somewhere: BTreeMap<ColumnName, RowFilter>,
}

/// What the policies leave to a caller of one relation.
pub(super) struct Decided {
    /// The rows, for a query that touches no column.
    pub(super) filter: RowFilter,
    /// The columns that it does not have.
    pub(super) hidden: Hidden,
    /// The columns of which it sees some values masked.
    pub(super) masked: BTreeMap<ColumnName, Masked>,
}

impl Decided {
    fn nothing() -> Self {
        Self { filter: RowFilter::NoRows, hidden: Hidden::default(), masked: BTreeMap::new() }
    }
}

/// One caller before one relation.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) rules: &'a Rules,
    pub(super) schema: &'a Schema,
    pub(super) hops: &'a Hops,
    pub(super) relation: &'a Relation,
    pub(super) caller: &'a Entity,
}

impl Asked<'_> {
    pub(super) fn decide(self) -> Result<Decided, Unsupported> {
        let Some(untouched) = self.residuals(None)? else { return Ok(Decided::nothing()) };
        let filter = row_filter(&untouched);
        if filter == RowFilter::NoRows {
            return Ok(Decided::nothing());
        }
        let hidden = self.hidden(&untouched, &filter)?;
        let masked = self.masked(&untouched.permits);
        Ok(Decided { filter, hidden, masked })
    }

    /// The columns that are hidden from the caller.
    fn hidden(self, untouched: &Residuals, filter: &RowFilter) -> Result<Hidden, Unsupported> {
        let mut hidden = Hidden::default();
        let columns = self.relation.columns.iter().map(|column| &column.name);
        for column in columns.filter(|name| self.rules.columns.contains(*name)) {
            let touched = self.residuals(Some(column))?;
            let forbids = touched.map(|Residuals { permits: _, forbids }| forbids);
            // What forbids whatever is touched is in the filter.
            let left = forbids.map_or(RowFilter::NoRows, |forbids| {
                let own = forbids.into_iter().filter(|forbid| !untouched.forbids.contains(forbid));
                simplify(own.fold(RowFilter::AllRows, |left, (_, rows)| left.and(rows)))
            });
            match left {
                RowFilter::AllRows => {}
                RowFilter::NoRows => {
                    hidden.everywhere.insert(column.clone());
                }
                RowFilter::Where(_) if filter.clone().and(left.clone()) == *filter => {}
                RowFilter::Where(_) => {
                    hidden.somewhere.insert(column.clone(), left);
                }
            }
        }
        Ok(hidden)
    }

    /// The columns of which the caller sees some values masked.
    ///
    /// On a row, a column shows its value where some permit applies that does not mask it; otherwise the strictest mask
    /// of those that apply.
    fn masked(self, permits: &[(usize, RowFilter)]) -> BTreeMap<ColumnName, Masked> {
        let Self { rules, relation, .. } = self;
        let mut masked = BTreeMap::new();
        let mut named = rules.masks.values().flat_map(BTreeMap::keys);
        if !named.any(|name| relation.column(name).is_some()) {
            return masked;
        }
        let granted = permits.iter().map(|(_, filter)| filter.clone());
        let permitted = simplify(granted.fold(RowFilter::NoRows, RowFilter::or));
        for column in relation.columns.iter().map(|column| &column.name) {
            let mut clear = RowFilter::NoRows;
            let mut masks: BTreeMap<Mask, RowFilter> = BTreeMap::new();
            for (place, filter) in permits {
                match rules.masks.get(place).and_then(|masks| masks.get(column)) {
                    None => clear = clear.or(filter.clone()),
                    Some(mask) => {
                        let rows = masks.remove(mask).unwrap_or(RowFilter::NoRows);
                        masks.insert(*mask, rows.or(filter.clone()));
                    }
                }
            }
            let clear = simplify(clear);
            if clear == permitted {
                continue;
            }
            let masks = masks.into_iter().map(|(mask, rows)| (mask, simplify(rows))).collect();
            if let Some(found) = Masked::of(clear, masks) {
                masked.insert(column.clone(), found);
            }
        }
        masked
    }

    /// For a query that touches one column or none. `None` where a forbid leaves no row of the relation.
    fn residuals(self, touched: Option<&ColumnName>) -> Result<Option<Residuals>, Unsupported> {
        let Self { rules, schema, hops, relation, caller } = self;
        let partial = Partial::new(schema, relation, caller, touched)?;
        let own = rules.by_entity_type.get(&relation.entity_type);
        let mut permits = Vec::new();
        let mut forbids = Vec::new();
        for policies in std::iter::once(&rules.shared).chain(own) {
            let response = partial.evaluate(policies, schema)?;
            // INVARIANT (a forbid that errors denies): Cedar itself would skip it.
            if response.true_forbids().next().is_some() || response.error_forbids().next().is_some()
            {
                return Ok(None);
            }
            // A permit that errors or is false allows nothing; a forbid that is false forbids nothing.
            permits.extend(response.true_permits().map(|id| (rules.place(id), RowFilter::AllRows)));
            for id in response.residual_permits() {
                permits.push((
                    rules.place(id),
                    residual(response.get_policy(id), id, true, relation, hops)?,
                ));
            }
            for id in response.residual_forbids() {
                forbids.push((
                    rules.place(id),
                    residual(response.get_policy(id), id, false, relation, hops)?,
                ));
            }
        }
        // Cedar's own sets have no order, and a filter must be the same each time.
        permits.sort_by_key(|(place, _)| *place);
        forbids.sort_by_key(|(place, _)| *place);
        Ok(Some(Residuals { permits, forbids }))
    }
}

/// What some permit allows and every forbid is false on.
fn row_filter(Residuals { permits, forbids }: &Residuals) -> RowFilter {
    let permitted = permits.iter().map(|(_, filter)| filter.clone());
    let permitted = permitted.reduce(RowFilter::or).unwrap_or(RowFilter::NoRows);
    let forbids = forbids.iter().map(|(_, filter)| filter.clone());
    simplify(forbids.fold(permitted, RowFilter::and))
}

/// What is left of the policies for a caller, each with its place: the rows that a permit allows, and those that a forbid
/// leaves.
struct Residuals {
    permits: Vec<(usize, RowFilter)>,
    forbids: Vec<(usize, RowFilter)>,
}

/// A request for an unknown row of a relation.
pub(super) struct Partial {
    request: PartialRequest,
    entities: PartialEntities,
}

impl Partial {
    /// Of a known caller, with a query that touches one column or none.
    pub(super) fn new(
        schema: &Schema,
        relation: &Relation,
        caller: &Entity,
        touched: Option<&ColumnName>,
    ) -> Result<Self, Unsupported> {
        // Always known: an unknown context would stay in the residuals.
        let context = Some(context(touched).map_err(failed)?);
        let principal = PartialEntityUid::from_concrete(caller.uid());
        let request = Self::request(schema, relation, principal, context)?;
        let entities = Entities::from_entities([caller.clone()], Some(schema)).map_err(failed)?;
        let entities = PartialEntities::from_concrete(entities, schema).map_err(failed)?;
        Ok(Self { request, entities })
    }

    /// Of an unknown caller, with a query of which this is known.
    pub(super) fn of_anybody(
        schema: &Schema,
        relation: &Relation,
        context: Option<Context>,
    ) -> Result<Self, Unsupported> {
        let principal = PartialEntityUid::new(entity_type(PRINCIPAL_TYPE)?, None);
        let request = Self::request(schema, relation, principal, context)?;
        Ok(Self { request, entities: PartialEntities::empty() })
    }

    fn request(
        schema: &Schema,
        relation: &Relation,
        principal: PartialEntityUid,
        context: Option<Context>,
    ) -> Result<PartialRequest, Unsupported> {
        let action = uid("Action", ACTION).ok_or_else(|| failed(NO_TYPE))?;
        let resource = PartialEntityUid::new(entity_type(&relation.entity_type)?, None);
        PartialRequest::new(principal, action, resource, context, schema).map_err(failed)
    }

    pub(super) fn evaluate<'a>(
        &'a self,
        policies: &PolicySet,
        schema: &'a Schema,
    ) -> Result<TpeResponse<'a>, Unsupported> {
        policies.tpe(&self.request, &self.entities, schema).map_err(failed)
    }
}

const NO_TYPE: &str = "an entity type that Cedar does not allow";

fn entity_type(name: &str) -> Result<EntityTypeName, Unsupported> {
    name.parse().map_err(|_| failed(NO_TYPE))
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it by value")]
fn failed(construct: impl ToString) -> Unsupported {
    Unsupported { policy: "*".to_owned(), construct: construct.to_string() }
}

/// A residual policy has one `when` and no scope, and is satisfied on the rows where the condition is `want`.
fn residual(
    policy: Option<Policy>,
    id: &PolicyId,
    want: bool,
    relation: &Relation,
    hops: &Hops,
) -> Result<RowFilter, Unsupported> {
    let id: &str = id.as_ref();
    let unsupported =
        |construct: &str| Unsupported { policy: id.to_owned(), construct: construct.to_owned() };
    let policy = policy.ok_or_else(|| unsupported("a residual that is missing"))?;
    let policy = policy.to_pst().map_err(|error| unsupported(&error.to_string()))?;
    match policy.body().clauses().as_slice() {
        [Clause::When(condition)] => lower(condition, want, relation, hops, id),
        _ => Err(unsupported("a residual of another form")),
    }
}

impl Rules {
    /// Adds a policy that applies to one entity type, or to all. Says why where Cedar refuses it; the rules are not to
    /// be used then, as a forbid may be missing.
    pub(super) fn add(
        &mut self,
        policy: &Policy,
        entity_type: Option<String>,
    ) -> Result<(), String> {
        let place = self.places.len();
        self.places.insert(policy.id().clone(), place);
        let masked = masks(policy);
        if !masked.is_empty() {
            self.masks.insert(place, masked);
        }
        let own = match entity_type {
            Some(entity_type) => self.by_entity_type.entry(entity_type).or_default(),
            None => &mut self.shared,
        };
        own.add(policy.clone()).map_err(|error| error.to_string())?;
        self.all.add(policy.clone()).map_err(|error| error.to_string())
    }

    pub(super) fn place(&self, id: &PolicyId) -> usize {
        self.places.get(id).copied().unwrap_or(usize::MAX)
    }
}
