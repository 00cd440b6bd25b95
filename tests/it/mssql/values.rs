//! Every type of SQL Server, as its bytes come over the wire, is a cell without loss; or a failure, never a guess.

use dialektai::engine::{Cell, EngineError};

use super::{Case, Differing};
use crate::servers::tds::script::{Script, Step, rows};
use crate::servers::tds::tokens;
use crate::servers::tds::types::{
    CYRILLIC, JAPANESE, LATIN1, SIZED_NULL, Type, assembly_type, binary, bit, characters, chunked,
    clock, date, decimal, decimal_value, fixed, int, nullable, nvarchar, old_long, pointed, short,
    sized, text, variant, varied, xml,
};

/// A column, its value's bytes, and what they are.
struct Example {
    kind: Type,
    bytes: Vec<u8>,
    name: &'static str,
    cell: Cell,
}

fn example(kind: Type, bytes: Vec<u8>, name: &'static str, cell: Cell) -> Example {
    Example { kind, bytes, name, cell }
}

fn worded(kind: Type, bytes: Vec<u8>, name: &'static str, words: &str) -> Example {
    example(kind, bytes, name, Cell::Text(words.to_owned()))
}

fn counted(kind: Type, bytes: Vec<u8>, decimal: &str) -> Example {
    example(kind, bytes, "decimal", Cell::Decimal(decimal.to_owned()))
}

fn numbers() -> Vec<Example> {
    let whole =
        |kind, bytes: &[u8], value| example(kind, bytes.to_vec(), "integer", Cell::Integer(value));
    let float = |kind, bytes: Vec<u8>, value| example(kind, bytes, "float", Cell::Real(value));
    let money = |value: i64| {
        let bytes = value.to_le_bytes();
        [&bytes[4..], &bytes[..4]].concat()
    };
    vec![
        example(fixed(0x32), vec![1], "boolean", Cell::Bool(true)),
        example(nullable(0x68, 1), bit(false), "boolean", Cell::Bool(false)),
        whole(fixed(0x30), &[255], 255),
        whole(fixed(0x34), &(-32_768_i16).to_le_bytes(), -32_768),
        whole(fixed(0x38), &i32::MIN.to_le_bytes(), i32::MIN.into()),
        whole(fixed(0x7f), &i64::MIN.to_le_bytes(), i64::MIN),
        whole(nullable(0x26, 1), &short(&[200]), 200),
        whole(nullable(0x26, 2), &short(&(-2_i16).to_le_bytes()), -2),
        whole(nullable(0x26, 4), &int(-3), -3),
        whole(nullable(0x26, 8), &short(&i64::MAX.to_le_bytes()), i64::MAX),
        float(fixed(0x3b), 0.1_f32.to_le_bytes().to_vec(), 0.1),
        float(fixed(0x3e), 1e308_f64.to_le_bytes().to_vec(), 1e308),
        float(nullable(0x6d, 4), short(&f32::MAX.to_le_bytes()), 3.402_823_5e38),
        float(nullable(0x6d, 8), short(&0.1_f64.to_le_bytes()), 0.1),
        counted(decimal(0x6a, 5, 2), decimal_value(-5, 4), "-0.05"),
        counted(
            decimal(0x6c, 18, 0),
            decimal_value(i128::from(i64::MAX), 8),
            "9223372036854775807",
        ),
        counted(decimal(0x6a, 28, 4), decimal_value(10_000, 12), "1.0000"),
        counted(
            decimal(0x6a, 38, 10),
            decimal_value(99_999_999_999_999_999_999_999_999_999_999_999_999, 16),
            "9999999999999999999999999999.9999999999",
        ),
        counted(fixed(0x3c), money(-1), "-0.0001"),
        counted(nullable(0x6e, 8), short(&money(123_456_789_012_345)), "12345678901.2345"),
        counted(fixed(0x7a), i32::MIN.to_le_bytes().to_vec(), "-214748.3648"),
        counted(nullable(0x6e, 4), short(&i32::MAX.to_le_bytes()), "214748.3647"),
    ]
}

