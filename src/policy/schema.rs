//! The Cedar schema derived from a catalog.

use crate::catalog::Catalog;

use super::settings::Settings;

/// The text of `schema.cedarschema`.
pub fn cedarschema(_settings: &Settings, _catalog: &Catalog) -> String {
    unimplemented!()
}
