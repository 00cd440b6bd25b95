//! Policies in files: one folder a database, loaded and validated as a whole, evaluated partially for a principal.
//!
//! [`Database::load`] reads `database.toml`, `catalog.toml` and every `*.cedar` file of a folder, and refuses the
//! folder if any of it cannot be upheld exactly. [`Database::predicates_for`] gives the row filters of one principal.

pub mod settings;
pub mod place;
pub mod problem;
pub mod schema;
pub mod generate;
pub mod check;
mod source;
mod related;
mod load;
mod evaluate;
mod explain;
mod functions;
mod idle;
mod lower;
mod simplify;
pub mod symbolic;
mod oracle;
pub mod tenancy;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "prove")]
use cedar_policy::Policy;
use cedar_policy::{Entity, PolicyId, PolicySet, Schema};
use quick_cache::sync::Cache;

use crate::catalog::{Catalog, ColumnName, Relation, RelationName};
use crate::identity::{DatabaseId, Principal};
use crate::predicate::{Hop, Mask, PredicateSet, Row, RowFilter, gone};
use evaluate::{Asked, Decided};
pub use explain::{Applied, Residual};
pub use functions::FunctionProblem;
pub use idle::Idle;
pub use oracle::Verdict;
use place::Place;
pub use problem::{LoadError, Problem};
pub use related::Unfollowed;
use related::{Hops, Reads};
use settings::Settings;

/// Principals whose filters are kept.
const CACHED_PRINCIPALS: usize = 1_024;

/// One database, loaded from its folder: settings, catalog and policies that fit each other.
pub struct Database {
    /// The folder's name.
    pub id: DatabaseId,
    /// `database.toml`.
    pub settings: Settings,
    /// `catalog.toml`.
    pub catalog: Catalog,
    schema: Schema,
    hops: Hops,
    rules: Rules,
    version: String,
    scope_filters: bool,
    filters: Cache<Principal, Arc<PredicateSet>>,
}

/// The policies under their `@id`s, sorted by what they can apply to: asking every policy about every relation would
/// make the work for one principal their product.
#[derive(Default)]
struct Rules {
    all: PolicySet,
    /// Policies whose scope does not name an entity type.
    shared: PolicySet,
    /// Policies that apply to one entity type only.
    by_entity_type: HashMap<String, PolicySet>,
    /// Where each policy stands among the files, which is the order of a filter's parts.
    places: HashMap<PolicyId, usize>,
    /// Where each policy is written.
    sites: HashMap<PolicyId, Place>,
    /// The columns that some policy asks for in `context.columns`.
    columns: BTreeSet<ColumnName>,
    /// What permits mask, by their places.
    masks: BTreeMap<usize, BTreeMap<ColumnName, Mask>>,
}

/// The texts of a folder, by file name; what [`Database::load`] reads and tests build by hand.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The text of `database.toml`.
    pub settings: String,
    /// The text of `catalog.toml`.
    pub catalog: String,
    /// File name and text of every `*.cedar`, in the order of the names.
    pub policies: Vec<(String, String)>,
}

