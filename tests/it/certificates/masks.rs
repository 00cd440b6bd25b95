//! Certificates of masks, and of callers with claims.

use dialektai::catalog::{ColumnName, Relation};
use dialektai::identity::{ClaimValue, Principal};
use dialektai::policy::Database;
use dialektai::predicate::{Mask, Masked, RowFilter};
use dialektai::prove::{Answer, Claim, certify, certify_masks, representatives};

use super::{LIMIT, complete, open, tampered};
use crate::policy_oracle;
use crate::prove::has_solver;

const POLICIES: &str = r#"
@id("own") @mask("last4, null") @columns("name, in")
permit (principal, action, resource is facts)
when { resource has customer_id && resource.customer_id == principal.tenant };

@id("flagged") @mask("null") @columns("name, nick, m")
permit (principal, action, resource is facts)
when { resource.flag || (resource has m && resource.m == 4) };

@id("plain")
permit (principal, action, resource is facts)
when { resource.n == 5 && principal has names && principal.names.contains(resource.name) };

@id("account") @mask("null") @columns("id")
permit (principal, action, resource is facts)
when { resource has "the backup" && resource["the backup"].open };

@id("hide")
forbid (principal, action, resource is facts)
when { context.columns.containsAny(["nick", "day"]) && resource has maybe && resource.maybe };

@id("hide all")
forbid (principal, action, resource is facts)
when { context.columns.contains("until") };

@id("not")
forbid (principal, action, resource is facts)
when { resource.name like "100*" };
"#;

/// What the annotations say, by hand.
const MASKS: [(&str, &[(&str, Mask)]); 4] = [
    ("own", &[("name", Mask::Last4), ("in", Mask::Null)]),
    ("flagged", &[("name", Mask::Null), ("nick", Mask::Null), ("m", Mask::Null)]),
    ("plain", &[]),
    ("account", &[("id", Mask::Null)]),
];

fn loaded() -> Database {
    policy_oracle::load(POLICIES).unwrap_or_else(|error| panic!("{error}"))
}

fn facts(database: &Database) -> &Relation {
    database.catalog.relations.iter().find(|relation| relation.name.name == "facts").unwrap()
}

