//! The grammar: a whole question is one intent, with every word accounted for, or it is not understood.

use crate::catalog::{Column, Relation};

use super::condition::{condition, opposite};
use super::cursor::Cursor;
use super::intent::{Function, Group, Intent, Order, Selection};
use super::lexicon::{
    Lexicon, adjective_at, column_at, is_amount, is_categorical, is_temporal, moment,
};
use super::words::{Token, name_parts};

/// The most relations of one overview: each is a query of its own, and engines bound how many a query may join.
const MAX_OVERVIEW: usize = 100;
/// The most words before a relation's name that may describe it.
const MAX_ADJECTIVES: usize = 6;

/// How people begin without saying anything yet.
const LEAD: [&str; 44] = [
    ",",
    "please",
    "hi",
    "hello",
    "hey",
    "can you",
    "could you",
    "would you",
    "will you",
    "can i",
    "could i",
    "may i",
    "i want to",
    "i would like to",
    "i'd like to",
    "i need to",
    "let me",
    "let us",
    "i want",
    "i need",
    "i'd like",
    "show me",
    "show us",
    "show",
    "list",
    "get me",
    "get",
    "display",
    "give me",
    "give us",
    "give",
    "find me",
    "find",
    "fetch",
    "see",
    "view",
    "tell me",
    "what are",
    "what is",
    "what's",
    "what",
    "which",
    "who are",
    "look up",
];
/// How people end.
const TRAIL: [&str; 18] = [
    ", please",
    ", thanks",
    ", thank you",
    "please",
    "thanks",
    "thank you",
    "for me",
    "are there",
    "there are",
    "is there",
    "do we have",
    "do i have",
    "do you have",
    "we have",
    "i have",
    "exist",
    "in total",
    "overall",
];
/// "My tasks" are the tasks the caller may read: whose they are, the guard knows and the words need not say.
const ARTICLES: [&str; 10] = ["all of", "all", "the", "my", "our", "any", "every", "of", "a", "an"];

const COUNT: [&str; 8] = [
    "how many",
    "the total number of",
    "total number of",
    "the number of",
    "number of",
    "the count of",
    "count of",
    "count",
];

const FUNCTIONS: [(&str, Function); 16] = [
    ("sum of", Function::Sum),
    ("sum", Function::Sum),
    ("total", Function::Sum),
    ("average", Function::Average),
    ("avg", Function::Average),
    ("mean", Function::Average),
    ("minimum", Function::Minimum),
    ("min", Function::Minimum),
    ("lowest", Function::Minimum),
    ("smallest", Function::Minimum),
    ("earliest", Function::Minimum),
    ("maximum", Function::Maximum),
    ("max", Function::Maximum),
    ("highest", Function::Maximum),
    ("largest", Function::Maximum),
    ("latest", Function::Maximum),
];

/// What "by" after a relation means depends on how the question began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// "how many tasks by priority": groups.
    Group,
    /// "tasks by status": groups where that is the only sense it can have, since "by budget" may well mean sorting.
    Category,
    /// "top 3 projects by budget": the order.
    Order,
}

/// Everything after the relation.
#[derive(Default)]
struct Tail<'c> {
    group: Option<Group<'c>>,
    order: Option<Order<'c>>,
    /// Whether the order came with a direction.
    directed: bool,
}

/// Reads a whole question. The rules are tried in this order; the first that accounts for every word wins.
pub(super) fn parse<'c>(lexicon: &Lexicon<'c>, tokens: &[Token]) -> Option<Intent<'c>> {
    let mut cursor = Cursor::new(tokens);
    cursor.eat_all(&LEAD);
    count(lexicon, cursor)
        .or_else(|| ranked(lexicon, cursor))
        .or_else(|| aggregate(lexicon, cursor))
        .or_else(|| columns_of(lexicon, cursor))
        .or_else(|| list(lexicon, cursor))
        .or_else(|| overview(lexicon, cursor))
}

