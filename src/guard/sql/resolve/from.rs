//! FROM clauses: which relation or CTE each name is, and what comes into scope.

use super::super::Dialect;
use super::super::scope::{self, Base, Binding, Scope, ScopeColumn};
use super::super::suggest;
use super::super::totality::{Analysis, Kind};
use super::super::tree::{Alias, Expr, Factor, FromItem, Join, JoinConstraint, Name, UnaryOp};
use super::{MAX_TABLES, Place, Resolved, Resolver, too_many};
use crate::guard::{Refusal, RefusalCode};

impl Resolver<'_> {
    pub(super) fn from(&mut self, from: &mut [FromItem]) -> Resolved<Scope> {
        let mut scope = Scope::default();
        for item in from.iter_mut() {
            if self.dialect == Dialect::Mysql {
                // A comma binds looser than JOIN, whose conditions see only what it joins.
                let mut own = Scope::default();
                self.source(item, &mut own)?;
                Self::merge(&mut scope, own, self.dialect)?;
            } else {
                self.source(item, &mut scope)?;
            }
        }
        self.late_conditions(from, &scope)?;
        // SQLite's `t.*` over a FULL JOIN asks all tables for a merged column, also those that stand to its right.
        for merged in &scope.merged {
            self.used.name(&scope, std::slice::from_ref(merged), self.dialect);
        }
        Ok(scope)
    }

    fn source(&mut self, item: &mut FromItem, scope: &mut Scope) -> Resolved<()> {
        let FromItem { relation, joins } = item;
        let added = self.factor(relation, scope)?;
        Self::merge(scope, added, self.dialect)?;
        for Join { kind: _, constraint, relation } in joins {
            let right = self.factor(relation, scope)?;
            let merged = match constraint {
                JoinConstraint::Using(names) => self.using(names, scope, &right)?,
                JoinConstraint::Natural => self.natural(scope, &right)?,
                JoinConstraint::None | JoinConstraint::On(_) => Vec::new(),
            };
            Self::merge(scope, right, self.dialect)?;
            scope.merged.extend(merged);
            if let (JoinConstraint::On(on), Dialect::Postgresql | Dialect::Mysql | Dialect::Mssql) =
                (constraint, self.dialect)
            {
                self.scopes.push(std::mem::take(scope));
                self.condition(on, &[])?;
                *scope = self.scopes.pop().unwrap_or_default();
            }
        }
        Ok(())
    }

    /// SQLite looks up the names of an ON clause in the whole FROM clause, also in what stands to its right.
    pub(super) fn late_conditions(&mut self, from: &mut [FromItem], scope: &Scope) -> Resolved<()> {
        if self.dialect != Dialect::Sqlite {
            return Ok(());
        }
        self.scopes.push(scope.clone());
        for (index, item) in from.iter_mut().enumerate() {
            self.late_item(item, index == 0)?;
        }
        self.scopes.pop();
        Ok(())
    }

    fn late_item(&mut self, item: &mut FromItem, first: bool) -> Resolved<()> {
        if let (Factor::Nested { from, alias: None }, true) = (&mut item.relation, first) {
            self.late_item(from, true)?;
        }
        for join in &mut item.joins {
            if let JoinConstraint::On(on) = &mut join.constraint {
                self.condition(on, &[])?;
            }
        }
        Ok(())
    }

    fn merge(scope: &mut Scope, added: Scope, dialect: Dialect) -> Resolved<()> {
        for binding in added.bindings {
            scope.add(binding, dialect)?;
        }
        scope.merged.extend(added.merged);
        if scope.bindings.len() > MAX_TABLES {
            return Err(too_many("tables in one FROM clause", MAX_TABLES));
        }
        Ok(())
    }

    /// Checks the columns of USING on both sides; their comparison counts as a condition.
    fn using(&mut self, names: &mut [Name], left: &Scope, right: &Scope) -> Resolved<Vec<Name>> {
        for name in names.iter_mut() {
            let mut sides = Vec::new();
            for side in [left, right] {
                let scope::Found::Column { parts, analysis } = side.column(name, self.dialect)?
                else {
                    return Err(scope::unknown_column(std::slice::from_ref(name)));
                };
                sides.push(analysis);
                if let Some(canonical) = parts.last() {
                    *name = canonical.clone();
                }
            }
            if let [left, right] = sides.as_slice() {
                let compared = Analysis::total(Kind::Unknown)
                    .or_fails(self.dialect.comparison_fails(left, right));
                let columns = Expr::Column(vec![name.clone()]);
                self.suspect(&columns, &compared);
                self.note(Place::Condition, &compared);
            }
        }
        Ok(names.to_vec())
    }

    fn natural(&mut self, left: &Scope, right: &Scope) -> Resolved<Vec<Name>> {
        // The server finds out by itself which columns are common: those that are must be listed, and no other becomes so
        // by being listed. It may fold letters that we do not.
        let bindings = left.bindings.iter().chain(&right.bindings);
        let mut columns = bindings.clone().flat_map(|binding| &binding.columns);
        if !columns.all(|column| column.name.as_ref().is_some_and(|name| name.as_str().is_ascii()))
        {
            self.used.all(bindings);
        }
        let mut names = left.common_names(right, self.dialect);
        self.using(&mut names, left, right)
    }

    /// Resolves one FROM item; `before` holds what stands left of it, which only LATERAL sees.
    fn factor(&mut self, factor: &mut Factor, before: &Scope) -> Resolved<Scope> {
        let mut added = Scope::default();
        match factor {
            Factor::Named { name, alias } => {
                let (binding, resolved) = self.named(name, alias.as_ref())?;
                if let Some(resolved) = resolved {
                    *factor = resolved;
                }
                added.bindings.push(binding);
            }
            Factor::Derived { lateral, query, alias } => {
                if *lateral {
                    self.scopes.push(before.clone());
                }
                let mut columns = self.closed(query)?;
                if *lateral {
                    self.scopes.pop();
                }
                if let Some(alias) = alias {
                    scope::rename(&mut columns, alias)?;
                }
                if self.dialect == Dialect::Mssql {
                    let listed = alias.as_ref().map_or(0, |alias| alias.columns.len());
                    scope::all_named(&columns, listed)?;
                }
                let name = alias.as_ref().map(|alias| alias.name.clone());
                added.bindings.push(Binding { name, relation: None, base: None, columns });
            }
            Factor::Nested { from, alias } => {
                let mut inner = Scope::default();
                self.source(from, &mut inner)?;
                // SQLite drops the parentheses around a join that stands first and has no alias; any other is a
                // subquery with a FROM clause of its own.
                if alias.is_some() || !before.bindings.is_empty() {
                    self.late_conditions(std::slice::from_mut(from), &inner)?;
                }
                match alias {
                    // An aliased join hides the names inside it.
                    Some(alias) => {
                        self.used.all(&inner.bindings);
                        let mut columns = inner.star(self.dialect);
                        scope::rename(&mut columns, alias)?;
                        let name = Some(alias.name.clone());
                        added.bindings.push(Binding { name, relation: None, base: None, columns });
                    }
                    None => added = inner,
                }
            }
            Factor::Rows { function: _, args, alias } => {
                self.scopes.push(before.clone());
                let parts = args.iter_mut().map(|arg| self.expr(arg, &[], Place::Condition));
                let parts = parts.collect::<Resolved<Vec<_>>>()?;
                self.scopes.pop();
                let analysis = self.rows(args, &parts);
                let columns = alias.columns.first().cloned();
                let columns = vec![ScopeColumn { name: columns, analysis }];
                let name = Some(alias.name.clone());
                added.bindings.push(Binding { name, relation: None, base: None, columns });
            }
            Factor::Occurrence { .. } | Factor::Base { .. } => {
                return Err(Refusal::new(
                    RefusalCode::RoundTrip,
                    "a name was resolved twice",
                    "report this",
                ));
            }
        }
        Ok(added)
    }

    /// Adds to the refusal of a relation what else could be meant.
    fn offer_relations(&self, name: &[Name], refusal: Refusal) -> Refusal {
        let ctes = self.ctes.iter().filter(|cte| cte.columns.is_some()).map(|cte| &cte.name);
        let hint = suggest::relation(name, ctes, self.dialect, self.catalog, self.filters);
        Refusal { hint: hint.into(), ..refusal }
    }

    /// The column of a function that makes rows. Whether it fails is known before any row where its arguments are.
    fn rows(&mut self, args: &[Expr], parts: &[Analysis]) -> Analysis {
        let known = args.iter().all(is_written);
        let fails = (!known).then_some("a series may have no step, or not be one");
        self.note(Place::Condition, &Analysis::total(Kind::Unknown).or_fails(fails));
        match parts {
            [first, last, ..] if first.kind == last.kind && first.kind.is_number() => {
                Analysis::total(first.kind)
            }
            _ => Analysis::total(Kind::Unknown),
        }
    }

    /// A name in FROM: a CTE in scope if it is unqualified (rule A7), else a relation.
    pub(super) fn named(
        &mut self,
        name: &mut [Name],
        alias: Option<&Alias>,
    ) -> Resolved<(Binding, Option<Factor>)> {
        let found =
            match &*name {
                [single] => self.ctes.iter().enumerate().rev().find(|(_, cte)| {
                    self.dialect.similar_table(cte.name.as_str(), single.as_str())
                }),
                _ => None,
            };
        if let Some((_, cte)) = found.filter(|(index, _)| *index < self.hidden) {
            return Err(Refusal::unsupported(
                format_args!(
                    "the WITH query `{}` inside the definition of a nested one",
                    cte.name.as_str()
                ),
                "define all WITH queries in one list at the beginning",
            ));
        }
        let cte = found.map(|(_, cte)| {
            let same = name
                .first()
                .is_some_and(|name| self.dialect.same_table(cte.name.as_str(), name.as_str()));
            (cte, same)
        });
        if let Some((_, false)) = cte {
            return Err(Refusal::new(
                RefusalCode::Ambiguous,
                format!(
                    "the name `{}` differs from a WITH query in case only",
                    scope::dotted(name)
                ),
                "write each name in one spelling",
            ));
        }
        if let Some((cte, true)) = cte {
            let mut columns = cte.columns.clone().ok_or_else(|| {
                Refusal::unsupported(
                    format_args!("the WITH query `{}` before or inside its own definition", cte.name.as_str()),
                    "define WITH queries before they are used; a recursive one reads itself after UNION",
                )
            })?;
            if let Some(alias) = alias {
                scope::rename(&mut columns, alias)?;
            }
            let bound = alias.map_or_else(|| cte.name.clone(), |alias| alias.name.clone());
            if let Some(first) = name.first_mut() {
                *first = cte.name.clone();
            }
            return Ok((Binding { name: Some(bound), relation: None, base: None, columns }, None));
        }
        let relation = scope::relation(name, self.dialect, self.catalog, self.filters);
        let relation = relation.map_err(|refusal| self.offer_relations(name, refusal))?;
        let mut columns: Vec<ScopeColumn> = relation
            .columns
            .iter()
            .map(|column| ScopeColumn {
                name: Some(Name::new(column.name.as_str())),
                analysis: Analysis::total(self.dialect.kind_of(column)),
            })
            .collect();
        let own = Alias { name: Name::new(&*relation.name.name), columns: Vec::new() };
        let bound = alias.unwrap_or(&own);
        scope::rename(&mut columns, bound)?;
        let number = self.used.occurrence(relation.columns.len());
        let binding = Binding {
            name: Some(bound.name.clone()),
            relation: alias.is_none().then(|| relation.name.clone()),
            base: Some(Base { relation: relation.name.clone(), occurrence: number }),
            columns,
        };
        if !bound.columns.is_empty() {
            // It names the columns by their place.
            self.used.all([&binding]);
        }
        let factor =
            Factor::Occurrence { relation: relation.name.clone(), alias: bound.clone(), number };
        Ok((binding, Some(factor)))
    }
}

/// Whether its value stands in the query.
fn is_written(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) => true,
        Expr::Array(items) => items.iter().all(is_written),
        Expr::Unary { op: UnaryOp::Minus, expr } => matches!(expr.as_ref(), Expr::Literal(_)),
        _ => false,
    }
}
