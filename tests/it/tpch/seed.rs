//! Rows for TPC-H's tables: the same for the same tenant, whoever else is there.
//!
//! Amounts are multiples of a quarter and rates of a sixteenth, so that sums of floating point numbers, which SQLite
//! computes with, are exact in any order.

use std::fmt::Write as _;

/// A linear congruential generator (Knuth's MMIX constants): the seed must not depend on a crate's version.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn quarter(&mut self, limit: usize) -> String {
        format!("{}.{}", self.below(limit), self.of(&["00", "25", "50", "75"]))
    }

    /// A day of 1993 to 1997; `at` is the number of days since the first.
    fn day(&mut self) -> usize {
        self.below(5 * 12 * 28)
    }
}

fn date(day: usize) -> String {
    format!("{}-{:02}-{:02}", 1993 + day / 336, day % 336 / 28 + 1, day % 28 + 1)
}

const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
const NATIONS: [(&str, usize); 8] = [
    ("FRANCE", 3),
    ("GERMANY", 3),
    ("INDIA", 2),
    ("JAPAN", 2),
    ("CANADA", 1),
    ("BRAZIL", 1),
    ("KENYA", 0),
    ("EGYPT", 4),
];

/// `INSERT` statements for the rows of some tenants.
pub(crate) fn inserts(tenants: &[i64]) -> String {
    tenants.iter().map(|tenant| tenant_rows(*tenant)).collect()
}

fn tenant_rows(tenant: i64) -> String {
    let random = &mut Random(u64::try_from(tenant).unwrap());
    let base = usize::try_from(tenant).unwrap() * 1_000;
    let mut rows = Rows { text: String::new(), tenant };
    for (at, name) in REGIONS.iter().enumerate() {
        rows.add("region", &format!("{}, {{}}, '{name}'", base + at));
    }
    for (at, (name, region)) in NATIONS.iter().enumerate() {
        rows.add("nation", &format!("{}, {{}}, '{name}', {}", base + at, base + region));
    }
    for at in 0..12 {
        let comment = random.of(&["fine", "Customer said Complaints", "slow"]);
        let phone = format!("{}-555-{at:03}", random.of(&["13", "31", "23", "40"]));
        rows.add(
            "supplier",
            &format!(
                "{}, {{}}, 'Supplier#{at}', 'Street {at}', {}, '{phone}', {}, '{comment}'",
                base + at,
                base + random.below(8),
                random.quarter(9_000)
            ),
        );
    }
    for at in 0..40 {
        let name = format!(
            "{} {}",
            random.of(&["forest", "green", "almond"]),
            random.of(&["green", "red"])
        );
        let kind = format!(
            "{} {}",
            random.of(&["ECONOMY ANODIZED", "PROMO BURNISHED", "MEDIUM POLISHED", "LARGE PLATED"]),
            random.of(&["BRASS", "STEEL"])
        );
        rows.add(
            "part",
            &format!(
                "{}, {{}}, '{name}', 'Manufacturer#{}', '{}', '{kind}', {}, '{}'",
                base + at,
                random.below(5),
                random.of(&["Brand#12", "Brand#23", "Brand#45", "Brand#13"]),
                random.of(&["49", "14", "23", "45", "19", "3", "36", "9", "7"]),
                random.of(&["SM CASE", "SM BOX", "MED BAG", "MED BOX", "LG CASE", "LG BOX"]),
            ),
        );
        for offset in 0..3 {
            rows.add(
                "partsupp",
                &format!(
                    "{}, {}, {{}}, {}, {}",
                    base + at,
                    base + (at + offset * 5) % 12,
                    random.below(300) + 1,
                    random.quarter(100)
                ),
            );
        }
    }
    orders(&mut rows, random, base);
    rows.text
}

fn orders(rows: &mut Rows, random: &mut Random, base: usize) {
    for at in 0..30 {
        let phone = format!("{}-777-{at:03}", random.of(&["13", "31", "23", "29", "99"]));
        rows.add(
            "customer",
            &format!(
                "{}, {{}}, 'Customer#{at}', 'Road {at}', {}, '{phone}', {}, '{}'",
                base + at,
                base + random.below(8),
                random.quarter(9_000),
                random.of(&["BUILDING", "AUTOMOBILE", "MACHINERY"])
            ),
        );
    }
    for at in 0..150 {
        let day = random.day();
        rows.add(
            "orders",
            &format!(
                "{}, {{}}, {}, '{}', {}, '{}', '{}', 0, '{}'",
                base + at,
                // A third of the customers have no orders.
                base + random.below(20),
                random.of(&["F", "O", "P"]),
                random.quarter(90_000),
                date(day),
                random.of(&["1-URGENT", "2-HIGH", "3-MEDIUM", "5-LOW"]),
                random.of(&["plain", "special packed requests", "requests"])
            ),
        );
        for line in 1..=random.below(5) + 1 {
            let ship = (day + random.below(90)).min(1_679);
            let commit = (day + random.below(90)).min(1_679);
            let part = random.below(40);
            rows.add(
                "lineitem",
                &format!(
                    "{}, {line}, {{}}, {}, {}, {}, {}, {}, {}, '{}', '{}', '{}', '{}', '{}', '{}'",
                    base + at,
                    base + part,
                    base + (part + random.below(3) * 5) % 12,
                    random.below(50) + 1,
                    random.quarter(9_000),
                    random.of(&["0.0000", "0.0625", "0.1250"]),
                    random.of(&["0.0000", "0.0625"]),
                    random.of(&["R", "A", "N"]),
                    random.of(&["O", "F"]),
                    date(ship),
                    date(commit),
                    date((ship + random.below(30)).min(1_679)),
                    random.of(&["MAIL", "SHIP", "AIR", "REG AIR", "TRUCK"]),
                ),
            );
        }
    }
}

struct Rows {
    text: String,
    tenant: i64,
}

impl Rows {
    /// One row; `{}` stands for the tenant.
    fn add(&mut self, table: &str, values: &str) {
        let values = values.replace("{}", &self.tenant.to_string());
        writeln!(self.text, "INSERT INTO {table} VALUES ({values});").unwrap();
    }
}
