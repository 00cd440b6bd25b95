//! Random policies that are well typed, read optional columns behind `has` only, and err now and then.

use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Long,
    Text,
    Bool,
    Instant,
}

/// Columns of `facts`: name, type, nullable. Columns of one type here are of one type in the database.
const COLUMNS: [(&str, Type, bool); 10] = [
    ("customer_id", Type::Long, true),
    ("n", Type::Long, false),
    ("m", Type::Long, true),
    ("name", Type::Text, false),
    ("nick", Type::Text, true),
    ("odd name", Type::Text, true),
    ("flag", Type::Bool, false),
    ("maybe", Type::Bool, true),
    ("at", Type::Instant, false),
    ("until", Type::Instant, true),
];

pub(super) struct Generator {
    random: ChaCha8Rng,
    /// Whether policies mask columns, and ask which are touched.
    columns: bool,
}

impl Generator {
    pub(super) fn new(random: ChaCha8Rng) -> Self {
        Self { random, columns: false }
    }

    pub(super) fn with_columns(random: ChaCha8Rng) -> Self {
        Self { random, columns: true }
    }

    /// Two to six policies, and how many.
    pub(super) fn policy_set(&mut self) -> (String, usize) {
        let count = self.random.random_range(2..=6);
        let policies: Vec<String> = (0..count).map(|number| self.policy(number)).collect();
        (policies.join("\n"), count)
    }

    fn policy(&mut self, number: usize) -> String {
        // Every second one, so that permits are not forgotten behind many forbids.
        let forbids = number % 2 == 1;
        let effect = if forbids { "forbid" } else { "permit" };
        let clause = if self.random.random_bool(0.3) { "unless" } else { "when" };
        let condition = self.condition(4, &mut Vec::new());
        let scope = "(principal, action, resource is facts)";
        if self.columns && self.random.random_bool(0.35) {
            return if forbids {
                let condition = self.touching(&condition);
                format!("@id(\"p{number}\") forbid {scope} when {{ {condition} }};")
            } else {
                let masked = self.masked();
                format!("@id(\"p{number}\") {masked} permit {scope} {clause} {{ {condition} }};")
            };
        }
        format!("@id(\"p{number}\") {effect} {scope} {clause} {{ {condition} }};")
    }

    /// What a permit grants masked.
    fn masked(&mut self) -> String {
        let texts = self.random.random_bool(0.4);
        let columns = COLUMNS.iter().filter(|(_, of, _)| !texts || *of == Type::Text);
        let columns: Vec<&str> = columns.map(|(name, ..)| *name).collect();
        let count = self.random.random_range(1..=3);
        let columns: Vec<&str> =
            columns.choose_multiple(&mut self.random, count).copied().collect();
        let mask = if texts { "last4" } else { "null" };
        format!("@mask(\"{mask}\") @columns(\"{}\")", columns.join(", "))
    }

    /// What hides a column, on the rows of a condition or on all.
    fn touching(&mut self, condition: &str) -> String {
        let (column, ..) = *COLUMNS.choose(&mut self.random).unwrap();
        let touched = format!("context.columns.contains(\"{column}\")");
        if self.random.random_bool(0.15) { touched } else { format!("{touched} && {condition}") }
    }

    /// A condition in which the columns of `known` are known to be there.
    fn condition(&mut self, depth: usize, known: &mut Vec<&'static str>) -> String {
        if depth == 0 {
            return self.atom(known);
        }
        let mut inner = |generator: &mut Self| generator.condition(depth - 1, known);
        match self.random.random_range(0..10) {
            0 | 1 => format!("({} && {})", inner(self), inner(self)),
            2 | 3 => format!("({} || {})", inner(self), inner(self)),
            4 | 5 => format!("!({})", inner(self)),
            6 => format!("(if {} then {} else {})", inner(self), inner(self), inner(self)),
            _ => self.behind_has(depth, known),
        }
    }

    /// Reads a nullable column where it is there.
    fn behind_has(&mut self, depth: usize, known: &mut Vec<&'static str>) -> String {
        let (name, ..) = *COLUMNS
            .iter()
            .filter(|(_, _, nullable)| *nullable)
            .collect::<Vec<_>>()
            .choose(&mut self.random)
            .unwrap();
        known.push(name);
        let with = self.condition(depth - 1, known);
        known.pop();
        let without = self.condition(depth - 1, known);
        match self.random.random_range(0..4) {
            0 => format!("(resource has \"{name}\" && {with})"),
            1 => format!("(if resource has \"{name}\" then {with} else true)"),
            2 => format!("(if resource has \"{name}\" then {with} else {without})"),
            _ => format!("((resource has \"{name}\" && {with}) || {without})"),
        }
    }

