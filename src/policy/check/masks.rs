//! Which annotations mean something: `@mask` and `@columns` take part in what a policy grants, `@id` is its name, and all
//! others are words for people.

use cedar_policy::Policy;

use super::columns::changes;

/// An annotation that cannot be upheld.
pub(in crate::policy) struct BadAnnotation {
    pub(in crate::policy) name: String,
    pub(in crate::policy) why: &'static str,
}

const MASK: &str = "mask";
const COLUMNS: &str = "columns";

/// The annotations of a policy that must not be passed over.
// INVARIANT (exact or refused): a permit whose mask nobody upholds would show what it says is masked.
pub(in crate::policy) fn check(policy: &Policy) -> Vec<BadAnnotation> {
    let bad = |name: &str| {
        let why = match name {
            MASK | COLUMNS => "and columns are not masked in this version",
            _ => "which reads like one that masks columns",
        };
        BadAnnotation { name: name.to_owned(), why }
    };
    let names = policy.annotations().map(|(name, _)| name);
    names.filter(|name| reads_like_ours(name)).map(bad).collect()
}

/// `@masks`, `@Mask`, `@column`: a slip of the pen must not take a mask away.
fn reads_like_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [MASK, COLUMNS].into_iter().any(|ours| changes(&name, ours) <= 1)
}
