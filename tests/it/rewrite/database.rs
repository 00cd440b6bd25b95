//! The demo database, for each dialect. The guard's benchmark reads this file too.

use std::path::Path;

use dialektai::guard::sql::Dialect;
use dialektai::policy::{Database, Sources};

/// The demo database as it would be on `dialect`.
pub(crate) fn database(dialect: Dialect) -> Database {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/demo");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let mut catalog = read("catalog.toml");
    let mut settings = read("database.toml");
    if dialect == Dialect::Postgresql {
        catalog = catalog.replace("default_schema = \"main\"", "default_schema = \"public\"");
        settings = settings.replace("engine = \"sqlite\"", "engine = \"postgresql\"");
    }
    if dialect == Dialect::Mssql {
        catalog = catalog.replace("default_schema = \"main\"", "default_schema = \"dbo\"");
        for (declared, own) in [
            ("\"TEXT\"", "\"nvarchar(400)\""),
            ("VARCHAR(", "nvarchar("),
            ("TIMESTAMP", "datetime2(7)"),
            ("BOOLEAN", "bit"),
            ("REAL", "float"),
        ] {
            catalog = catalog
                .replace(&format!("declared = {declared}"), &format!("declared = {own}"))
                .replace(&format!("declared = \"{declared}"), &format!("declared = \"{own}"));
        }
        settings = settings.replace("engine = \"sqlite\"", "engine = \"sqlserver\"");
    }
    if dialect == Dialect::Mysql {
        catalog = catalog.replace("default_schema = \"main\"", "default_schema = \"demo\"");
        settings = settings.replace("engine = \"sqlite\"", "engine = \"mysql\"");
        // As in schema.mysql.sql.
        let collated = |line: &str| {
            let text = line.contains("type = \"text\"");
            let collation = ", collation = \"utf8mb4_general_ci\" },";
            if text { line.replace(" },", collation) } else { line.to_owned() }
        };
        catalog = catalog.lines().map(collated).collect::<Vec<_>>().join("\n");
    }
    let policies =
        ["shared.cedar", "tenant.cedar"].map(|name| (name.to_owned(), read(name))).to_vec();
    Database::from_sources("demo".parse().unwrap(), &Sources { settings, catalog, policies })
        .unwrap()
}
