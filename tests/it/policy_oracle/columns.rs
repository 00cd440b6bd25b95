//! What is shown of columns, row by row, under random policies: by filters, masks and what touching leaves, and by Cedar's
//! verdict with the permits that decided. That engines show what these say is in `masks.rs` and `columns.rs` one folder up.

use std::collections::{BTreeMap, BTreeSet};

use dialektai::catalog::ColumnName;
use dialektai::identity::Principal;
use dialektai::policy::Database;
use dialektai::predicate::{Mask, Row};
use rand::SeedableRng as _;

use super::generator::Generator;
use super::shrink::shrink;
use super::{load, main_relation, principals, rows};

/// What the annotations of a policy set say, policy by policy, and the columns that it asks for: read from its text, by
/// nothing that loads policies.
#[derive(Default)]
pub(super) struct Written {
    masks: BTreeMap<String, BTreeMap<ColumnName, Mask>>,
    columns: BTreeSet<ColumnName>,
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once('"').map(|(inside, _)| inside)
}

impl Written {
    pub(super) fn of(policies: &str) -> Self {
        let mut written = Self::default();
        for line in policies.lines() {
            let Some(id) = quoted(line, "@id(\"") else { continue };
            if let (Some(mask), Some(columns)) =
                (quoted(line, "@mask(\""), quoted(line, "@columns(\""))
            {
                let mask = if mask == "null" { Mask::Null } else { Mask::Last4 };
                let columns: BTreeMap<ColumnName, Mask> =
                    columns.split(", ").map(|name| (ColumnName::new(name), mask)).collect();
                written.columns.extend(columns.keys().cloned());
                written.masks.insert(id.to_owned(), columns);
            }
            written
                .columns
                .extend(quoted(line, "context.columns.contains(\"").map(ColumnName::new));
        }
        written
    }

    /// The strictest mask of the permits that decided; none where one of them does not mask the column.
    fn shown(&self, deciding: &[String], column: &ColumnName) -> Option<Mask> {
        let masks = deciding.iter().map(|id| self.masks.get(id)?.get(column).copied());
        masks.collect::<Option<Vec<Mask>>>()?.into_iter().min()
    }

    /// How many values are masked and how many rows are hidden by touching, or the first disagreement.
    pub(super) fn compare(
        &self,
        database: &Database,
        principal: &Principal,
        rows: &[(&'static str, String, Row)],
    ) -> Result<[usize; 2], String> {
        let facts = main_relation("facts");
        let filters = database.predicates_for(principal).map_err(|error| error.to_string())?;
        let (mut masked, mut hidden) = (0, 0);
        for column in &self.columns {
            let gone = filters.hidden_of(&facts).is_some_and(|hidden| hidden.contains(column));
            let left = filters.filter_touching(&facts, [column]);
            for (_, key, row) in rows.iter().filter(|(of, ..)| *of == "facts") {
                let touched = [column.clone()];
                let verdict = database.verdict(principal, &facts, key, row, &touched).unwrap();
                let mask = filters.mask_of(&facts, column).and_then(|masked| masked.on(row));
                let found = (!gone && left.keeps(row)).then_some(mask);
                let expected = verdict.allowed.then(|| self.shown(&verdict.deciding, column));
                if found != expected {
                    return Err(format!(
                        "of `{column}` row {key} shows {found:?}, and Cedar says {expected:?}, for {principal:?}\n\
                         row: {row:?}\nleft: {left:?}\nmasked: {:?}",
                        filters.mask_of(&facts, column)
                    ));
                }
                masked += usize::from(matches!(found, Some(Some(_))));
                hidden += usize::from(found.is_none() && filters.filter_for(&facts).keeps(row));
            }
        }
        Ok([masked, hidden])
    }
}

#[test]
fn random_policies_show_of_columns_what_cedar_says() {
    const SEED: u64 = 20_261_125;
    const SETS: usize = 150;
    let mut generator = Generator::with_columns(rand_chacha::ChaCha8Rng::seed_from_u64(SEED));
    let (principals, rows) = (principals(), rows());
    let (mut policies, mut refused, mut masked, mut hidden) = (0, 0, 0, 0);
    for set in 0..SETS {
        let principal = &principals[set % principals.len()];
        let (text, count) = generator.policy_set();
        let Ok(database) = load(&text) else {
            refused += 1;
            continue;
        };
        let compare =
            |text: &str, database: &Database| Written::of(text).compare(database, principal, &rows);
        let compared = compare(&text, &database).unwrap_or_else(|said| {
            let (small, said) =
                shrink(&text, said, &mut |text| compare(text, &load(text).ok()?).err());
            panic!("{said}\n\npolicies, made small:\n{small}\n\nas they were:\n{text}")
        });
        policies += usize::from(compared != [0, 0]) * count;
        masked += compared[0];
        hidden += compared[1];
    }
    println!(
        "seed {SEED}: {policies} policies that change columns in {SETS} sets, {refused} refused; {masked} values are masked, {hidden} rows \
         are hidden by touching a column"
    );
    assert!(refused * 3 < SETS, "{refused} of {SETS} sets were refused");
    assert!(masked > 500 && hidden > 500, "{masked} values, {hidden} rows");
}