/// "how many tasks are there per project"
fn count<'c>(lexicon: &Lexicon<'c>, mut cursor: Cursor<'_>) -> Option<Intent<'c>> {
    if !cursor.eat_any(&COUNT) {
        return None;
    }
    let subject = subject(lexicon, cursor)?;
    let (selection, tail) = finish(lexicon, subject, By::Group)?;
    tail.order.is_none().then_some(Intent::Count { selection, group: tail.group })
}

/// "newest 5 tasks", "top 3 projects by budget", "5 tasks"
fn ranked<'c>(lexicon: &Lexicon<'c>, mut cursor: Cursor<'_>) -> Option<Intent<'c>> {
    cursor.eat_any(&["all the", "all", "the", "my", "our"]);
    let mut limit = number(&mut cursor);
    let newest = cursor.eat_any(&["newest", "latest", "most recent", "last"]);
    let oldest = !newest && cursor.eat_any(&["oldest", "first"]);
    let top = !newest && !oldest && cursor.eat("top");
    let bottom = !newest && !oldest && !top && cursor.eat("bottom");
    limit = limit.or_else(|| number(&mut cursor));
    let subject = subject(lexicon, cursor)?;
    let relation = subject.selection.relation;
    if (newest || oldest) && limit.is_none() && subject.is_one {
        limit = Some(1);
    }
    let (selection, tail) = finish(lexicon, subject, By::Order)?;
    if tail.group.is_some() {
        return None;
    }
    let order = if top || bottom {
        // The word says in which direction, so a second one could only contradict it.
        let order = tail.order.filter(|_| !tail.directed && limit.is_some())?;
        order
            .column
            .filter(|column| is_amount(relation, column) || is_temporal(column.column_type))?;
        Order { column: order.column, descending: top }
    } else if newest || oldest {
        let column = moment(relation);
        if tail.order.is_some() || column.is_none() {
            return None;
        }
        Order { column, descending: newest }
    } else {
        limit?;
        tail.order.unwrap_or(Order { column: None, descending: false })
    };
    Some(Intent::List { selection, columns: Vec::new(), order: Some(order), limit })
}

/// "total budget of archived projects per country", "total hours", "total tasks"
fn aggregate<'c>(lexicon: &Lexicon<'c>, mut cursor: Cursor<'_>) -> Option<Intent<'c>> {
    cursor.eat("the");
    let found = FUNCTIONS.iter().find(|(words, _)| cursor.eat(words));
    let function = found.map(|(_, function)| *function)?;
    cursor.eat("of");
    cursor.eat("the");
    if function == Function::Sum
        && let Some(subject) = subject(lexicon, cursor)
        && let Some((selection, tail)) = finish(lexicon, subject, By::Group)
    {
        return tail.order.is_none().then_some(Intent::Count { selection, group: tail.group });
    }
    let fits = |relation: &Relation, column: &Column| {
        let extreme = matches!(function, Function::Minimum | Function::Maximum);
        is_amount(relation, column) || (extreme && is_temporal(column.column_type))
    };
    let of = splits(cursor).find_map(|(before, after)| {
        let subject = subject(lexicon, after)?;
        let (column, rest) = column_at(subject.selection.relation, before)?;
        rest.at_end().then_some((column, subject))
    });
    let (column, subject) = of.or_else(|| {
        let (relation, column, after) = lexicon.only_relation_with(cursor)?;
        let selection = Selection { relation, conditions: Vec::new() };
        Some((column, Subject { selection, is_one: false, after }))
    })?;
    if !fits(subject.selection.relation, column) {
        return None;
    }
    let (selection, tail) = finish(lexicon, subject, By::Group)?;
    let group = tail.group;
    tail.order.is_none().then_some(Intent::Aggregate { function, column, selection, group })
}

