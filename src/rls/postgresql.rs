//! PostgreSQL: `CREATE POLICY`, <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>.

use super::{Rules, Script, comment, rules, settings};
use crate::catalog::{Relation, RelationKind};
use crate::guard::Refusal;
use crate::guard::sql::Dialect;
use crate::guard::sql::native::{condition, quoted};
use crate::policy::Database;
use crate::policy::symbolic::SymbolicRule;
use crate::predicate::RowFilter;

const SETTINGS: [&str; 2] = ["dialektai.tenant", "dialektai.scope"];

/// The longest name, in bytes.
const MAX_NAME: usize = 63;

const HEADER: &str = "\
-- Review this, then run it as the owner of the tables; running it again replaces what it made.
--
-- It binds every role that is neither superuser nor BYPASSRLS, owners included, and lets such a role read only: writing
-- needs policies of your own, FOR INSERT, UPDATE or DELETE. Give clients a role of their own, with SELECT on these tables
-- and on none of their partitions or children, which policies of the parent do not reach.
--
-- A client says for whom it reads, in each transaction. What is not set, or set to '', shows no row.
--   BEGIN;
--   SET LOCAL dialektai.tenant = '82';
--   SET LOCAL dialektai.scope = 'user-john-456';   -- where there is one
--
-- Whoever sends SQL can set these too. This guards against a forgotten filter, not against a client that lies.

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
";

/// Constant, so that no name of a table can end it: the names are rows.
const REPLACE: &str = "
-- Drops what an earlier run made, and stops where a policy of somebody else would let more rows through.
DO $dialektai$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT p.schemaname, p.tablename, p.policyname, p.permissive, p.cmd
        FROM pg_catalog.pg_policies AS p
        JOIN pg_temp.dialektai_relations AS r ON r.schema_name = p.schemaname AND r.name = p.tablename
    LOOP
        IF starts_with(found.policyname, 'dialektai ') THEN
            EXECUTE format('DROP POLICY %I ON %I.%I', found.policyname, found.schemaname, found.tablename);
        ELSIF found.permissive = 'PERMISSIVE' AND found.cmd IN ('ALL', 'SELECT') THEN
            RAISE EXCEPTION 'policy % on %.% lets further rows through: drop it, or make it restrictive',
                found.policyname, found.schemaname, found.tablename;
        END IF;
    END LOOP;
END
$dialektai$;
";

pub(super) fn script(database: &Database) -> Script {
    let mut script = Script { text: String::new(), refused: Vec::new() };
    script.text.push_str(&format!(
        "-- Row-level security for PostgreSQL, from the policies of `{}`, version {}.\n",
        database.id,
        database.version().get(..16).unwrap_or_default(),
    ));
    script.text.push_str(HEADER);
    let tables: Vec<&Relation> = database
        .catalog
        .relations
        .iter()
        .filter(|relation| relation.kind == RelationKind::Table)
        .collect();
    let row = |relation: &&Relation| {
        let (schema, name) = (literal(&relation.name.schema), literal(&relation.name.name));
        format!("    ({schema}, {name})")
    };
    let rows: Vec<String> = tables.iter().map(row).collect();
    script.text.push_str(&format!(
        "\nCREATE TEMPORARY TABLE dialektai_relations (schema_name text, name text) ON COMMIT DROP;\n\
         INSERT INTO pg_temp.dialektai_relations VALUES\n{};\n",
        rows.join(",\n")
    ));
    script.text.push_str(REPLACE);
    for relation in &database.catalog.relations {
        script.text.push('\n');
        match statements(database, relation) {
            Ok(statements) => script.text.push_str(&statements),
            Err(reason) => {
                let reason = format!("{}: {reason}", relation.name);
                script.text.push_str(&format!(
                    "-- Refused, so no row of it is visible: {}\n",
                    comment(&reason)
                ));
                // Quoting does not fail where the rest did.
                script.text.push_str(&enable(relation).unwrap_or_default());
                script.refused.push(reason);
            }
        }
    }
    script.text.push_str("\nCOMMIT;\n");
    script
}

fn statements(database: &Database, relation: &Relation) -> Result<String, String> {
    let rules = match rules(database, relation) {
        Rules::Exact(rules) => rules,
        Rules::Refused(reason) => return Err(reason),
    };
    let mut text = format!("-- {}", comment(&relation.name.to_string()));
    text.push_str(if rules.is_empty() { ": no policy permits a row of it.\n" } else { "\n" });
    let refused = |refusal: Refusal| refusal.message;
    text.push_str(&enable(relation).map_err(refused)?);
    for (index, rule) in rules.iter().enumerate() {
        let made = policy(database, relation, index + 1, rule);
        text.push_str(
            &made.map_err(|refusal| format!("policy `{}`: {}", rule.policy, refusal.message))?,
        );
    }
    Ok(text)
}

/// With row-level security and without policies no row is visible. A view has none.
fn enable(relation: &Relation) -> Result<String, Refusal> {
    if relation.kind == RelationKind::View {
        return Ok(String::new());
    }
    let name = qualified(relation)?;
    Ok(format!(
        "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\nALTER TABLE {name} FORCE ROW LEVEL SECURITY;\n"
    ))
}

fn policy(
    database: &Database,
    relation: &Relation,
    number: usize,
    rule: &SymbolicRule,
) -> Result<String, Refusal> {
    let using = match &rule.filter {
        RowFilter::AllRows => "TRUE".to_owned(),
        RowFilter::NoRows => "FALSE".to_owned(),
        RowFilter::Where(predicate) => {
            let row = database.with_symbols(relation);
            condition(Dialect::Postgresql, &row, predicate, &settings(database, SETTINGS))?
        }
    };
    // A forbid takes rows from whatever the permits allow.
    let kind = if rule.forbids { "RESTRICTIVE" } else { "PERMISSIVE" };
    let mut name = format!("dialektai {number}: {}", comment(&rule.policy));
    while name.len() > MAX_NAME {
        name.pop();
    }
    Ok(format!(
        "CREATE POLICY {} ON {} AS {kind} FOR SELECT\n    USING ({using});\n",
        identifier(&name),
        qualified(relation)?,
    ))
}

fn qualified(relation: &Relation) -> Result<String, Refusal> {
    let name = |name: &str| quoted(Dialect::Postgresql, name);
    Ok(format!("{}.{}", name(&relation.name.schema)?, name(&relation.name.name)?))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
