//! Queries as language models write them, for each dialect.

use dialektai::guard::sql::Dialect;

pub(crate) fn of(dialect: Dialect) -> [(&'static str, &'static str); 5] {
    match dialect {
        Dialect::Postgresql => [
            ("list", "SELECT * FROM projects ORDER BY name LIMIT 20"),
            (
                "count",
                "SELECT COUNT(*) AS open_tasks FROM tasks WHERE status = 'open' AND priority >= 3",
            ),
            ("join and group", POSTGRESQL_JOIN),
            (
                "months",
                "SELECT DATE_TRUNC('month', te.spent_on) AS month, SUM(te.hours) AS total_hours FROM time_entries te WHERE te.spent_on >= CURRENT_DATE - INTERVAL '6 months' GROUP BY 1 ORDER BY 1",
            ),
            ("ranked", RANKED),
        ],
        Dialect::Mysql => [
            ("list", "SELECT * FROM projects ORDER BY name LIMIT 20"),
            (
                "count",
                "SELECT COUNT(*) AS open_tasks FROM tasks WHERE status = 'open' AND priority >= 3",
            ),
            ("join and group", JOIN),
            (
                "months",
                "SELECT DATE_FORMAT(te.spent_on, '%Y-%m') AS month, SUM(te.hours) AS total_hours FROM time_entries te WHERE te.spent_on >= CURDATE() - INTERVAL 6 MONTH GROUP BY DATE_FORMAT(te.spent_on, '%Y-%m') ORDER BY month",
            ),
            ("ranked", RANKED),
        ],
        Dialect::Sqlite => [
            ("list", "SELECT * FROM projects ORDER BY name LIMIT 20"),
            (
                "count",
                "SELECT COUNT(*) AS open_tasks FROM tasks WHERE status = 'open' AND priority >= 3",
            ),
            ("join and group", JOIN),
            (
                "months",
                "SELECT strftime('%Y-%m', te.spent_on) AS month, SUM(te.hours) AS total_hours FROM time_entries te WHERE te.spent_on >= date('now', '-6 months') GROUP BY month ORDER BY month",
            ),
            ("ranked", RANKED),
        ],
        Dialect::Mssql => [
            ("list", "SELECT TOP 20 * FROM projects ORDER BY name"),
            (
                "count",
                "SELECT COUNT(*) AS open_tasks FROM tasks WHERE status = 'open' AND priority >= 3",
            ),
            (
                "join and group",
                "SELECT TOP 10 p.name, COUNT(t.id) AS task_count, AVG(t.estimate_hours) AS avg_estimate FROM projects p LEFT JOIN tasks t ON t.project_id = p.id AND t.status <> 'done' WHERE p.archived = 0 GROUP BY p.name HAVING COUNT(t.id) > 2 ORDER BY task_count DESC",
            ),
            (
                "months",
                "SELECT YEAR(te.spent_on) AS y, MONTH(te.spent_on) AS m, SUM(te.hours) AS total_hours FROM time_entries te WHERE te.spent_on >= DATEADD(month, -6, GETDATE()) GROUP BY YEAR(te.spent_on), MONTH(te.spent_on) ORDER BY y, m",
            ),
            ("ranked", RANKED_MSSQL),
        ],
    }
}

const JOIN: &str = "SELECT p.name, COUNT(t.id) AS task_count, AVG(t.estimate_hours) AS avg_estimate
FROM projects p
LEFT JOIN tasks t ON t.project_id = p.id AND t.status <> 'done'
WHERE p.archived = 0
GROUP BY p.name
HAVING COUNT(t.id) > 2
ORDER BY task_count DESC
LIMIT 10";

const POSTGRESQL_JOIN: &str =
    "SELECT p.name, COUNT(t.id) AS task_count, AVG(t.estimate_hours) AS avg_estimate
FROM projects p
LEFT JOIN tasks t ON t.project_id = p.id AND t.status <> 'done'
WHERE NOT p.archived
GROUP BY p.name
HAVING COUNT(t.id) > 2
ORDER BY task_count DESC
LIMIT 10";

const RANKED: &str = "WITH hours AS (
    SELECT te.user_id, t.project_id, SUM(te.hours) AS total
    FROM time_entries te
    JOIN tasks t ON t.id = te.task_id
    GROUP BY te.user_id, t.project_id
), ranked AS (
    SELECT u.name AS user_name, p.name AS project_name, h.total,
           ROW_NUMBER() OVER (PARTITION BY h.project_id ORDER BY h.total DESC) AS rn
    FROM hours h
    JOIN users u ON u.id = h.user_id
    JOIN projects p ON p.id = h.project_id
    WHERE u.role IN ('developer', 'designer') AND EXISTS (SELECT 1 FROM countries c WHERE c.code = p.country_code)
)
SELECT user_name, project_name, total, CASE WHEN total > 100 THEN 'high' WHEN total > 10 THEN 'medium' ELSE 'low' END AS load
FROM ranked
WHERE rn = 1
ORDER BY total DESC
LIMIT 25";

const RANKED_MSSQL: &str = "WITH hours AS (
    SELECT te.user_id, t.project_id, SUM(te.hours) AS total
    FROM time_entries te
    JOIN tasks t ON t.id = te.task_id
    GROUP BY te.user_id, t.project_id
), ranked AS (
    SELECT u.name AS user_name, p.name AS project_name, h.total,
           ROW_NUMBER() OVER (PARTITION BY h.project_id ORDER BY h.total DESC) AS rn
    FROM hours h
    JOIN users u ON u.id = h.user_id
    JOIN projects p ON p.id = h.project_id
    WHERE u.role IN ('developer', 'designer') AND EXISTS (SELECT 1 FROM countries c WHERE c.code = p.country_code)
)
SELECT TOP 25 user_name, project_name, total, CASE WHEN total > 100 THEN 'high' WHEN total > 10 THEN 'medium' ELSE 'low' END AS level
FROM ranked
WHERE rn = 1
ORDER BY total DESC";
