//! Ordinary analytic queries are not refused: `fixtures/mongo/useful.js`, a query a paragraph. What the guard refuses
//! although a server runs it is marked there with the reason. `bypass::live_mongodb` compares the documents.

use crate::world;

/// One query of the corpus.
pub(crate) struct Useful {
    pub(crate) text: String,
    /// Why it is refused, where it is.
    pub(crate) refused: Option<String>,
    /// Why the test server does not run it.
    pub(crate) unsupported: bool,
}

/// The corpus, in the order of the file.
pub(crate) fn corpus() -> Vec<Useful> {
    let text = std::fs::read_to_string(world::root().join("fixtures/mongo/useful.js")).unwrap();
    let paragraph = |lines: &str| {
        let said = |mark: &str| lines.lines().find_map(|line| line.strip_prefix(mark));
        let query: Vec<&str> = lines.lines().filter(|line| !line.starts_with("//")).collect();
        let refused = said("// refused: ").map(str::to_owned);
        let unsupported = said("// not on the test server: ").is_some();
        (!query.is_empty()).then(|| Useful { text: query.join("\n"), refused, unsupported })
    };
    text.split("\n\n").filter_map(paragraph).collect()
}

#[test]
fn ordinary_queries_of_mongodb_are_not_refused() {
    let corpus = corpus();
    assert!(corpus.len() >= 110, "{}", corpus.len());
    let mut wrong = Vec::new();
    for Useful { text, refused, .. } in &corpus {
        match (super::guard(text, &world::principal(82, None)), refused) {
            (Ok(_), None) => {}
            (Err(refusal), Some(_)) => {
                // A model must be able to act on it.
                if refusal.hint.len() < 20 {
                    wrong.push(format!("{refusal} ({}) helps nobody: {text}", refusal.hint));
                }
            }
            (Ok(_), Some(why)) => wrong.push(format!("not refused any more, {why}: {text}")),
            (Err(refusal), None) => wrong.push(format!("{refusal} ({}): {text}", refusal.hint)),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), corpus.len(), wrong.join("\n"));
    let refused = corpus.iter().filter(|own| own.refused.is_some()).count();
    eprintln!("MongoDB: {refused} of {} ordinary queries are refused", corpus.len());
    assert!(refused * 20 < corpus.len(), "more than a twentieth is refused");
}
