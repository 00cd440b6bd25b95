//! Findings as people read them: the place in the file drawn as rustc draws it.

use std::io::IsTerminal as _;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::check::{Finding, Severity};
use crate::policy::Problem;
use crate::policy::place::{Place, Position};

/// Whether standard output shows colours: on a terminal, unless `NO_COLOR` says otherwise. <https://no-color.org>
pub(super) fn in_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

/// A finding in a file, drawn; `None` for one that is in no file.
pub(super) fn drawn(finding: &Finding, colour: bool) -> Option<String> {
    let problem = finding.problem()?;
    let level = match finding.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(plain(&problem.sentence())).id(finding.matter.code());
    let mut group: Group<'_> = match &problem.place {
        Some(place) => in_file(title, place),
        None => title.element(Origin::path(problem.file.as_str())),
    };
    if let Some(hint) = problem.hint() {
        group = group.element(Level::HELP.message(plain(&hint)));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    Some(renderer.render(&[group]))
}

fn in_file<'a>(title: annotate_snippets::Title<'a>, place: &'a Place) -> Group<'a> {
    let Some((first, lines, bytes)) = place.excerpt() else {
        let Position { line, column } = place.start();
        return title.element(Origin::path(place.path()).line(line).char_column(column));
    };
    let annotation = AnnotationKind::Primary.span(bytes);
    let source = Snippet::source(lines).path(place.path()).line_start(first);
    title.element(source.annotation(annotation))
}

/// Without what a terminal would obey: messages quote files.
fn plain(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.to_string() }
    };
    text.chars().map(shown).collect()
}

/// Where a finding is in its file, for programs.
pub(super) fn place(problem: Option<&Problem>) -> (Option<Position>, Option<Position>) {
    let place = problem.and_then(|problem| problem.place.as_ref());
    (place.map(Place::start), place.map(Place::end))
}