/// "names and budgets of active projects"
fn columns_of<'c>(lexicon: &Lexicon<'c>, cursor: Cursor<'_>) -> Option<Intent<'c>> {
    splits(cursor).find_map(|(mut before, after)| {
        let subject = subject(lexicon, after)?;
        let mut columns = Vec::new();
        loop {
            before.eat_any(&ARTICLES);
            let (column, rest) = column_at(subject.selection.relation, before)?;
            if columns.contains(&column) {
                return None;
            }
            columns.push(column);
            before = rest;
            if before.at_end() {
                break;
            }
            if !before.eat_any(&[", and", ",", "and"]) {
                return None;
            }
        }
        let (selection, tail) = finish(lexicon, subject, By::Order)?;
        let order = tail.order;
        tail.group.is_none().then_some(Intent::List { selection, columns, order, limit: None })
    })
}

/// "show all projects", "tasks per status"
fn list<'c>(lexicon: &Lexicon<'c>, cursor: Cursor<'_>) -> Option<Intent<'c>> {
    let subject = subject(lexicon, cursor)?;
    let (selection, tail) = finish(lexicon, subject, By::Category)?;
    match (tail.group, tail.order) {
        (Some(group), None) => Some(Intent::Count { selection, group: Some(group) }),
        (Some(_), Some(_)) => None,
        (None, order) => Some(Intent::List { selection, columns: Vec::new(), order, limit: None }),
    }
}

/// "show all data", "what data do I have"
fn overview<'c>(lexicon: &Lexicon<'c>, mut cursor: Cursor<'_>) -> Option<Intent<'c>> {
    cursor.eat_all(&ARTICLES);
    if cursor.eat("overview") {
        cursor.eat_any(&["of all", "of"]);
        cursor.eat_all(&["the", "my", "our"]);
        cursor.eat_any(&["data", "everything"]);
    } else if !cursor.eat_any(&["data", "everything", "tables"]) {
        return None;
    }
    cursor.eat("is available");
    cursor.eat_all(&TRAIL);
    let relations: Vec<_> = lexicon.relations().collect();
    let answerable = (1..=MAX_OVERVIEW).contains(&relations.len()) && cursor.at_end();
    answerable.then_some(Intent::Overview(relations))
}

/// A relation with the words before it.
struct Subject<'c, 'q> {
    selection: Selection<'c>,
    /// Whether the question names one row of many: "the newest task".
    is_one: bool,
    after: Cursor<'q>,
}

/// Takes a relation and what describes it: "all archived projects".
fn subject<'c, 'q>(lexicon: &Lexicon<'c>, cursor: Cursor<'q>) -> Option<Subject<'c, 'q>> {
    (0..=MAX_ADJECTIVES.min(cursor.remaining())).find_map(|count| {
        let (relation, after) = lexicon.relation_at(cursor.skip(count))?;
        let mut before = cursor.first(count);
        let mut conditions = Vec::new();
        loop {
            before.eat_all(&ARTICLES);
            if before.at_end() {
                break;
            }
            let negated = before.eat("not");
            let (condition, rest) = adjective_at(relation, before)?;
            conditions.push(if negated { opposite(condition)? } else { condition });
            before = rest;
        }
        let is_one = cursor
            .first(cursor.remaining() - after.remaining())
            .last()
            .zip(name_parts(&relation.name.name).last())
            .is_some_and(|(word, name)| word != *name);
        Some(Subject { selection: Selection { relation, conditions }, is_one, after })
    })
}

/// Takes everything after a subject, to the end of the question.
fn finish<'c>(
    lexicon: &Lexicon<'c>,
    subject: Subject<'c, '_>,
    by: By,
) -> Option<(Selection<'c>, Tail<'c>)> {
    let Subject { mut selection, after: mut cursor, .. } = subject;
    let relation = selection.relation;
    let mut tail = Tail::default();
    let mut described = false;
    while !cursor.at_end() {
        let joined = described && cursor.eat_any(&[", and", "and", ","]);
        if let Some(condition) = condition(relation, &mut cursor) {
            selection.conditions.push(condition);
            described = true;
        } else if joined {
            // After "and" nothing but another condition was announced.
            return finish_politely(cursor).then_some((selection, tail));
        } else if tail.group.is_none()
            && let Some(group) = group(lexicon, relation, by, &mut cursor)
        {
            tail.group = Some(group);
            described = false;
        } else if tail.order.is_none()
            && let Some((order, directed)) = order(relation, by, &mut cursor)
        {
            tail.order = Some(order);
            tail.directed = directed;
            described = false;
        } else if !cursor.eat_any(&TRAIL) {
            return None;
        }
    }
    Some((selection, tail))
}

