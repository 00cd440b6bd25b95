//! The demo's relations, with the types that expressions must keep apart.

use super::Ty::{Big, Int, Real, Text};
use super::{Col, Ty};

pub(super) fn columns(table: &str) -> Vec<Col> {
    let columns: &[(&str, Ty)] = match table {
        "projects" => &[
            ("id", Int),
            ("customer_id", Big),
            ("name", Text),
            ("status", Text),
            ("budget", Big),
            ("country_code", Text),
            ("started_on", Text),
            ("archived", Int),
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
            ("due_on", Text),
            ("estimate_hours", Real),
            ("created_at", Text),
        ],
        "users" => &[
            ("id", Int),
            ("customer_id", Big),
            ("name", Text),
            ("email", Text),
            ("handle", Text),
            ("role", Text),
            ("country_code", Text),
            ("active", Int),
            ("joined_on", Text),
        ],
        "time_entries" => &[
            ("id", Int),
            ("customer_id", Big),
            ("task_id", Int),
            ("user_id", Int),
            ("hours", Real),
            ("spent_on", Text),
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
    columns.iter().map(|(name, ty)| Col { name: (*name).to_owned(), ty: *ty }).collect()
}
