//! What `pull` finds: a snapshot of a database that has everything in it.

use dialektai::catalog::Catalog;
use dialektai::engine::Power;

use super::site::{PASSWORD, Site, execute, introspect, settings, url};

const SCHEMA: &str = "
CREATE TABLE parents (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    code VARCHAR(20) NOT NULL UNIQUE,
    exact VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
    padded VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    latin CHAR(3) CHARACTER SET latin1,
    raw VARBINARY(16), flag BOOLEAN NOT NULL, kind ENUM('a', 'b'), many SET('x', 'y'),
    document JSON NOT NULL, more LONGTEXT CHECK (json_valid(more) AND more <> ''), who UUID, place INET6,
    at DATETIME(6), instant TIMESTAMP NULL, span TIME, price DECIMAL(10, 2), share FLOAT, bits BIT(3), made YEAR,
    shape POINT, twice BIGINT UNSIGNED AS (price * 2) STORED, hidden INT INVISIBLE,
    UNIQUE KEY beginning (padded(5)), UNIQUE KEY both_ways (flag, raw), KEY mixed (kind, exact(3), flag),
    FULLTEXT KEY words (code), KEY by_hidden (hidden)
);
CREATE TABLE children (
    a INT, b INT, parent BIGINT UNSIGNED NOT NULL, elsewhere INT, hidden_parent BIGINT UNSIGNED INVISIBLE,
    PRIMARY KEY (b, a),
    FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE,
    FOREIGN KEY (hidden_parent) REFERENCES parents (id),
    FOREIGN KEY (elsewhere) REFERENCES other.things (id)
);
CREATE TABLE parts (id INT, year INT, PRIMARY KEY (id, year)) PARTITION BY HASH (year) PARTITIONS 4;
CREATE TABLE remembered (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING;
CREATE TABLE `odd ``.\"name` (`a``b` INT, `select` INT, `größe` INT, `MiXed` INT, `a.b` INT, `c'd` INT);
CREATE TABLE MixedCase (id INT);
CREATE TABLE mixedcase (id INT);
CREATE TABLE `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` (id INT);
CREATE SEQUENCE numbers;
CREATE VIEW grown AS SELECT id, code, flag, document FROM parents WHERE flag;
CREATE TABLE gone (x INT);
CREATE VIEW broken AS SELECT * FROM gone;
DROP TABLE gone;
";

async fn site() -> Option<Site> {
    let other = "CREATE DATABASE other; CREATE TABLE other.things (id INT PRIMARY KEY);";
    Site::open(&format!("{other}\n{SCHEMA}"), "").await
}

#[tokio::test]
async fn introspection_is_exact_about_null_collation_and_keys() {
    let Some(site) = site().await else { return };
    let settings = settings(&url(site.server.port, PASSWORD, "ssl-mode=disabled"), "");
    let found = introspect(&settings).await.unwrap();
    assert_eq!(Catalog::parse(&found.catalog.to_toml()).unwrap(), found.catalog);
    insta::assert_snapshot!("mariadb_catalog", found.catalog.to_toml());
    let mut indexes = String::new();
    for (relation, columns) in &found.indexes {
        let columns: Vec<String> = columns
            .iter()
            .map(|index| {
                index
                    .iter()
                    .map(dialektai::catalog::ColumnName::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            })
            .collect();
        indexes.push_str(&format!("{relation}: ({})\n", columns.join("), (")));
    }
    insta::assert_snapshot!("mariadb_indexes", indexes);
    insta::assert_snapshot!("mariadb_notes", found.notes.join("\n"));
    // Every relation can be read by the names that were found.
    for relation in &found.catalog.relations {
        let columns: Vec<String> = relation
            .columns
            .iter()
            .map(|column| format!("`{}`", column.name.as_str().replace('`', "``")))
            .collect();
        let name = relation.name.name.replace('`', "``");
        let text = format!("SELECT {} FROM `{name}`", columns.join(", "));
        let rows = site.run(&text).await.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(rows.columns.len(), relation.columns.len());
        let all = site.run(&format!("SELECT * FROM `{name}`")).await.unwrap();
        assert_eq!(all.columns, rows.columns, "{name}");
    }
}

#[tokio::test]
async fn the_role_is_what_the_server_says() {
    let Some(site) = site().await else { return };
    let address = url(site.server.port, PASSWORD, "ssl-mode=disabled");
    let role = introspect(&settings(&address, "")).await.unwrap().role.unwrap();
    assert_eq!((role.name.as_str(), role.powers.as_slice()), ("reader@%", [].as_slice()));
    // The statements that it prints make such a user.
    let mut admin = site.admin().await;
    for statement in &role.grants {
        execute(&mut admin, &statement.replace("<a password of its own>", "own")).await;
    }
    let own =
        format!("mysql://dialektai:own@127.0.0.1:{}/shop?ssl-mode=disabled", site.server.port);
    let found = introspect(&settings(&own, "")).await.unwrap();
    assert_eq!(found.role.unwrap().powers, []);
    let before = introspect(&settings(&address, "")).await.unwrap().catalog;
    assert_eq!(found.catalog, before, "reading is all that looking takes");

    execute(&mut admin, "GRANT INSERT (id) ON shop.remembered TO 'dialektai'@'%'").await;
    execute(&mut admin, "GRANT FILE ON *.* TO 'dialektai'@'%'").await;
    execute(&mut admin, "CREATE ROLE maker; GRANT CREATE ON shop.* TO maker").await;
    execute(
        &mut admin,
        "GRANT maker TO 'dialektai'@'%'; SET DEFAULT ROLE maker FOR 'dialektai'@'%'",
    )
    .await;
    let powers = introspect(&settings(&own, "")).await.unwrap().role.unwrap().powers;
    let written = found.catalog.relations.iter().find(|r| r.name.name == "remembered").unwrap();
    assert_eq!(powers, [Power::Files, Power::Creates, Power::Writes(vec![written.name.clone()])]);
    let root = format!("mysql://root@127.0.0.1:{}/shop?ssl-mode=disabled", site.server.port);
    let powers = introspect(&settings(&root, "")).await.unwrap().role.unwrap().powers;
    assert_eq!(powers, [Power::Superuser]);
}