fn times() -> Vec<Example> {
    // 10:11:12.1234567 and 2024-02-29, in the units of each.
    let seven = 366_721_234_567_u64.to_le_bytes()[..5].to_vec();
    let three = 36_672_123_u32.to_le_bytes().to_vec();
    let none = 36_672_u32.to_le_bytes()[..3].to_vec();
    let day = 738_944_u32.to_le_bytes()[..3].to_vec();
    let two_hours = 120_i16.to_le_bytes().to_vec();
    let datetime = [45_349_i32.to_le_bytes(), 11_001_637_u32.to_le_bytes()].concat();
    let minutes = [45_349_u16.to_le_bytes(), 611_u16.to_le_bytes()].concat();
    vec![
        worded(date(), short(&day), "date", "2024-02-29"),
        worded(clock(0x29, 7), short(&seven), "time", "10:11:12.1234567"),
        worded(clock(0x29, 3), short(&three), "time", "10:11:12.123"),
        worded(clock(0x29, 0), short(&none), "time", "10:11:12"),
        worded(
            clock(0x2a, 7),
            short(&[seven.clone(), day.clone()].concat()),
            "timestamp",
            "2024-02-29 10:11:12.1234567",
        ),
        worded(
            clock(0x2a, 0),
            short(&[none, day.clone()].concat()),
            "timestamp",
            "2024-02-29 10:11:12",
        ),
        worded(
            clock(0x2b, 7),
            short(&[seven, day, two_hours].concat()),
            "timestamptz",
            "2024-02-29 12:11:12.1234567+02:00",
        ),
        worded(fixed(0x3d), datetime.clone(), "timestamp", "2024-02-29 10:11:12.123"),
        worded(nullable(0x6f, 8), short(&datetime), "timestamp", "2024-02-29 10:11:12.123"),
        worded(fixed(0x3a), minutes.clone(), "timestamp", "2024-02-29 10:11:00"),
        worded(nullable(0x6f, 4), short(&minutes), "timestamp", "2024-02-29 10:11:00"),
    ]
}

fn texts() -> Vec<Example> {
    let wide: Vec<u8> = "gr\u{fc}n \u{1f332}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = "x".repeat(9_000);
    let long_wide: Vec<u8> = long.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        worded(characters(0xa7, 20, LATIN1), sized(b"gr\xfcn \x80"), "text", "gr\u{fc}n \u{20ac}"),
        worded(characters(0xaf, 5, LATIN1), sized(b"ab   "), "text", "ab   "),
        worded(characters(0xa7, 20, CYRILLIC), sized(b"\xe4\xe0"), "text", "\u{434}\u{430}"),
        worded(
            characters(0xa7, 20, JAPANESE),
            sized(b"\x93\xfa\x96\x7b"),
            "text",
            "\u{65e5}\u{672c}",
        ),
        worded(nvarchar(), text(""), "text", ""),
        worded(nvarchar(), sized(&wide), "text", "gr\u{fc}n \u{1f332}"),
        worded(characters(0xef, 8, LATIN1), text("ab  "), "text", "ab  "),
        worded(characters(0xe7, 0xffff, LATIN1), chunked(&long_wide, 1_234), "text", &long),
        worded(characters(0xa7, 0xffff, LATIN1), chunked(long.as_bytes(), 5_000), "text", &long),
        worded(old_long(0x23, Some(LATIN1)), pointed(b"\xfc"), "text", "\u{fc}"),
        worded(old_long(0x63, Some(LATIN1)), pointed(&wide), "text", "gr\u{fc}n \u{1f332}"),
        worded(xml(), chunked(&wide, 4), "xml", "gr\u{fc}n \u{1f332}"),
    ]
}

fn others() -> Vec<Example> {
    let bytes = |value: &[u8]| Cell::Bytes(value.to_vec());
    let uuid = [
        0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
        0xff,
    ];
    let in_words = "00112233-4455-6677-8899-aabbccddeeff";
    vec![
        example(binary(0xa5, 10), sized(&[0, 255]), "bytes", bytes(&[0, 255])),
        // A rowversion.
        example(
            binary(0xad, 8),
            sized(&[0, 0, 0, 0, 0, 0, 7, 208]),
            "bytes",
            bytes(&[0, 0, 0, 0, 0, 0, 7, 208]),
        ),
        example(binary(0xa5, 0xffff), chunked(&[9; 100], 7), "bytes", bytes(&[9; 100])),
        example(binary(0xa5, 0xffff), chunked(&[], 7), "bytes", bytes(&[])),
        example(old_long(0x22, None), pointed(&[1, 2, 3]), "bytes", bytes(&[1, 2, 3])),
        worded(nullable(0x24, 16), short(&uuid), "uuid", in_words),
        // `hierarchyid` /1/ and others that only the server can spell out.
        example(assembly_type("hierarchyid"), chunked(&[0x58], 8), "udt", bytes(&[0x58])),
        example(
            variant(),
            varied(0x38, &[], &7_i32.to_le_bytes()),
            "sql_variant",
            Cell::Integer(7),
        ),
        example(
            variant(),
            varied(0x3e, &[], &0.5_f64.to_le_bytes()),
            "sql_variant",
            Cell::Real(0.5),
        ),
        worded(variant(), varied(0x24, &[], &uuid), "sql_variant", in_words),
        worded(
            variant(),
            varied(0xa7, &[&LATIN1[..], &[10, 0]].concat(), b"\xfc"),
            "sql_variant",
            "\u{fc}",
        ),
        example(
            variant(),
            varied(0x6c, &[9, 2], &[1, 0x39, 0x30, 0, 0]),
            "sql_variant",
            Cell::Decimal("123.45".to_owned()),
        ),
        worded(variant(), varied(0x28, &[], &[0x80, 0x46, 0x0b]), "sql_variant", "2024-02-29"),
    ]
}

