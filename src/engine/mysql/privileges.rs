//! What the user that the engine logs in as may do, from `SHOW GRANTS`.

use std::collections::BTreeSet;

use sqlx::mysql::MySqlConnection;

use super::introspect::{quoted, required};
use super::session::{fetch_all, one};
use crate::catalog::{Relation, RelationName};
use crate::engine::{Power, Role};

/// Reads who the engine is.
pub(super) async fn read(
    wire: &mut MySqlConnection,
    schema: &str,
    relations: &[Relation],
) -> Result<Role, sqlx::Error> {
    let name = one(wire, "SELECT CURRENT_USER()").await?;
    let mut lines = Vec::new();
    for row in fetch_all(wire, "SHOW GRANTS").await? {
        lines.push(required(&row, 0)?);
    }
    let names: Vec<RelationName> = relations.iter().map(|relation| relation.name.clone()).collect();
    Ok(Role { name, powers: powers(&lines, schema, &names), grants: grants(&names) })
}

/// Statements that make a user which may read the relations, and nothing else.
fn grants(relations: &[RelationName]) -> Vec<String> {
    let mut statements =
        vec!["CREATE USER 'dialektai'@'%' IDENTIFIED BY '<a password of its own>';".to_owned()];
    for RelationName { schema, name } in relations {
        let relation = format!("{}.{}", quoted(schema), quoted(name));
        statements.push(format!("GRANT SELECT ON {relation} TO 'dialektai'@'%';"));
    }
    statements
}

/// A word of a grant.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A keyword, in upper case.
    Word(String),
    /// A name or text in quotes.
    Quoted(String),
    /// Anything else, one character each.
    Sign(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '`' | '\'' | '"' => {
                let mut text = String::new();
                while let Some(inner) = rest.next() {
                    match inner {
                        _ if inner != c => text.push(inner),
                        // Doubled, it is part of the name.
                        _ if rest.next_if_eq(&c).is_some() => text.push(c),
                        _ => break,
                    }
                }
                tokens.push(Token::Quoted(text));
            }
            _ if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(next) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(next);
                }
                tokens.push(Token::Word(word.to_uppercase()));
            }
            _ if c.is_whitespace() => {}
            _ => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

/// What a grant is about.
enum Object {
    Server,
    /// A pattern of `LIKE`.
    Databases(String),
    Table(String, String),
    /// A routine, or a proxy.
    Other,
}

fn powers(lines: &[String], schema: &str, relations: &[RelationName]) -> Vec<Power> {
    let mut powers = BTreeSet::new();
    let mut written = BTreeSet::new();
    for line in lines {
        let tokens = tokens(line);
        let Some((first, rest)) = tokens.split_first() else { continue };
        if !first.is("GRANT") {
            continue;
        }
        let passes_on = rest.windows(3).any(|three| {
            let [with, what, option] = three else { return false };
            with.is("WITH") && (what.is("GRANT") || what.is("ADMIN")) && option.is("OPTION")
        });
        if passes_on {
            powers.insert(Power::Grants);
        }
        let Some(on) = rest.iter().position(|token| token.is("ON")) else { continue };
        let (privileges, object) = rest.split_at(on);
        let object = object_of(object.get(1..).unwrap_or_default());
        for privilege in names(privileges) {
            let granted = Granted { privilege: &privilege, object: &object, schema };
            granted.add_to(&mut powers, &mut written, relations);
        }
    }
    if powers.contains(&Power::Superuser) {
        return vec![Power::Superuser];
    }
    if !written.is_empty() {
        powers.insert(Power::Writes(written.into_iter().collect()));
    }
    powers.into_iter().collect()
}

/// The privileges of a list, without their lists of columns.
fn names(tokens: &[Token]) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0_u32;
    for token in tokens {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 0 => names.push(String::new()),
            Token::Word(word) if depth == 0 => {
                if let Some(name) = names.last_mut() {
                    let space = if name.is_empty() { "" } else { " " };
                    name.push_str(space);
                    name.push_str(word);
                }
            }
            Token::Word(_) | Token::Quoted(_) | Token::Sign(_) => {}
        }
    }
    names
}

fn object_of(tokens: &[Token]) -> Object {
    match tokens {
        [Token::Sign('*'), Token::Sign('.'), Token::Sign('*'), ..] => Object::Server,
        [Token::Quoted(pattern), Token::Sign('.'), Token::Sign('*'), ..] => {
            Object::Databases(pattern.clone())
        }
        [Token::Quoted(schema), Token::Sign('.'), Token::Quoted(table), ..] => {
            Object::Table(schema.clone(), table.clone())
        }
        _ => Object::Other,
    }
}

/// One privilege on one object.
struct Granted<'a> {
    privilege: &'a str,
    object: &'a Object,
    schema: &'a str,
}

