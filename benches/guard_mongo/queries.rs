//! Queries as language models write them, as a command and as shell text.

/// One query, twice.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    /// In extended JSON.
    pub(crate) command: &'static str,
    pub(crate) shell: &'static str,
}

pub(crate) const QUERIES: [Query; 6] = [
    Query {
        name: "list",
        command: r#"{"find": "projects", "filter": {}, "sort": {"name": 1}, "limit": 20}"#,
        shell: "db.projects.find({}).sort({ name: 1 }).limit(20)",
    },
    Query {
        name: "count",
        command: r#"{"count": "tasks", "query": {"status": "open", "priority": {"$gte": 3}}}"#,
        shell: "db.tasks.countDocuments({ status: 'open', priority: { $gte: 3 } })",
    },
    Query {
        name: "group",
        command: r#"{"aggregate": "projects", "pipeline": [{"$match": {"archived": false, "started_at": {"$gte": {"$date": "2024-01-01T00:00:00Z"}}}}, {"$group": {"_id": {"country": "$country_code", "month": {"$dateToString": {"date": "$started_at", "format": "%Y-%m"}}}, "n": {"$sum": 1}, "total": {"$sum": "$budget"}}}, {"$sort": {"total": -1}}, {"$limit": 10}], "cursor": {}}"#,
        shell: "db.projects.aggregate([{ $match: { archived: false, started_at: { $gte: ISODate('2024-01-01') } } }, { $group: { _id: { country: '$country_code', month: { $dateToString: { date: '$started_at', format: '%Y-%m' } } }, n: { $sum: 1 }, total: { $sum: '$budget' } } }, { $sort: { total: -1 } }, { $limit: 10 }])",
    },
    Query {
        name: "join and group",
        command: r#"{"aggregate": "projects", "pipeline": [{"$match": {"status": "active"}}, {"$lookup": {"from": "tasks", "localField": "_id", "foreignField": "project_id", "as": "tasks"}}, {"$unwind": "$tasks"}, {"$match": {"tasks.status": "open"}}, {"$group": {"_id": "$name", "open": {"$sum": 1}, "highest": {"$max": "$tasks.priority"}}}, {"$sort": {"open": -1, "_id": 1}}], "cursor": {}}"#,
        shell: "db.projects.aggregate([{ $match: { status: 'active' } }, { $lookup: { from: 'tasks', localField: '_id', foreignField: 'project_id', as: 'tasks' } }, { $unwind: '$tasks' }, { $match: { 'tasks.status': 'open' } }, { $group: { _id: '$name', open: { $sum: 1 }, highest: { $max: '$tasks.priority' } } }, { $sort: { open: -1, _id: 1 } }])",
    },
    Query {
        name: "facets",
        command: r#"{"aggregate": "projects", "pipeline": [{"$match": {"archived": {"$ne": true}}}, {"$facet": {"byStatus": [{"$group": {"_id": "$status", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}], "byCountry": [{"$lookup": {"from": "countries", "localField": "country_code", "foreignField": "_id", "as": "c"}}, {"$group": {"_id": {"$first": "$c.name"}, "n": {"$sum": 1}}}, {"$sort": {"n": -1}}, {"$limit": 5}], "total": [{"$group": {"_id": null, "sum": {"$sum": "$budget"}, "avg": {"$avg": "$budget"}}}]}}], "cursor": {}}"#,
        shell: "db.projects.aggregate([{ $match: { archived: { $ne: true } } }, { $facet: { byStatus: [{ $group: { _id: '$status', n: { $sum: 1 } } }, { $sort: { _id: 1 } }], byCountry: [{ $lookup: { from: 'countries', localField: 'country_code', foreignField: '_id', as: 'c' } }, { $group: { _id: { $first: '$c.name' }, n: { $sum: 1 } } }, { $sort: { n: -1 } }, { $limit: 5 }], total: [{ $group: { _id: null, sum: { $sum: '$budget' }, avg: { $avg: '$budget' } } }] } }])",
    },
    Query { name: "report", command: REPORT, shell: REPORT_SHELL },
];

const REPORT: &str = r#"{"aggregate": "tasks", "pipeline": [{"$match": {"$or": [{"status": {"$in": ["open", "blocked"]}}, {"priority": {"$gte": 3}}]}}, {"$lookup": {"from": "projects", "let": {"project": "$project_id"}, "pipeline": [{"$match": {"$expr": {"$and": [{"$eq": ["$_id", "$$project"]}, {"$ne": ["$archived", true]}]}}}, {"$project": {"_id": 0, "name": 1, "budget": 1, "country_code": 1}}], "as": "project"}}, {"$set": {"project": {"$first": "$project"}}}, {"$setWindowFields": {"partitionBy": "$project.name", "sortBy": {"priority": -1}, "output": {"rank": {"$rank": {}}, "running": {"$sum": "$priority", "window": {"documents": ["unbounded", "current"]}}}}}, {"$match": {"rank": {"$lte": 3}}}, {"$group": {"_id": {"project": "$project.name", "country": "$project.country_code"}, "titles": {"$push": {"title": "$title", "rank": "$rank", "share": {"$cond": [{"$gt": ["$running", 0]}, {"$round": [{"$divide": ["$priority", "$running"]}, 2]}, null]}}}, "budget": {"$max": "$project.budget"}}}, {"$project": {"_id": 0, "project": "$_id.project", "country": {"$ifNull": ["$_id.country", "unknown"]}, "titles": 1, "budget": {"$toDouble": {"$ifNull": ["$budget", 0]}}}}, {"$sort": {"budget": -1, "project": 1}}, {"$limit": 25}], "cursor": {}}"#;

const REPORT_SHELL: &str = "db.tasks.aggregate([{ $match: { $or: [{ status: { $in: ['open', 'blocked'] } }, { priority: { $gte: 3 } }] } }, { $lookup: { from: 'projects', let: { project: '$project_id' }, pipeline: [{ $match: { $expr: { $and: [{ $eq: ['$_id', '$$project'] }, { $ne: ['$archived', true] }] } } }, { $project: { _id: 0, name: 1, budget: 1, country_code: 1 } }], as: 'project' } }, { $set: { project: { $first: '$project' } } }, { $setWindowFields: { partitionBy: '$project.name', sortBy: { priority: -1 }, output: { rank: { $rank: {} }, running: { $sum: '$priority', window: { documents: ['unbounded', 'current'] } } } } }, { $match: { rank: { $lte: 3 } } }, { $group: { _id: { project: '$project.name', country: '$project.country_code' }, titles: { $push: { title: '$title', rank: '$rank', share: { $cond: [{ $gt: ['$running', 0] }, { $round: [{ $divide: ['$priority', '$running'] }, 2] }, null] } } }, budget: { $max: '$project.budget' } } }, { $project: { _id: 0, project: '$_id.project', country: { $ifNull: ['$_id.country', 'unknown'] }, titles: 1, budget: { $toDouble: { $ifNull: ['$budget', 0] } } } }, { $sort: { budget: -1, project: 1 } }, { $limit: 25 }])";
