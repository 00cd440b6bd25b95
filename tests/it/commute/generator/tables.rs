//! The demo's relations, with the types that expressions must keep apart.

use super::Ty::{Big, Bool, Date, Int, Real, Text};
use super::{Col, Flavor, Ty};

pub(super) fn columns(table: &str, flavor: Flavor) -> Vec<Col> {
    let columns: &[(&str, Ty)] = match table {
        "projects" => &[
            ("id", Int),
            ("customer_id", Big),
            ("name", Text),
            ("status", Text),
            ("budget", Big),
            ("country_code", Text),
            ("started_on", Date),
            ("archived", Bool),
        ],
        "tasks" => &[
            ("id", Int),
            ("project_id", Int),
            ("customer_id", Big),
            ("title", Text),
            ("description", Text),
            ("status", Text),
            ("priority", Int),
            ("assigned_to", Text),
            ("due_on", Date),
            ("estimate_hours", Real),
            ("created_at", Date),
        ],
        "users" => &[
            ("id", Int),
            ("customer_id", Big),
            ("name", Text),
            ("email", Text),
            ("handle", Text),
            ("role", Text),
            ("country_code", Text),
            ("active", Bool),
            ("joined_on", Date),
        ],
        "time_entries" => &[
            ("id", Int),
            ("customer_id", Big),
            ("task_id", Int),
            ("user_id", Int),
            ("hours", Real),
            ("spent_on", Date),
            ("note", Text),
        ],
        _ => &[
            ("code", Text),
            ("name", Text),
            ("region", Text),
            ("currency", Text),
            ("population", Big),
        ],
    };
    columns
        .iter()
        .map(|(name, ty)| Col { name: (*name).to_owned(), ty: stored(*ty, flavor) })
        .collect()
}

/// SQLite keeps truth values as integers and days as text; MySQL has no truth values.
fn stored(ty: Ty, flavor: Flavor) -> Ty {
    match (ty, flavor) {
        (Bool, Flavor::Sqlite | Flavor::Mysql) => Int,
        (Date, Flavor::Sqlite) => Text,
        _ => ty,
    }
}
