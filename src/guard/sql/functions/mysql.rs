//! MySQL and MariaDB.

use super::{Returns, Rule, aggregate};
use crate::catalog::ColumnType as T;

pub(super) const RULES: &[Rule] = &[aggregate("count", 1, 1, Returns::Of(T::Integer))];
