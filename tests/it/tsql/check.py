"""What an independent reader of Transact-SQL, sqlglot, finds amiss in texts of the guard.

Reads one JSON object a line: {"text", "filtered": [relations], "shared": [relations], "tenant": column or null}.
Writes one JSON array of complaints a line.
"""

import json
import sys

import sqlglot
from sqlglot import exp

# https://learn.microsoft.com/en-us/sql/t-sql/language-elements/reserved-keywords-transact-sql
RESERVED = set("""
ADD ALL ALTER AND ANY AS ASC AUTHORIZATION BACKUP BEGIN BETWEEN BREAK BROWSE BULK BY CASCADE CASE CHECK CHECKPOINT CLOSE
CLUSTERED COALESCE COLLATE COLUMN COMMIT COMPUTE CONSTRAINT CONTAINS CONTAINSTABLE CONTINUE CONVERT CREATE CROSS CURRENT
CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DBCC DEALLOCATE DECLARE DEFAULT DELETE DENY DESC
DISK DISTINCT DISTRIBUTED DOUBLE DROP DUMP ELSE END ERRLVL ESCAPE EXCEPT EXEC EXECUTE EXISTS EXIT EXTERNAL FETCH FILE
FILLFACTOR FOR FOREIGN FREETEXT FREETEXTTABLE FROM FULL FUNCTION GOTO GRANT GROUP HAVING HOLDLOCK IDENTITY IDENTITY_INSERT
IDENTITYCOL IF IN INDEX INNER INSERT INTERSECT INTO IS JOIN KEY KILL LEFT LIKE LINENO LOAD MERGE NATIONAL NOCHECK
NONCLUSTERED NOT NULL NULLIF OF OFF OFFSETS ON OPEN OPENDATASOURCE OPENQUERY OPENROWSET OPENXML OPTION OR ORDER OUTER OVER
PERCENT PIVOT PLAN PRECISION PRIMARY PRINT PROC PROCEDURE PUBLIC RAISERROR READ READTEXT RECONFIGURE REFERENCES REPLICATION
RESTORE RESTRICT RETURN REVERT REVOKE RIGHT ROLLBACK ROWCOUNT ROWGUIDCOL RULE SAVE SCHEMA SECURITYAUDIT SELECT
SESSION_USER SET SETUSER SHUTDOWN SOME STATISTICS SYSTEM_USER TABLE TABLESAMPLE TEXTSIZE THEN TO TOP TRAN TRANSACTION
TRIGGER TRUNCATE TRY_CONVERT TSEQUAL UNION UNIQUE UNPIVOT UPDATE UPDATETEXT USE USER VALUES VARYING VIEW WAITFOR WHEN WHERE
WHILE WITH WITHIN WRITETEXT
""".split())


def conjuncts(condition):
    """The operands of the ANDs on top."""
    while isinstance(condition, exp.Paren):
        condition = condition.this
    if isinstance(condition, exp.And):
        yield from conjuncts(condition.left)
        yield from conjuncts(condition.right)
    else:
        yield condition


def is_tenant_test(test, alias, column):
    """`[alias.]column = @Pn`"""
    if not isinstance(test, exp.EQ):
        return False
    left, right = test.left, test.right
    return (
        isinstance(left, exp.Column)
        and left.name == column
        and left.table in ("", alias)
        and isinstance(right, exp.Parameter)
    )


def is_cte(table):
    """Whether a WITH around the name defines it."""
    node = table
    while node is not None:
        with_ = node.args.get("with_") or node.args.get("with")
        if with_ is not None and any(c.alias.lower() == table.name.lower() for c in with_.expressions):
            return True
        node = node.parent
    return False


def is_parent(table, name, case):
    """`EXISTS (SELECT 1 FROM parent AS related_1 WHERE related_1.key = ..)`, of a filter that follows a key"""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where")
    if name not in case.get("parents", []) or where is None or not isinstance(select.parent, exp.Exists):
        return False
    if [item.sql() for item in select.expressions] != ["1"] or select.args.get("joins"):
        return False
    columns = [column.table for test in conjuncts(where.this) for column in test.find_all(exp.Column)]
    return table.alias.startswith("related_") and all(columns) and any(table.alias == own for own in columns)


def table_complaint(table, case):
    if not table.db:
        return None if is_cte(table) else f"{table.name} is no WITH query and has no schema"
    if table.catalog:
        return f"{table.name} is of another database"
    name = f"{table.db}.{table.name}"
    if name in case["shared"] or is_parent(table, name, case):
        return None
    if name not in case["filtered"]:
        return f"{name} is not to be read"
    select = table.find_ancestor(exp.Select)
    source = select.args.get("from_") or select.args.get("from")
    if source is None or source.this is not table:
        return f"{name} does not stand alone after FROM"
    if select.args.get("joins") or select.args.get("laterals"):
        return f"{name} is joined before it is filtered"
    where = select.args.get("where")
    if case["tenant"] is None:
        return None if where is not None else f"{name} is not filtered"
    tests = list(conjuncts(where.this)) if where is not None else []
    if not any(is_tenant_test(test, table.alias_or_name, case["tenant"]) for test in tests):
        return f"{name} is not filtered by {case['tenant']}"
    return None


def complaints(case):
    try:
        statements = sqlglot.parse(case["text"], read="tsql", error_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as error:
        yield "does not parse: " + str(error).splitlines()[0]
        return
    if len(statements) != 1:
        yield "is not one statement"
        return
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        yield "is no query"
        return
    for node in tree.walk():
        if isinstance(node, (exp.Into, exp.DML, exp.DDL, exp.Command)) and not isinstance(node, exp.Query):
            yield f"holds a {type(node).__name__}"
        if isinstance(node, exp.Limit) and not isinstance(node.parent, exp.Query):
            yield "has a limit where there is no query"
        if isinstance(node, exp.Identifier) and not node.quoted and node.name.upper() in RESERVED:
            yield f"writes the reserved word {node.name} as a name"
        if isinstance(node, exp.Table):
            complaint = table_complaint(node, case)
            if complaint:
                yield complaint


for line in sys.stdin:
    print(json.dumps(list(complaints(json.loads(line)))), flush=True)
