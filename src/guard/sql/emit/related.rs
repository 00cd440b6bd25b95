//! Related rows: `EXISTS` over the parent's own table, which no filter stands before.
//!
//! Every column in it is qualified. Inside, names are looked up from within: first the parent's alias, then whatever is
//! around. So the alias is none of those that stand around in the filter, the user's own among them.

use super::super::tree::{Body, Expr, Factor, FromItem, Name, Query, Select, SelectItem};
use super::{
    Dialect, Emit, Emitted, Values, in_front, mssql, mysql, number, postgresql, sqlite, unknown,
};
use crate::predicate::{Hop, Predicate};

impl Emit<'_, '_> {
    /// `EXISTS (SELECT 1 FROM schema.tasks AS related_1 WHERE related_1.id = base.task_id AND ..)`.
    // INVARIANT (isolation): a parent is read raw here and nowhere else, in a text that `verify` knows word for word.
    pub(super) fn exists(
        &mut self,
        hop: &Hop,
        asked: Option<&Predicate>,
        negated: bool,
    ) -> Emitted {
        let own = self.known(&hop.column)?;
        let parent = self.catalog.relation(&hop.parent);
        let parent = parent.ok_or_else(|| unknown("a relation that the catalog lacks"))?;
        let Some(qualifier) = self.qualifier else {
            return Err(unknown("a related row beside columns that have no table"));
        };
        let alias = self.fresh(&parent.name.name);
        let above: Vec<Name> = self.above.iter().chain([qualifier]).cloned().collect();
        let outer = self.column(&own);
        let outer = (&own, outer);
        let values = match &mut self.values {
            Values::Bound(values) => Values::Bound(values),
            Values::Written => Values::Written,
            // Its own policies would stand before the parent there.
            Values::Native(_) => return Err(unknown("a related row")),
        };
        let mut inner = Emit {
            dialect: self.dialect,
            catalog: self.catalog,
            relation: parent,
            qualifier: Some(&alias),
            above: &above,
            values,
        };
        let key = inner.known(&hop.key)?;
        let key = (&key, inner.column(&key));
        let same = match inner.dialect {
            Dialect::Sqlite => sqlite::same_key(key, outer),
            Dialect::Postgresql => postgresql::same_key(key, outer),
            Dialect::Mysql => mysql::same_key(key, outer),
            Dialect::Mssql => mssql::same_key(key, outer),
        };
        let filter = match asked {
            Some(asked) => in_front(same, inner.predicate(asked)?),
            None => same,
        };
        let relation = Factor::Base { relation: parent.name.clone(), alias };
        let select = Select {
            items: vec![SelectItem::Expr { expr: number(1), alias: None }],
            from: vec![FromItem { relation, joins: Vec::new() }],
            filter: Some(filter),
            ..Select::default()
        };
        let query = Query {
            with: None,
            body: Body::Select(Box::new(select)),
            order_by: Vec::new(),
            limit: None,
            offset: None,
            fetch_with_ties: None,
        };
        Ok(Expr::Exists { query: Box::new(query), negated })
    }

    /// An alias that nothing around has: for people the parent's own name, where it can be.
    fn fresh(&self, name: &str) -> Name {
        let taken = |name: &str| {
            self.above
                .iter()
                .chain(self.qualifier)
                .any(|above| above.as_str().to_lowercase() == name.to_lowercase())
        };
        if matches!(self.values, Values::Written) && !taken(name) {
            return Name::new(name);
        }
        let mut number = self.above.len() + 1;
        loop {
            let name = format!("related_{number}");
            if !taken(&name) {
                return Name::new(name);
            }
            number += 1;
        }
    }
}