fn all() -> Vec<Example> {
    [numbers(), times(), texts(), others()].into_iter().flatten().collect()
}

async fn answer(script: Script) -> Result<dialektai::engine::Rows, EngineError> {
    Case::new(script).await.run().await
}

/// In packets of every kind of length: values begin in one and end in another.
#[tokio::test]
async fn every_type_arrives_without_loss() {
    let all = all();
    let columns: Vec<(&str, Type)> = all.iter().map(|one| ("c", one.kind.clone())).collect();
    let row: Vec<Vec<u8>> = all.iter().map(|one| one.bytes.clone()).collect();
    for packet in [4_096, 512, 97, 20, 9] {
        let steps = rows(&columns, &[row.clone(), row.clone()]);
        let script = Script { packet, answers: vec![("things", steps)], ..Script::default() };
        let answer = answer(script).await.unwrap();
        assert_eq!(answer.rows.len(), 2);
        for row in &answer.rows {
            for ((one, cell), column) in all.iter().zip(row).zip(&answer.columns) {
                assert_eq!((cell, &*column.type_name), (&one.cell, one.name));
            }
        }
    }
}

#[tokio::test]
async fn null_is_null_in_every_type_that_has_one() {
    let plp = || vec![0xff; 8];
    let nulls: Vec<(Type, Vec<u8>)> = vec![
        (fixed(0x1f), Vec::new()),
        (nullable(0x68, 1), vec![0]),
        (nullable(0x26, 4), vec![0]),
        (nullable(0x6d, 8), vec![0]),
        (nullable(0x6e, 8), vec![0]),
        (nullable(0x6e, 4), vec![0]),
        (decimal(0x6a, 38, 4), vec![0]),
        (date(), vec![0]),
        (clock(0x29, 7), vec![0]),
        (clock(0x2a, 7), vec![0]),
        (clock(0x2b, 7), vec![0]),
        (nullable(0x6f, 8), vec![0]),
        (nullable(0x6f, 4), vec![0]),
        (nullable(0x24, 16), vec![0]),
        (nvarchar(), SIZED_NULL.to_vec()),
        (characters(0xa7, 20, LATIN1), SIZED_NULL.to_vec()),
        (characters(0xe7, 0xffff, LATIN1), plp()),
        (binary(0xa5, 20), SIZED_NULL.to_vec()),
        (binary(0xa5, 0xffff), plp()),
        (old_long(0x23, Some(LATIN1)), vec![0]),
        (old_long(0x63, Some(LATIN1)), vec![0]),
        (old_long(0x22, None), vec![0]),
        (xml(), plp()),
        (variant(), vec![0; 4]),
        (assembly_type("geometry"), plp()),
    ];
    let columns: Vec<(&str, Type)> = nulls.iter().map(|(kind, _)| ("c", kind.clone())).collect();
    let whole: Vec<Vec<u8>> = nulls.iter().map(|(_, bytes)| bytes.clone()).collect();
    let sparse: Vec<Option<Vec<u8>>> = nulls.iter().map(|_| None).collect();
    let tokens = [
        tokens::columns(&columns),
        tokens::row(&whole),
        tokens::sparse_row(&sparse),
        tokens::done(),
    ];
    let steps = vec![Step::Tokens(tokens.concat())];
    let answer = answer(Script { answers: vec![("things", steps)], ..Script::default() }).await;
    let expected = vec![Cell::Null; nulls.len()];
    assert_eq!(answer.unwrap().rows, [expected.clone(), expected]);
}