impl Granted<'_> {
    fn add_to(
        &self,
        powers: &mut BTreeSet<Power>,
        written: &mut BTreeSet<RelationName>,
        relations: &[RelationName],
    ) {
        let Self { privilege, object, schema } = *self;
        let covered = |relation: &&RelationName| match object {
            Object::Server => true,
            Object::Databases(pattern) => matches(pattern, &relation.schema),
            Object::Table(schema, table) => *schema == relation.schema && *table == relation.name,
            Object::Other => false,
        };
        let here = match object {
            Object::Server => true,
            // Whoever writes there makes users of any power.
            Object::Databases(pattern) => matches(pattern, schema) || matches(pattern, "mysql"),
            Object::Table(of, _) => of == schema || of == "mysql",
            Object::Other => false,
        };
        let users = match object {
            Object::Databases(pattern) => matches(pattern, "mysql"),
            Object::Table(of, _) => of == "mysql",
            Object::Server | Object::Other => false,
        };
        let server = matches!(object, Object::Server);
        match privilege {
            "ALL PRIVILEGES" | "SUPER" | "SYSTEM_USER" if server => {
                powers.insert(Power::Superuser);
            }
            "ALL PRIVILEGES" | "INSERT" | "UPDATE" | "DELETE" if users => {
                powers.insert(Power::Superuser);
            }
            "ALL PRIVILEGES" => {
                if here {
                    powers.insert(Power::Creates);
                }
                written.extend(relations.iter().filter(covered).cloned());
            }
            "INSERT" | "UPDATE" | "DELETE" | "DELETE HISTORY" | "DELETE VERSIONING ROWS" => {
                written.extend(relations.iter().filter(covered).cloned());
            }
            "FILE" => {
                powers.insert(Power::Files);
            }
            "CREATE USER" | "PROXY" | "ROLE_ADMIN" | "CREATE ROLE" | "SET USER" => {
                powers.insert(Power::Grants);
            }
            "CREATE"
            | "CREATE VIEW"
            | "CREATE ROUTINE"
            | "CREATE TEMPORARY TABLES"
            | "ALTER"
            | "ALTER ROUTINE"
            | "DROP"
            | "INDEX"
            | "TRIGGER"
            | "EVENT"
                if here =>
            {
                powers.insert(Power::Creates);
            }
            // SELECT, USAGE, SHOW VIEW and the like, and what is granted elsewhere.
            _ => {}
        }
    }
}

/// `LIKE`, by whose rules a grant names databases.
fn matches(pattern: &str, name: &str) -> bool {
    fn from(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], _) => name.is_empty(),
            (['%', rest @ ..], _) => {
                from(rest, name) || name.split_first().is_some_and(|(_, name)| from(pattern, name))
            }
            (['\\', escaped, rest @ ..], [first, name @ ..]) => {
                escaped == first && from(rest, name)
            }
            (['_', rest @ ..], [_, name @ ..]) => from(rest, name),
            ([own, rest @ ..], [first, name @ ..]) => own == first && from(rest, name),
            (_, []) => false,
        }
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    from(&pattern, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Vec<Power> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let relation = |name: &str| RelationName { schema: "shop".into(), name: name.into() };
        powers(&lines, "shop", &[relation("orders"), relation("odd ` ON name")])
    }

    fn writes(names: &[&str]) -> Power {
        let relation = |name: &&str| RelationName { schema: "shop".into(), name: (*name).into() };
        Power::Writes(names.iter().map(relation).collect())
    }

    #[test]
    fn a_reader_has_no_powers() {
        let lines = [
            "GRANT USAGE ON *.* TO `ro`@`%` IDENTIFIED BY PASSWORD '*D8 WITH GRANT OPTION'",
            "GRANT SELECT, SHOW VIEW ON `shop`.* TO `ro`@`%`",
            "GRANT SELECT (`insert`, `a, DELETE ON`) ON `shop`.`orders` TO `ro`@`%`",
            "GRANT INSERT, CREATE ON `other`.* TO `ro`@`%`",
            "GRANT EXECUTE ON FUNCTION `shop`.`f` TO `ro`@`%`",
            "SET DEFAULT ROLE `reader` FOR `ro`@`%`",
        ];
        assert_eq!(of(&lines), []);
    }

    #[test]
    fn powers_are_read_from_their_grants() {
        for (line, expected) in [
            ("GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION", Power::Superuser),
            ("GRANT SELECT, SUPER ON *.* TO `a`@`%`", Power::Superuser),
            ("GRANT UPDATE ON `mysql`.* TO `a`@`%`", Power::Superuser),
            ("GRANT INSERT ON `mysql`.`user` TO `a`@`%`", Power::Superuser),
            ("GRANT FILE ON *.* TO `a`@`%`", Power::Files),
            ("GRANT SELECT ON `shop`.* TO `a`@`%` WITH GRANT OPTION", Power::Grants),
            ("GRANT `writers` TO `a`@`%` WITH ADMIN OPTION", Power::Grants),
            ("GRANT CREATE USER ON *.* TO `a`@`%`", Power::Grants),
            ("GRANT CREATE VIEW ON `shop`.* TO `a`@`%`", Power::Creates),
            ("GRANT DELETE ON *.* TO `a`@`%`", writes(&["odd ` ON name", "orders"])),
            ("GRANT INSERT ON `s%p`.* TO `a`@`%`", writes(&["odd ` ON name", "orders"])),
            (
                "GRANT UPDATE (`x`) ON `shop`.`odd `` ON name` TO `a`@`%`",
                writes(&["odd ` ON name"]),
            ),
        ] {
            assert_eq!(of(&[line]), [expected], "{line}");
        }
        let all = "GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`";
        assert_eq!(of(&[all]), [Power::Creates, writes(&["odd ` ON name", "orders"])]);
    }

    #[test]
    fn databases_are_named_by_pattern() {
        for (pattern, name, expected) in [
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("s%", "shop", true),
            ("sho_", "shop", true),
            (r"a\_b", "a_b", true),
            (r"a\_b", "axb", false),
            ("%", "", true),
            ("_", "", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