/// The comma that announced another condition may have announced a "please".
fn finish_politely(mut cursor: Cursor<'_>) -> bool {
    let polite = cursor.eat_any(&["please", "thanks", "thank you"]);
    polite && cursor.at_end()
}

/// Takes "per status", "for each project", "by country".
fn group<'c>(
    lexicon: &Lexicon<'c>,
    relation: &'c Relation,
    by: By,
    cursor: &mut Cursor<'_>,
) -> Option<Group<'c>> {
    let mut at = *cursor;
    let explicit =
        at.eat_any(&["per", "for each", "for every", "grouped by", "group by", "broken down by"]);
    let implied = !explicit && by != By::Order && at.eat("by");
    if !explicit && !implied {
        return None;
    }
    at.eat_any(&["each", "the"]);
    let column = column_at(relation, at);
    let link = lexicon.link_at(relation, at);
    let (group, after) = match (column, link) {
        (Some((column, after)), None) => (Group::Column(column), after),
        (None, Some((link, after))) => (Group::Link(link), after),
        (Some((column, after)), Some((link, end))) => {
            // "per country" of a relation that has a `country` which is also the key: its rows have names.
            let is_key = link.on.iter().any(|(_, ours)| *ours == &column.name);
            if end.remaining() < after.remaining()
                || (is_key && end.remaining() == after.remaining())
            {
                (Group::Link(link), end)
            } else {
                (Group::Column(column), after)
            }
        }
        (None, None) => return None,
    };
    let certain = match &group {
        Group::Column(column) => explicit || by == By::Group || is_categorical(column),
        Group::Link(_) => true,
    };
    if !certain {
        return None;
    }
    *cursor = after;
    Some(group)
}

/// Takes "sorted by due date descending", and "by due date" where that is an order; says whether it has a direction.
fn order<'c>(relation: &'c Relation, by: By, cursor: &mut Cursor<'_>) -> Option<(Order<'c>, bool)> {
    let mut at = *cursor;
    let explicit = at.eat_any(&["sorted by", "sort by", "ordered by", "order by"]);
    let implied = !explicit && by == By::Order && at.eat("by");
    if !explicit && !implied {
        return None;
    }
    at.eat("the");
    let (column, mut after) = column_at(relation, at)?;
    let descending = after.eat_any(&["descending", "desc", "in descending order"]);
    let directed = descending || after.eat_any(&["ascending", "asc", "in ascending order"]);
    *cursor = after;
    Some((Order { column: Some(column), descending }, directed))
}

/// Every way to part the words at a preposition: "names" and "projects".
fn splits(cursor: Cursor<'_>) -> impl Iterator<Item = (Cursor<'_>, Cursor<'_>)> {
    (1..cursor.remaining()).filter_map(move |count| {
        let mut after = cursor.skip(count);
        let parted = after.eat_any(&["of", "for", "from", "in", "across", "on"]);
        parted.then_some((cursor.first(count), after))
    })
}

/// Takes a number of rows, in digits or as a word.
fn number(cursor: &mut Cursor<'_>) -> Option<u32> {
    const WORDS: [&str; 12] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    const MAX: u32 = 10_000;
    let mut at = *cursor;
    let Some(Token::Word { text, .. }) = at.next() else { return None };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let named = (1..).zip(WORDS).find(|(_, word)| text.eq_ignore_ascii_case(word)).map(|(n, _)| n);
    let number = named.or_else(|| text.parse().ok().filter(|n| digits && (1..=MAX).contains(n)))?;
    *cursor = at;
    Some(number)
}
