//! A text cut into lexical pieces, roughly as any engine would: what is spliced, swapped and left out.

/// Cuts a text; white space is left out, and comes back between the pieces.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if chars[at].is_whitespace() {
            at += 1;
            continue;
        }
        let end = end_of(&chars, at);
        pieces.push(chars[at..end].iter().collect());
        at = end;
    }
    pieces
}

/// Where the piece that begins at `at` ends.
fn end_of(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    let through = |end: fn(&[char]) -> bool, from: usize| {
        (from..chars.len()).find(|&to| end(&chars[at..=to])).map_or(chars.len(), |to| to + 1)
    };
    match chars[at] {
        '\'' => quoted(chars, at, '\''),
        '"' => quoted(chars, at, '"'),
        '`' => quoted(chars, at, '`'),
        '[' => quoted(chars, at, ']'),
        '-' if next == Some('-') => through(|piece| piece.ends_with(&['\n']), at + 2),
        '/' if next == Some('*') => through(|piece| piece.ends_with(&['*', '/']), at + 3),
        c if is_word(c) => run(chars, at, is_word),
        c if is_operator(c) => run(chars, at, is_operator),
        _ => at + 1,
    }
}

fn quoted(chars: &[char], at: usize, close: char) -> usize {
    let mut to = at + 1;
    while to < chars.len() {
        if chars[to] == close {
            if chars.get(to + 1) != Some(&close) {
                return to + 1;
            }
            to += 1;
        }
        to += 1;
    }
    chars.len()
}

fn run(chars: &[char], at: usize, belongs: fn(char) -> bool) -> usize {
    (at..chars.len()).find(|&to| !belongs(chars[to])).unwrap_or(chars.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn is_operator(c: char) -> bool {
    "<>=!|&~^+*/%#@?:-".contains(c)
}

/// The text of some pieces: nothing stands between what a dot joins.
pub(super) fn text(pieces: &[String]) -> String {
    let mut text = String::new();
    let mut dotted = true;
    for piece in pieces {
        if !dotted && piece != "." {
            text.push(' ');
        }
        text.push_str(piece);
        dotted = piece == ".";
    }
    text
}

#[test]
fn pieces_come_back() {
    let query =
        "SELECT t1.name||'it''s' FROM \"a b\" AS t1 -- c\nWHERE x<>[y] /* d */ AND `z` = 'e\\'";
    let cut = pieces(query);
    assert_eq!(cut.len(), 20, "{cut:?}");
    assert_eq!(pieces(&text(&cut)), cut);
}