    fn atom(&mut self, known: &[&str]) -> String {
        let column_type =
            *[Type::Long, Type::Text, Type::Bool, Type::Instant].choose(&mut self.random).unwrap();
        let column = self.column(column_type, known);
        let other = if self.random.random_bool(0.2) {
            self.column(column_type, known)
        } else {
            self.constant(column_type)
        };
        let (left, right) =
            if self.random.random_bool(0.3) { (&other, &column) } else { (&column, &other) };
        let ordered = matches!(column_type, Type::Long | Type::Instant);
        match self.random.random_range(0..14) {
            0..=2 => format!("{left} == {right}"),
            3 => format!("{left} != {right}"),
            4..=6 if ordered => {
                let operator = *["<", "<=", ">", ">="].choose(&mut self.random).unwrap();
                format!("{left} {operator} {right}")
            }
            7 => {
                let second = self.constant(column_type);
                format!("[{other}, {second}].contains({column})")
            }
            8 => format!("[{column}, {other}].contains({})", self.constant(column_type)),
            9 => self.aside(),
            10 => self.related(),
            11 if self.random.random_bool(0.6) => self.claimed(&column, column_type),
            _ if column_type == Type::Text => {
                let pattern = *["a*", "*n", "100%*", "*_*", "*", "", "a\\*b"]
                    .choose(&mut self.random)
                    .unwrap();
                format!("{column} like \"{pattern}\"")
            }
            _ if column_type == Type::Bool => column,
            _ => format!("{left} == {right}"),
        }
    }

    /// A condition on what else is known of the caller.
    fn claimed(&mut self, column: &str, column_type: Type) -> String {
        let (claim, asked) = match (column_type, self.random.random_range(0..4)) {
            (Type::Long, 0) => ("level", format!("{column} <= principal.level")),
            (Type::Long, 1) => ("level", format!("[principal.level, 5].contains({column})")),
            (Type::Long, _) => ("numbers", format!("principal.numbers.contains({column})")),
            (Type::Text, 0) => ("title", format!("{column} != principal.title")),
            (Type::Text, 1) => ("title", format!("[\"ann\", principal.title].contains({column})")),
            (Type::Text, _) => ("names", format!("principal.names.contains({column})")),
            (Type::Bool, 0) => ("auditor", format!("{column} == principal.auditor")),
            (Type::Bool, 1) => ("auditor", "principal.auditor".to_owned()),
            (Type::Bool, _) => ("names", "principal.names.containsAll([\"ann\"])".to_owned()),
            (Type::Instant, _) => ("numbers", "principal.numbers.isEmpty()".to_owned()),
        };
        match self.random.random_range(0..3) {
            0 => format!("(if principal has {claim} then {asked} else true)"),
            1 => format!("!(principal has {claim} && {asked})"),
            _ => format!("(principal has {claim} && {asked})"),
        }
    }

    /// A condition on a related row, or on one behind it. The optional ones are read behind `has`.
    fn related(&mut self) -> String {
        let (path, guard) = *[
            ("resource.account", None),
            ("resource.account", None),
            ("resource[\"the backup\"]", Some("resource has \"the backup\"")),
            ("resource.account.parent", Some("resource.account has parent")),
            ("resource.boss.account", Some("resource has boss")),
        ]
        .choose(&mut self.random)
        .unwrap();
        let asked = match self.random.random_range(0..9) {
            0 => format!("{path}.open"),
            1 => format!("{path}.name == {}", self.constant(Type::Text)),
            2 => format!("{} <= {path}.id", self.constant(Type::Long)),
            3 => format!("{path} has customer_id"),
            4 => format!("({path} has credit && {path}.credit > {})", self.constant(Type::Long)),
            5 => format!("({path} has customer_id && {path}.customer_id == principal.tenant)"),
            6 => format!("{path}.place.code like \"e*\""),
            7 => format!("{path}.place has manager"),
            _ => format!("[{path}.name, \"x\"].contains({})", self.constant(Type::Text)),
        };
        let asked = if self.random.random_bool(0.3) { format!("!({asked})") } else { asked };
        match guard {
            None => asked,
            Some(guard) if self.random.random_bool(0.2) => {
                format!("(if {guard} then {asked} else true)")
            }
            Some(guard) => format!("({guard} && {asked})"),
        }
    }

    /// A condition without a column, or one over the row as a whole.
    fn aside(&mut self) -> String {
        (*[
            "9223372036854775807 + principal.tenant > 0",
            "principal.tenant - 9223372036854775807 <= -9223372036854775725",
            "principal.tenant == 82",
            "(principal has scope && principal.scope like \"*n*\")",
            "resource has m",
            "resource has name",
            "resource has boss",
            "resource has account",
            "resource has label",
            "resource has boss.boss",
            "resource == facts::\"3\"",
            "resource in [facts::\"1\", facts::\"7\"]",
            "resource is facts",
        ]
        .choose(&mut self.random)
        .unwrap())
        .to_owned()
    }

    fn column(&mut self, column_type: Type, known: &[&str]) -> String {
        let readable: Vec<&str> = COLUMNS
            .iter()
            .filter(|(name, of, nullable)| {
                *of == column_type && (!nullable || known.contains(name))
            })
            .map(|(name, ..)| *name)
            .collect();
        format!("resource[\"{}\"]", readable.choose(&mut self.random).unwrap())
    }

    fn constant(&mut self, column_type: Type) -> String {
        let constants: &[&str] = match column_type {
            Type::Long => &[
                "0",
                "4",
                "5",
                "6",
                "principal.tenant",
                "-1",
                "9223372036854775807",
                "-9223372036854775808",
            ],
            Type::Text => &["\"\"", "\"ann\"", "\"Ann\"", "\"100%_x\"", "\"it's\"", "\"odd\""],
            Type::Bool => &["true", "false"],
            Type::Instant => &[
                "datetime(\"2025-01-01\")",
                "datetime(\"2024-12-31T23:59:59.999Z\")",
                "datetime(\"1970-01-01\")",
                "datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\"))",
            ],
        };
        (*constants.choose(&mut self.random).unwrap()).to_owned()
    }
}
