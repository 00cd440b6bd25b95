//! What `database.toml` alone tells.

use super::{Finding, Matter};
use crate::catalog::AddedFunction;
use crate::policy::settings::{EngineKind, Settings};

/// Looks for a secret in a file that is meant for version control, and says which functions were added.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if holds_password(settings) {
        findings.push(Finding::of_database(Matter::PasswordInUrl));
    }
    if !settings.functions.is_empty() {
        let name = |function: &AddedFunction| {
            let promised = if function.total { " (promised to be total)" } else { "" };
            format!("`{}.{}`{promised}", function.schema, function.name)
        };
        let names = settings.functions.iter().map(name).collect();
        findings.push(Finding::of_database(Matter::AddedFunctions { names }));
    }
    findings
}

/// Whether the address names a password: between `:` and `@` of a URL, or after a keyword.
fn holds_password(settings: &Settings) -> bool {
    let url = &settings.url;
    // A file's path may hold any character and no password.
    if url.starts_with("env:") || settings.engine == EngineKind::Sqlite {
        return false;
    }
    let after_scheme = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    // A password may hold `@` and `/` where somebody forgot to escape them: the last `@` ends it.
    let in_userinfo = after_scheme
        .rsplit_once('@')
        .and_then(|(userinfo, _)| userinfo.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty());
    in_userinfo || ["password", "pwd"].iter().any(|keyword| names_keyword(url, keyword))
}

/// Whether `keyword=` stands in a query (`?a=b&c=d`) or in a list (`A=b;C=d`), with something after it.
fn names_keyword(url: &str, keyword: &str) -> bool {
    url.split(['?', '&', ';']).any(|part| {
        part.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case(keyword) && !value.trim().is_empty()
        })
    })
}
