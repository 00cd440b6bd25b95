//! SQL Server: a security policy over inline functions,
//! <https://learn.microsoft.com/en-us/sql/relational-databases/security/row-level-security>.

use super::{Rules, Script, comment, rules, settings};
use crate::catalog::{ColumnName, Relation, RelationKind};
use crate::guard::sql::Dialect;
use crate::guard::sql::native::{ROW, Read, condition, quoted, session_context};
use crate::policy::Database;
use crate::policy::symbolic::SymbolicRule;
use crate::predicate::{Predicate, RowFilter};

const SETTINGS: [&str; 2] = ["tenant", "scope"];

const HEADER: &str = "\
-- Review this, then run it with sqlcmd or the like, which reads GO, as the owner of the tables; running it again
-- replaces what it made. It has been parsed by an independent parser, and not been run on a SQL Server.
--
-- It binds every user, owners and administrators included, until the policy is switched off or dropped; give clients a
-- user of their own, with SELECT on these tables and without ALTER ANY SECURITY POLICY.
--
-- A client says for whom it reads, once for each connection taken from a pool. What is not set, or set to '', shows no
-- row.
--   EXEC sys.sp_set_session_context @key = N'tenant', @value = N'82', @read_only = 1;
--   EXEC sys.sp_set_session_context @key = N'scope', @value = N'user-john-456', @read_only = 1;   -- where there is one

SET ANSI_NULLS ON;
SET QUOTED_IDENTIFIER ON;
GO
IF SCHEMA_ID(N'dialektai') IS NULL EXEC (N'CREATE SCHEMA dialektai');
GO
DROP SECURITY POLICY IF EXISTS dialektai.visible_rows;
GO
";

pub(super) fn script(database: &Database) -> Script {
    let mut script = Script { text: String::new(), refused: Vec::new() };
    script.text.push_str(&format!(
        "-- Row-level security for SQL Server, from the policies of `{}`, version {}.\n",
        database.id,
        database.version().get(..16).unwrap_or_default(),
    ));
    script.text.push_str(HEADER);
    let mut predicates = Vec::new();
    for (index, relation) in database.catalog.relations.iter().enumerate() {
        let function = format!("dialektai.visible_{}", index + 1);
        let made = filter(database, relation)
            .and_then(|filter| Ok((body(database, relation, &filter)?, filter)));
        let (body, columns) = match made {
            Ok((body, filter)) => (body, columns(relation, &filter)),
            Err(reason) => {
                let reason = format!("{}: {reason}", relation.name);
                let line = comment(&reason);
                script.text.push_str(&format!("-- Refused, so no row of it is visible: {line}\n"));
                script.refused.push(reason);
                ("SELECT 1 AS visible WHERE 1 = 0".to_owned(), Vec::new())
            }
        };
        if relation.kind == RelationKind::View {
            continue;
        }
        let parameters = parameters(relation, &columns);
        script.text.push_str(&format!(
            "-- {}\nDROP FUNCTION IF EXISTS {function};\nGO\n\
             CREATE FUNCTION {function} ({parameters}) RETURNS TABLE WITH SCHEMABINDING AS\n\
             RETURN {body};\nGO\n",
            comment(&relation.name.to_string()),
        ));
        let names: Vec<String> = columns.iter().map(|column| name(column.as_str())).collect();
        let (schema, table) = (name(&relation.name.schema), name(&relation.name.name));
        let arguments = names.join(", ");
        predicates
            .push(format!("    ADD FILTER PREDICATE {function}({arguments}) ON {schema}.{table}"));
    }
    script.text.push_str(&format!(
        "CREATE SECURITY POLICY dialektai.visible_rows\n{}\n    WITH (STATE = ON, SCHEMABINDING = ON);\nGO\n",
        predicates.join(",\n")
    ));
    script
}

/// All rules together: what some permit allows and every forbid leaves.
fn filter(database: &Database, relation: &Relation) -> Result<RowFilter, String> {
    let rules = match rules(database, relation) {
        Rules::Exact(rules) => rules,
        Rules::Refused(reason) => return Err(reason),
    };
    let (forbids, permits): (Vec<SymbolicRule>, Vec<_>) =
        rules.into_iter().partition(|rule| rule.forbids);
    let permitted = permits.into_iter().map(|rule| rule.filter);
    let permitted = permitted.reduce(RowFilter::or).unwrap_or(RowFilter::NoRows);
    Ok(forbids.into_iter().map(|rule| rule.filter).fold(permitted, RowFilter::and))
}

/// The row and its reader side by side, so that the condition names both as columns.
fn body(database: &Database, relation: &Relation, filter: &RowFilter) -> Result<String, String> {
    let predicate = match filter {
        RowFilter::NoRows => return Ok("SELECT 1 AS visible WHERE 1 = 0".to_owned()),
        RowFilter::AllRows => return Ok("SELECT 1 AS visible".to_owned()),
        RowFilter::Where(predicate) => predicate,
    };
    let settings = settings(database, SETTINGS);
    let row = database.with_symbols(relation);
    let condition =
        condition(Dialect::Mssql, &row, predicate, &settings).map_err(|refusal| refusal.message)?;
    let columns = columns(relation, filter);
    for column in &columns {
        let declared = relation.column(column).map(|column| column.declared.as_str());
        if !declared.is_some_and(is_type) {
            return Err(format!("the catalog does not tell the type of `{column}`"));
        }
    }
    let own = columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("@c{} AS {}", index + 1, name(column.as_str())));
    let read = settings.iter().filter(|setting| setting.read != Read::Uuid).map(|setting| {
        format!("{} AS {}", session_context(setting), name(setting.column.as_str()))
    });
    let items: Vec<String> = own.chain(read).collect();
    Ok(format!(
        "SELECT 1 AS visible\n    FROM (SELECT {}) AS {ROW}\n    WHERE {condition}",
        items.join(", ")
    ))
}

/// The relation's own columns that the filter reads, in the order of the table.
fn columns(relation: &Relation, filter: &RowFilter) -> Vec<ColumnName> {
    let RowFilter::Where(predicate) = filter else { return Vec::new() };
    let read = |name: &ColumnName| reads(predicate, name);
    relation.columns.iter().map(|column| column.name.clone()).filter(read).collect()
}

fn reads(predicate: &Predicate, name: &ColumnName) -> bool {
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => {
            operands.iter().any(|operand| reads(operand, name))
        }
        Predicate::Compare { column, .. }
        | Predicate::In { column, .. }
        | Predicate::Like { column, .. }
        | Predicate::Elements { column, .. }
        | Predicate::IsNull { column, .. } => column == name,
        Predicate::CompareColumns { left, right, .. } => left == name || right == name,
        Predicate::Related { hop, .. } | Predicate::Parent { hop, .. } => &hop.column == name,
    }
}

fn parameters(relation: &Relation, columns: &[ColumnName]) -> String {
    let parameters: Vec<String> = columns
        .iter()
        .enumerate()
        .filter_map(|(index, name)| {
            Some(format!("@c{} {}", index + 1, relation.column(name)?.declared))
        })
        .collect();
    parameters.join(", ")
}

/// A type as the catalog declares it, and nothing else: it is put into the script as it is.
fn is_type(declared: &str) -> bool {
    declared.starts_with(|c: char| c.is_ascii_alphabetic())
        && declared.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '(' | ')' | ','))
}

fn name(name: &str) -> String {
    quoted(Dialect::Mssql, name).unwrap_or_else(|_| format!("[{}]", name.replace(']', "]]")))
}
