//! The lists as they are shown: to operators, to models, and in `docs/functions.md`.

use super::{Chapter, Check, Dialect, Kind, MANY, Returns, Rule, Take};

/// One function that a query may call.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Its name, without parentheses.
    pub name: &'static str,
    /// What kind of function, in a few words.
    pub kind: &'static str,
    /// The fewest and the most arguments; no most where the list has no end.
    pub arguments: (usize, Option<usize>),
    /// The type of its result: a type's name, or what it follows from.
    pub returns: &'static str,
    /// Why a call may fail, or warn, depending on the values of a row: such a call puts a fence around the relations.
    pub fails: Option<&'static str>,
    /// What else is asked of the arguments; where they are otherwise, a call may fail too.
    pub takes: Option<&'static str>,
    /// Why two statements may get different values for the same arguments.
    pub stable: Option<&'static str>,
    /// The title that it stands under.
    pub chapter: &'static str,
    /// The page of the manual that describes it.
    pub source: &'static str,
}

/// Every function of a dialect's list, in its order.
pub fn listed(dialect: Dialect) -> impl Iterator<Item = Listed> {
    super::chapters(dialect)
        .iter()
        .flat_map(|chapter| chapter.rules.iter().map(move |rule| rule.shown(chapter)))
}

impl Rule {
    fn shown(&self, chapter: &'static Chapter) -> Listed {
        Listed {
            name: self.name,
            kind: match self.kind {
                Kind::Scalar => "scalar",
                Kind::Aggregate => "aggregate",
                Kind::Window => "window",
                Kind::OrderedSet => "aggregate, with WITHIN GROUP",
                Kind::AggregateMaybeOrdered => "aggregate, also with WITHIN GROUP",
                Kind::OrderedWindow => "window, with WITHIN GROUP",
                Kind::AggregateIfSingle => "aggregate of one argument, scalar of more",
            },
            arguments: (self.min_args, (self.max_args < MANY).then_some(self.max_args)),
            returns: match self.returns {
                Returns::Of(column_type) => column_type.name(),
                Returns::First => "the type of the first argument",
                Returns::Common(_) => "the one type of its values",
                Returns::Unknown => "depends",
            },
            fails: self.fails,
            takes: self.asks(),
            stable: self.stable,
            chapter: chapter.title,
            source: chapter.source,
        }
    }

    fn asks(&self) -> Option<&'static str> {
        match self.check {
            Check::DateField => return Some("a date field as a literal first"),
            Check::Unit => return Some("a unit such as DAY first"),
            Check::Interval => return Some("INTERVAL n unit second"),
            Check::TextFormat | Check::ShortFormat => {
                return Some("a literal format with short widths first");
            }
            Check::None => {}
        }
        let asked = |take: &Take| match take {
            Take::Any => None,
            Take::Number => Some("numbers"),
            Take::Date => Some("dates"),
            Take::Whole => Some("whole numbers"),
            Take::Moment => Some("dates that are no texts"),
            Take::Text => Some("texts that are compared byte by byte"),
            Take::Json => Some("`jsonb`"),
            Take::Alike => Some("values that compare"),
            Take::Same => Some("a default of the value's type"),
        };
        self.takes.iter().find_map(asked)
    }
}
