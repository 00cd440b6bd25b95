//! `has`: what is there of a row.

use super::{Lowering, rows_if};
use crate::policy::Unsupported;
use crate::predicate::{Predicate, RowFilter};

impl Lowering<'_> {
    /// `resource has` this path.
    pub(super) fn has_path(&self, path: &[&str], want: bool) -> Result<RowFilter, Unsupported> {
        match path.split_first() {
            Some((name, behind)) if self.followed(name).is_some() => {
                self.has_parent(name, behind, want)
            }
            Some(_) | None => Ok(self.has_each(String::new(), path, want)),
        }
    }

    /// `has a.b` is `has a && a has b`. `path` is that of the document, with a dot behind it.
    pub(super) fn has_each(&self, mut path: String, attrs: &[&str], want: bool) -> RowFilter {
        let mut filter = rows_if(want);
        for (index, attr) in attrs.iter().enumerate() {
            path.push_str(attr);
            let own = self.has(&path, want);
            filter = match (index, want) {
                (0, _) => own,
                (_, true) => filter.and(own),
                (_, false) => filter.or(own),
            };
            path.push('.');
        }
        filter
    }

    /// The row is in hand, so a column that is NOT NULL is there, and one that the relation lacks is not.
    fn has(&self, path: &str, want: bool) -> RowFilter {
        match self.column(path) {
            Some(column) if column.is_attribute() => {
                if column.nullable {
                    let column = column.name.clone();
                    RowFilter::Where(Predicate::IsNull { column, negated: want })
                } else {
                    rows_if(want)
                }
            }
            Some(_) | None => rows_if(!want),
        }
    }
}
