//! What the replies of each command become.

use dialektai::engine::{Cell, Rows};

use super::site::Site;

/// Columns with their types, then rows.
fn shown(rows: &Rows) -> String {
    let columns: Vec<String> =
        rows.columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect();
    format!("{}: {:?}", columns.join(", "), rows.rows)
}

#[tokio::test]
async fn each_reply_becomes_rows() {
    let Some(site) = Site::open("rows = 5000").await else { return };
    for (query, expected) in [
        ("db.n.countDocuments()", "n integer: [[Integer(2000)]]"),
        ("db.n.countDocuments({ i: { $lt: 10 } })", "n integer: [[Integer(5)]]"),
        ("db.n.countDocuments({ i: -1 })", "n integer: [[Integer(0)]]"),
        ("db.n.estimatedDocumentCount()", "n integer: [[Integer(2000)]]"),
        // Fenced, so an aggregate, which gives no document where none is left to count.
        (
            "db.n.countDocuments({ $expr: { $gt: [{ $divide: [100, { $add: ['$i', 1] }] }, 20] } })",
            "n integer: [[Integer(2)]]",
        ),
        (
            "db.n.countDocuments({ $expr: { $gt: [{ $divide: [1, { $add: ['$i', 1] }] }, 20] } })",
            "n integer: [[Integer(0)]]",
        ),
        ("db.n.distinct('tags')", r#"tags text: [[Text("all")], [Text("of 82")]]"#),
        ("db.n.distinct('kind')", "kind integer: [[Integer(0)], [Integer(3)], [Integer(6)]]"),
        ("db.n.distinct('i', { i: -1 })", "i unknown: []"),
        (
            "db.n.findOne({ i: 2 }, { i: 1, tags: 1, _id: 0 })",
            r#"i integer, tags array: [[Integer(2), Array([Text("all"), Text("of 82")])]]"#,
        ),
        ("db.n.find({ i: -1 })", ": []"),
        // A field that the first document lacks comes where it is first seen, and is null where it is missing.
        (
            "db.n.find({ i: { $in: [2, 6] } }, { _id: 0, i: 1, kind: 1 }).sort({ i: 1 })",
            "i integer, kind integer: [[Integer(2), Null], [Integer(6), Integer(6)]]",
        ),
        (
            "db.n.aggregate([{ $group: { _id: null, most: { $max: '$i' }, all: { $sum: 1 } } }])",
            "_id unknown, most integer, all integer: [[Null, Integer(3998), Integer(2000)]]",
        ),
        (
            "db.n.aggregate([{ $match: { i: 2 } }, { $project: { _id: 0, d: { a: '$i', b: ['$kind', null] } } }])",
            r#"d document: [[Document([("a", Integer(2)), ("b", Array([Null, Null]))])]]"#,
        ),
    ] {
        let rows = site.run(query).await.unwrap_or_else(|error| panic!("{error}: {query}"));
        assert_eq!(shown(&rows), expected, "{query}");
        assert!(!rows.truncated, "{query}");
    }
    // Over several replies of the server.
    let all = site.run("db.n.find({}, { i: 1, _id: 0 }).sort({ i: 1 })").await.unwrap();
    let own: Vec<Vec<Cell>> = (0..4_000).step_by(2).map(|i| vec![Cell::Integer(i)]).collect();
    assert_eq!(all.rows, own);
    assert_eq!(site.cursors().await, 0);
}
