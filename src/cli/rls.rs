//! `dialektai rls`: the policies as native row-level security, a script to review. Needs no live database.

use std::path::Path;

use super::load;
use super::output::{self, Failed};
use crate::identity::DatabaseId;
use crate::rls;

pub(super) fn run(policies: &Path, id: &DatabaseId) -> Result<(), Failed> {
    let (database, _) = load(policies, id)?;
    let script = rls::script(&database)
        .map_err(|error| Failed::new("no_native_policies", error.to_string()))?;
    output::line(script.text.trim_end())?;
    if script.refused.is_empty() {
        return Ok(());
    }
    let message = format!(
        "some policies have no exact native form, and their relations show no row:\n{}",
        script.refused.join("\n")
    );
    Err(Failed::new("not_expressible", message))
}
