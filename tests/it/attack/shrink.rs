//! The shortest text that still leaks.

use std::time::{Duration, Instant};

use super::judge::{Finding, Judge, Verdict};
use super::pieces::{pieces, text};

/// Looking longer costs more than reading a longer text.
const PATIENCE: Duration = Duration::from_secs(30);

/// Leaves out pieces while something is still found.
pub(super) async fn shrunk(judge: &mut Judge, input: &str, finding: Finding) -> (String, Finding) {
    let started = Instant::now();
    let (mut best, mut found) = (input.to_owned(), finding);
    let mut left = pieces(input);
    let mut size = left.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < left.len() {
            if started.elapsed() > PATIENCE {
                return (best, found);
            }
            let mut fewer = left.clone();
            fewer.drain(at..(at + size).min(left.len()));
            let shorter = text(&fewer);
            match judge.judge(&shorter).await {
                Verdict::Found(finding) => {
                    (best, found, left) = (shorter, finding, fewer);
                }
                Verdict::Gone(_) => return (best, found),
                Verdict::Refused(_) | Verdict::Same(_) | Verdict::Ordered | Verdict::TimedOut => {
                    at += size;
                }
            }
        }
        size /= 2;
    }
    (best, found)
}
