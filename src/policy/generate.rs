//! The first rules of a database.

use crate::catalog::Catalog;

use super::settings::Settings;

/// The text of a first `tenant.cedar`.
pub fn tenant_cedar(_settings: &Settings, _catalog: &Catalog) -> String {
    unimplemented!()
}