impl Database {
    /// Reads and checks a folder. Its name is the database id.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let (id, sources) = load::read(folder)?;
        on_a_big_stack(|| load::load(id, &folder.display().to_string(), &sources))
    }

    /// Checks texts that are already read, as if they were the files of `policies/<id>`.
    pub fn from_sources(id: DatabaseId, sources: &Sources) -> Result<Self, LoadError> {
        let folder = format!("policies/{id}");
        on_a_big_stack(|| load::load(id, &folder, sources))
    }

    fn new(
        id: DatabaseId,
        settings: Settings,
        catalog: Catalog,
        schema: Schema,
        rules: Rules,
        version: String,
        scope_filters: bool,
    ) -> Self {
        let filters = Cache::new(CACHED_PRINCIPALS);
        let hops = Hops::of(&catalog, settings.engine);
        Self { id, settings, catalog, schema, hops, rules, version, scope_filters, filters }
    }

    /// A hash of settings, catalog and policies: names exactly what decided an answer. 64 hexadecimal digits, of which
    /// the first 16 are enough to show.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The row filters of one principal for the action `read`; cached by principal.
    ///
    /// A principal that is not of the kind that the settings ask for (no tenant where one is required, a tenant where
    /// none is, a tenant of another type) gets the empty set: no rows of any relation.
    pub fn predicates_for(&self, principal: &Principal) -> Result<Arc<PredicateSet>, Unsupported> {
        self.filters.get_or_insert_with(principal, || {
            let Some(caller) = evaluate::caller(&self.settings, principal) else {
                return Ok(Arc::new(PredicateSet::default()));
            };
            on_a_big_stack(|| self.evaluated(&caller)).map(Arc::new)
        })
    }

    fn evaluated(&self, caller: &Entity) -> Result<PredicateSet, Unsupported> {
        let (rules, schema, hops) = (&self.rules, &self.schema, &self.hops);
        let mut filters = Vec::new();
        let mut columns = Vec::new();
        for relation in &self.catalog.relations {
            let Decided { mut filter, hidden, mut masked } =
                Asked { rules, schema, hops, relation, caller }.decide()?;
            // A relation without a column is none.
            let gone = gone(relation, &hidden.everywhere);
            if gone.len() == relation.columns.len() {
                filter = RowFilter::NoRows;
            }
            // What does not exist is not masked.
            masked.retain(|column, _| !gone.contains(column));
            columns.push((relation.name.clone(), hidden, masked));
            filters.push((relation.name.clone(), filter));
        }
        let mut filters: PredicateSet = filters.into_iter().collect();
        for (relation, hidden, masked) in columns {
            filters.hide(relation.clone(), hidden.everywhere);
            filters.leave(relation.clone(), hidden.somewhere);
            filters.mask(relation, masked);
        }
        Ok(filters)
    }

    /// Cedar's own verdict on one row, for a query that touches no column: the oracle that filters are tested against. `key` is the row's primary key as
    /// text, the id of its entity.
    ///
    /// A row that cannot be an entity of the relation, say for want of a NOT NULL column, is not authorized.
    pub fn is_authorized(
        &self,
        principal: &Principal,
        relation: &RelationName,
        key: &str,
        row: &Row,
    ) -> bool {
        self.is_authorized_to_touch(principal, relation, key, row, &[])
    }

    /// As [`Database::is_authorized`], for a query that touches these columns of the relation.
    pub fn is_authorized_to_touch(
        &self,
        principal: &Principal,
        relation: &RelationName,
        key: &str,
        row: &Row,
        touched: &[ColumnName],
    ) -> bool {
        let verdict = self.verdict(principal, relation, key, row, touched);
        verdict.is_some_and(|verdict| verdict.allowed)
    }

    /// As [`Self::is_authorized_to_touch`], with the policies that decided. `None` for a caller that the settings refuse
    /// and for a row that the relation cannot have.
    pub fn verdict(
        &self,
        principal: &Principal,
        relation: &RelationName,
        key: &str,
        row: &Row,
        touched: &[ColumnName],
    ) -> Option<Verdict> {
        let relation = self.catalog.relation(relation)?;
        let caller = evaluate::caller(&self.settings, principal)?;
        oracle::Oracle { rules: &self.rules, schema: &self.schema, hops: &self.hops }
            .verdict(relation, caller, key, row, touched)
    }

    /// The foreign keys of a relation that rules may follow, each with the relation that it leads to.
    pub fn hops_from(&self, relation: &Relation) -> impl Iterator<Item = (&Hop, &Relation)> {
        let followed = self.hops.from(&relation.name).iter();
        followed.filter_map(|followed| Some((&followed.hop, self.hops.parent(&followed.hop)?)))
    }

    /// The key that an attribute of a relation follows.
    #[cfg(feature = "prove")]
    pub(crate) fn hop(&self, relation: &Relation, name: &str) -> Option<Hop> {
        self.hops.named(&relation.name, name).map(|followed| followed.hop.clone())
    }

    /// What a policy masks, where it is a permit that masks something.
    #[cfg(feature = "prove")]
    pub(crate) fn masks_by(&self, policy: &PolicyId) -> Option<&BTreeMap<ColumnName, Mask>> {
        self.rules.masks.get(&self.rules.place(policy))
    }

    /// What a row that may be read shows in place of a column's value, by Cedar's own verdict on it: the strictest of the
    /// masks of the permits that decided, and the value where one of them does not mask it.
    #[cfg(feature = "prove")]
    pub(crate) fn mask_on(&self, verdict: &Verdict, column: &ColumnName) -> Option<Mask> {
        let masks = verdict.deciding.iter().map(|id| {
            let masks = self.masks_by(&PolicyId::new(id))?;
            masks.get(column).copied()
        });
        // One that is `None` is less than any mask.
        masks.min_by_key(|mask| (mask.is_some(), *mask)).flatten()
    }

    /// Every policy.
    #[cfg(feature = "prove")]
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Policy> {
        self.rules.all.policies()
    }

    /// The schema and, in the order of the files, the policies that can apply to a relation.
    #[cfg(feature = "prove")]
    pub(crate) fn rules_on(&self, relation: &Relation) -> (&Schema, Vec<&Policy>) {
        let own = self.rules.by_entity_type.get(&relation.entity_type);
        let shared = std::iter::once(&self.rules.shared);
        let mut policies: Vec<_> = shared.chain(own).flat_map(PolicySet::policies).collect();
        policies.sort_by_key(|policy| self.rules.place(policy.id()));
        (&self.schema, policies)
    }

    /// The schema under these settings of another catalog.
    #[cfg(feature = "prove")]
    pub(crate) fn schema_of(&self, catalog: &Catalog) -> Result<Schema, String> {
        schema::derive(&self.settings, catalog).map_err(|reasons| {
            reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        })
    }

    /// The paths that policies on a relation read or ask for, from the row on.
    #[cfg(feature = "prove")]
    pub(crate) fn paths_on(&self, relation: &Relation) -> BTreeSet<Vec<String>> {
        let (_, policies) = self.rules_on(relation);
        let policies = policies.into_iter().filter_map(|policy| policy.to_pst().ok());
        on_a_big_stack(|| policies.flat_map(|policy| check::paths_of(policy.body())).collect())
    }

    /// The columns that some policy asks for in `context.columns`.
    #[cfg(feature = "prove")]
    pub(crate) fn columns_asked(&self) -> &BTreeSet<ColumnName> {
        &self.rules.columns
    }

    /// The `@id` of every policy, in the order of the files.
    pub fn policy_ids(&self) -> Vec<String> {
        let mut ids: Vec<&PolicyId> =
            self.rules.all.policies().map(cedar_policy::Policy::id).collect();
        ids.sort_by_key(|id| self.rules.place(id));
        ids.into_iter().map(ToString::to_string).collect()
    }

    /// The columns of a relation that filters may read, whoever asks: its own filter, and those of relations whose rules
    /// follow a key to it.
    pub fn columns_read(&self, relation: &Relation) -> BTreeSet<ColumnName> {
        let reads = self.reads();
        let own = reads.columns.into_iter().filter(|(of, _)| of == &relation.name);
        own.map(|(_, column)| column).collect()
    }

    /// As [`Self::columns_read`], of every relation at once.
    pub fn all_columns_read(&self) -> BTreeSet<(RelationName, ColumnName)> {
        self.reads().columns
    }

    /// The foreign keys that rules follow, whoever asks.
    pub fn keys_followed(&self) -> BTreeSet<Hop> {
        self.reads().hops
    }

    fn reads(&self) -> Reads {
        let by_type: HashMap<&str, &Relation> = self
            .catalog
            .relations
            .iter()
            .map(|relation| (relation.entity_type.as_str(), relation))
            .collect();
        let mut reads = Reads::default();
        let mut read = |policies: &PolicySet, relations: &[&Relation]| {
            for policy in policies.policies().filter_map(|policy| policy.to_pst().ok()) {
                let paths = check::paths_of(policy.body());
                for relation in relations {
                    for path in &paths {
                        reads.add(&self.hops, relation, path);
                    }
                }
            }
        };
        on_a_big_stack(|| {
            let every: Vec<&Relation> = self.catalog.relations.iter().collect();
            read(&self.rules.shared, &every);
            for (entity_type, policies) in &self.rules.by_entity_type {
                if let Some(relation) = by_type.get(entity_type.as_str()) {
                    read(policies, &[relation]);
                }
            }
        });
        reads
    }

    /// Whether any policy permits anybody rows of a relation. One whose policies cannot be told without a caller counts
    /// as permitted.
    pub fn is_permitted(&self, relation: &Relation) -> bool {
        self.symbolic_rules(relation).map_or(true, |rules| !rules.is_empty())
    }

    /// Whether a scope id filters rows here; otherwise it is only recorded. It does where a policy reads
    /// `principal.scope`, as at least one must where `scope_filter_column` is set.
    pub fn scope_filters(&self) -> bool {
        self.scope_filters || self.settings.scope_filter_column.is_some()
    }
}

/// Lowering's answer to a residual that it cannot express exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{policy}` uses {construct}, which cannot be expressed exactly as a filter")]
pub struct Unsupported {
    /// The policy's `@id`.
    pub policy: String,
    /// What it uses.
    pub construct: String,
}

/// Policies are as deep as their length allows, and the walks over them are recursive: ours, and Cedar's own, which do
/// not all look at the stack. The memory is used only as far as a walk goes.
fn on_a_big_stack<R>(walk: impl FnOnce() -> R) -> R {
    stacker::grow(128 * 1024 * 1024, walk)
}