#[tokio::test]
async fn sparse_rows_keep_their_values_in_place() {
    let columns: Vec<(&str, Type)> = (0..10).map(|_| ("n", nullable(0x26, 4))).collect();
    let values: Vec<Option<Vec<u8>>> =
        (0..10).map(|n| [0, 3, 9].contains(&n).then(|| int(n))).collect();
    let tokens = [tokens::columns(&columns), tokens::sparse_row(&values), tokens::done()].concat();
    let steps = vec![Step::Tokens(tokens)];
    let answer = answer(Script { answers: vec![("things", steps)], ..Script::default() }).await;
    let row = answer.unwrap().rows.pop().unwrap();
    let present: Vec<(usize, &Cell)> =
        row.iter().enumerate().filter(|(_, cell)| **cell != Cell::Null).collect();
    assert_eq!(present, [(0, &Cell::Integer(0)), (3, &Cell::Integer(3)), (9, &Cell::Integer(9))]);
}

async fn one(
    kind: Type,
    bytes: Vec<u8>,
    catalog: &str,
    collation: &'static str,
) -> Result<Cell, EngineError> {
    // A function pointer cannot hold the name.
    let misreport: fn(&mut crate::servers::tds::script::Told) = match collation {
        "Latin1_General_100_CI_AS_SC_UTF8" => {
            |told| told.collation = "Latin1_General_100_CI_AS_SC_UTF8"
        }
        _ => |_| {},
    };
    let steps = rows(&[("c", kind)], &[vec![bytes]]);
    let script = Script { misreport, answers: vec![("things", steps)], ..Script::default() };
    let differing = Differing { catalog: catalog.to_owned(), ..Differing::default() };
    let answer = Case::with(script, differing).await.run().await?;
    Ok(answer.rows[0][0].clone())
}

/// The driver divides money by ten thousand, so that large amounts lose their last digits.
#[tokio::test]
async fn money_that_the_driver_cannot_hold_fails() {
    let money = |value: i64| {
        let bytes = value.to_le_bytes();
        [&bytes[4..], &bytes[..4]].concat()
    };
    for value in [i64::MAX, i64::MIN, 90_071_992_547_409_931] {
        let told = one(fixed(0x3c), money(value), super::CATALOG, "").await;
        assert_eq!(told, Err(EngineError::Failed), "{value}");
        let varied = varied(0x3c, &[], &money(value));
        assert_eq!(one(variant(), varied, super::CATALOG, "").await, Err(EngineError::Failed));
    }
}

/// The driver reads a `_UTF8` collation in the code page of its language.
#[tokio::test]
async fn text_in_utf8_collations_is_right_or_fails() {
    const UTF8: &str = "Latin1_General_100_CI_AS_SC_UTF8";
    let coded = || characters(0xa7, 20, [0x09, 0x04, 0xd0, 0x04, 0]);
    let catalog = super::CATALOG.replace(
        "{ name = \"payload\", type = \"other\", nullable = true }",
        "{ name = \"payload\", type = \"text\", nullable = true, collation = \"Latin1_General_100_BIN2_UTF8\" }",
    );
    let plain = Ok(Cell::Text("plain".to_owned()));
    let wide = Ok(Cell::Text("gr\u{fc}n".to_owned()));
    let bytes = || sized("gr\u{fc}n".as_bytes());
    for (catalog, collation) in [(catalog.as_str(), ""), (super::CATALOG, UTF8)] {
        assert_eq!(one(coded(), sized(b"plain"), catalog, collation).await, plain);
        assert_eq!(one(coded(), bytes(), catalog, collation).await, Err(EngineError::Failed));
        assert_eq!(one(nvarchar(), text("gr\u{fc}n"), catalog, collation).await, wide);
    }
    let latin = characters(0xa7, 20, LATIN1);
    assert_eq!(one(latin, sized(b"gr\xfcn"), super::CATALOG, "").await, wide);
}

/// Code pages that the driver does not know, bytes that a code page does not have, half of a surrogate pair.
#[tokio::test]
async fn text_that_cannot_be_read_fails() {
    let unknown = characters(0xa7, 20, [0x09, 0x04, 0xd0, 0x00, 42]);
    assert_eq!(one(unknown, sized(b"a"), super::CATALOG, "").await, Err(EngineError::Failed));
    let japanese = characters(0xa7, 20, JAPANESE);
    assert_eq!(one(japanese, sized(b"\x93"), super::CATALOG, "").await, Err(EngineError::Failed));
    assert_eq!(
        one(nvarchar(), sized(&[0, 0xd8]), super::CATALOG, "").await,
        Err(EngineError::Failed)
    );
}