#[test]
fn masks_and_touched_columns_are_proved() {
    if !has_solver() {
        return;
    }
    let database = loaded();
    let principals = &policy_oracle::principals()[1..3];
    let findings = certify(&database, principals, LIMIT).unwrap();
    let open = open(&findings);
    assert!(open.is_empty(), "{}", open.join("\n"));
    let of = |principal: &Principal| {
        let own = findings.iter().filter(|found| found.relation.name == "facts");
        let own = own.filter_map(|found| match &found.claim {
            Claim::Filter { principal: of, touched } if of == principal => {
                Some(touched.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            }
            Claim::Column { principal: of, column } if of == principal => {
                Some(format!("[{column}]"))
            }
            _ => None,
        });
        own.collect::<Vec<String>>()
    };
    for principal in principals {
        let expected =
            ["", "nick", "until", "day", "nick day", "[id]", "[in]", "[m]", "[name]", "[nick]"];
        let mut found = of(principal);
        found[5..].sort();
        assert_eq!(found, expected, "{principal:?}");
    }
}

/// Masks with one thing changed.
fn changed(masked: &Masked) -> Vec<Masked> {
    let mut all = Vec::new();
    let clears = match &masked.clear {
        RowFilter::Where(predicate) => {
            tampered(predicate).into_iter().take(4).map(RowFilter::Where).collect()
        }
        RowFilter::AllRows | RowFilter::NoRows => Vec::new(),
    };
    for clear in clears.into_iter().chain([RowFilter::AllRows, RowFilter::NoRows]) {
        all.push(Masked { clear, ..masked.clone() });
    }
    for otherwise in [Mask::Null, Mask::Last4] {
        all.push(Masked { otherwise, ..masked.clone() });
    }
    for (index, (predicate, mask)) in masked.stricter.iter().enumerate() {
        let mut without = masked.clone();
        without.stricter.remove(index);
        all.push(without);
        for predicate in tampered(predicate).into_iter().take(2) {
            let mut other = masked.clone();
            other.stricter[index] = (predicate, *mask);
            all.push(other);
        }
        let mut other = masked.clone();
        other.stricter[index].1 = if *mask == Mask::Null { Mask::Last4 } else { Mask::Null };
        all.push(other);
    }
    all.retain(|other| other != masked);
    all
}

#[expect(clippy::option_option, reason = "a row that is not shown, and a value that is not masked")]
/// What a row shows of a column by Cedar's own verdict: nothing, or the strictest mask of the permits that decided.
fn shown(
    database: &Database,
    principal: &Principal,
    (key, row): (&str, &dialektai::predicate::Row),
    column: &ColumnName,
) -> Option<Option<Mask>> {
    let relation = &facts(database).name;
    let touched = [column.clone()];
    let verdict = database.verdict(principal, relation, key, row, &touched).unwrap();
    if !verdict.allowed {
        return None;
    }
    let mask = |id: &String| {
        let (_, masks) = MASKS.iter().find(|(of, _)| of == id).unwrap();
        masks.iter().find(|(of, _)| *of == column.as_str()).map(|(_, mask)| *mask)
    };
    let masks: Option<Vec<Mask>> = verdict.deciding.iter().map(mask).collect();
    Some(masks.and_then(|masks| masks.into_iter().min()))
}

#[test]
fn masks_that_were_tampered_with_are_not_proved() {
    if !has_solver() {
        return;
    }
    let database = loaded();
    let relation = facts(&database);
    let mut rows = policy_oracle::rows();
    rows.retain(|(of, _, row)| *of == "facts" && complete(of, row));
    let (mut told_apart, mut refuted, mut proved) = (0, 0, 0);
    for principal in &policy_oracle::principals()[..2] {
        let filters = database.predicates_for(principal).unwrap();
        for (column, masked) in filters.masks_of(&relation.name).unwrap() {
            let left = filters.filter_touching(&relation.name, [column]);
            for other in changed(masked).into_iter().map(Some).chain([None]) {
                let wrong = rows.iter().any(|(_, key, row)| {
                    let own = other.as_ref().and_then(|masked| masked.on(row));
                    let own = left.keeps(row).then_some(own);
                    own != shown(&database, principal, (key, row), column)
                });
                let other = other.as_ref();
                let answer =
                    certify_masks(&database, principal, relation, column, other, LIMIT).unwrap();
                told_apart += usize::from(wrong);
                match answer {
                    Answer::Proved => {
                        assert!(!wrong, "{column} for {principal:?}: {other:?}");
                        proved += 1;
                    }
                    Answer::Refuted(_) => refuted += 1,
                    Answer::NotProved(reason) => panic!("{reason}: {column} {other:?}"),
                }
            }
        }
    }
    eprintln!("masks: {told_apart} told apart by rows, {refuted} refuted, {proved} the same");
    assert!(told_apart > 30 && refuted >= told_apart, "{told_apart} {refuted}");
    assert!(proved * 4 < refuted, "{proved} {refuted}");
}

/// Whether a claim is there, what it holds and whether policies name that are three things.
#[test]
fn callers_that_stand_for_others_have_claims() {
    let policies = r#"
        @id("p") permit (principal, action, resource is facts)
        when { principal has title && principal.title == "boss" && principal has level && principal.level > 3 };
        @id("q") forbid (principal, action, resource is facts)
        when { principal has names && principal has numbers && principal has auditor && principal.auditor };"#;
    let database = policy_oracle::load(policies).unwrap_or_else(|error| panic!("{error}"));
    let callers = representatives(&database);
    let with = |name: &str, wanted: &ClaimValue| {
        callers
            .iter()
            .any(|caller| caller.claims.iter().any(|(own, value)| own == name && value == wanted))
    };
    let text = |text: &str| ClaimValue::String(text.to_owned());
    let texts =
        |texts: &[&str]| ClaimValue::Strings(texts.iter().map(ToString::to_string).collect());
    for (name, value) in [
        ("title", text("boss")),
        ("title", text("x")),
        ("level", ClaimValue::Integer(3)),
        ("level", ClaimValue::Integer(7)),
        ("auditor", ClaimValue::Boolean(true)),
        ("auditor", ClaimValue::Boolean(false)),
        ("names", texts(&[])),
        ("names", texts(&["boss"])),
        ("names", texts(&["x"])),
        ("numbers", ClaimValue::Integers([3].into())),
    ] {
        assert!(with(name, &value), "{name} {value:?}");
    }
    let number = |count: usize| callers.iter().any(|caller| caller.claims.iter().count() == count);
    assert!(number(0) && number(1) && number(5));
    // What such a caller may read is certified too.
    let reads = |caller: &&Principal| {
        let filters = database.predicates_for(caller).unwrap();
        *filters.filter_for(&facts(&database).name) != RowFilter::NoRows
    };
    assert!(callers.iter().any(|caller| reads(&caller)));
}
