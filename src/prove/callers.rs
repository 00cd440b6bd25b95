//! Callers that stand for others, for certificates that are asked for without one.

use cedar_policy::Policy;

use super::example::plain_tenant_id;
use super::facts::Named;
use crate::identity::{ClaimType, ClaimValue, Claims, Principal, ScopeId, TenantId};
use crate::policy::Database;

/// How many constants of the policies are tried as tenants, as scopes, and as the value of each claim.
const MOST_CONSTANTS: usize = 4;

/// With a scope and without, with claims and without, and those that the policies name.
pub fn representatives(database: &Database) -> Vec<Principal> {
    let settings = &database.settings;
    let policies: Vec<Policy> = database.rules().cloned().collect();
    let named = Named::of(&policies);
    let (longs, texts) = named.constants();
    let tenants: Vec<Option<TenantId>> = if settings.requires_organization_scoping {
        let texts = texts.iter().cloned().chain(longs.iter().map(ToString::to_string));
        let parsed = texts.filter_map(|text| TenantId::parse(&text, settings.tenant_id_type).ok());
        let plain = plain_tenant_id(settings.tenant_id_type);
        plain.into_iter().chain(parsed.take(MOST_CONSTANTS)).map(Some).collect()
    } else {
        vec![None]
    };
    let mut scopes: Vec<Option<ScopeId>> = vec![None];
    if database.scope_filters() {
        let plain = ["user-1"].into_iter().chain(texts.iter().map(String::as_str));
        let parsed = plain.filter_map(|text| text.parse().ok());
        scopes.extend(parsed.take(1 + MOST_CONSTANTS).map(Some));
    }
    let mut all = Vec::new();
    for tenant in &tenants {
        for scope in &scopes {
            all.push(Principal::new(tenant.clone(), scope.clone()));
        }
    }
    // Claims beside the first tenant, without a scope and with one.
    for claims in claims(database, &named) {
        for scope in scopes.iter().take(2) {
            let tenant = tenants.first().cloned().flatten();
            all.push(Principal::new(tenant, scope.clone()).with_claims(claims.clone()));
        }
    }
    all
}

/// Each declared claim that policies read alone, with each of its values, and all at once: the first value of each, the
/// second, and so on.
fn claims(database: &Database, named: &Named) -> Vec<Claims> {
    let read = named.claims();
    let declared = database.settings.claims.iter();
    let values: Vec<(&String, Vec<ClaimValue>)> =
        declared.map(|(name, of)| (name, values(*of, named))).collect();
    let alone = values.iter().filter(|(name, _)| read.contains(*name));
    let alone = alone.flat_map(|(name, values)| {
        values.iter().map(|value| Claims::from_iter([((*name).clone(), value.clone())]))
    });
    let most = values.iter().filter(|(name, _)| read.contains(*name));
    let most = most.map(|(_, values)| values.len()).max().unwrap_or(1);
    // In step, and each one step behind the claim before it.
    let turns = (0..most).flat_map(|turn| [(turn, 0), (turn, 1)]);
    let together = turns.map(|(turn, behind)| {
        let of = |(place, (name, values)): (usize, &(&String, Vec<ClaimValue>))| {
            let value = values.iter().cycle().nth(turn + place * behind)?;
            Some(((*name).clone(), value.clone()))
        };
        values.iter().enumerate().filter_map(of).collect::<Claims>()
    });
    let mut all: Vec<Claims> = Vec::new();
    for claims in alone.chain(together) {
        if !claims.is_empty() && !all.contains(&claims) {
            all.push(claims);
        }
    }
    all
}

/// A plain value, those that the policies name, and of sets the empty one and the one of all that they name.
fn values(of: ClaimType, named: &Named) -> Vec<ClaimValue> {
    let (longs, texts) = named.constants();
    let texts = || texts.iter().cloned();
    let longs = || longs.iter().copied();
    let values: Vec<ClaimValue> = match of {
        ClaimType::String => std::iter::once("x".to_owned())
            .chain(texts().take(MOST_CONSTANTS))
            .map(ClaimValue::String)
            .collect(),
        ClaimType::Integer => std::iter::once(7)
            .chain(longs().take(MOST_CONSTANTS))
            .map(ClaimValue::Integer)
            .collect(),
        ClaimType::Boolean => [true, false].map(ClaimValue::Boolean).into(),
        ClaimType::Strings => [vec![], vec!["x".to_owned()], texts().collect()]
            .into_iter()
            .chain(texts().take(MOST_CONSTANTS).map(|one| vec![one]))
            .map(|members| ClaimValue::Strings(members.into_iter().collect()))
            .collect(),
        ClaimType::Integers => [vec![], vec![7], longs().collect()]
            .into_iter()
            .chain(longs().take(MOST_CONSTANTS).map(|one| vec![one]))
            .map(|members| ClaimValue::Integers(members.into_iter().collect()))
            .collect(),
    };
    // What is not printable is no claim.
    values.into_iter().filter(|value| value.is(of)).collect()
}
