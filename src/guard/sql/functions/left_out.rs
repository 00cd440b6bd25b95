//! The functions that were looked at and left out, with the reason. What is on neither list is refused as well; these
//! are the ones that an operator may not add either, whatever the schema that he writes before them.

use super::Dialect;

/// Functions that no query may call, and that no operator may add.
#[derive(Debug, Clone, Copy)]
pub struct LeftOut {
    /// Their names, folded. One that ends in `*` stands for all that begin so.
    pub names: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

impl LeftOut {
    fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => {
                name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start))
            }
            None => known.eq_ignore_ascii_case(name),
        })
    }
}

/// What was left out of the lists of a dialect.
pub fn left_out(dialect: Dialect) -> &'static [LeftOut] {
    match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgresql => POSTGRESQL,
        Dialect::Mysql => MYSQL,
        Dialect::Mssql => MSSQL,
    }
}

/// Why a function of this name may not be added, if any dialect leaves it out: what is a danger on one engine is no
/// name to trust on another.
pub(in super::super) fn reason(name: &str) -> Option<&'static str> {
    Dialect::ALL
        .into_iter()
        .flat_map(left_out)
        .find(|entry| entry.covers(name))
        .map(|entry| entry.why)
}

const VOLATILE: &str = "gives other values to the same query, even within it";
const FILES: &str = "reads or writes files, or loads code";
const SQL_TEXT: &str = "runs a text as SQL, which no guard has read";
const STATE: &str = "changes the state of the session or of the server, or waits";
const TELLS: &str = "tells of the server, the session, its users or the catalog";
const MEMORY: &str = "makes a value of any size from a number";
const ROWS: &str = "takes a whole row, with the columns that policies hide";
const SETS: &str = "gives a set of rows, and stands in no expression; of these, FROM takes what `admit` makes rows of";

const SQLITE: &[LeftOut] = &[
    LeftOut { names: &["random"], why: VOLATILE },
    LeftOut {
        names: &["load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"],
        why: FILES,
    },
    LeftOut { names: &["changes", "total_changes", "last_insert_rowid"], why: STATE },
    LeftOut {
        names: &[
            "sqlite_version",
            "sqlite_source_id",
            "sqlite_compileoption_get",
            "sqlite_compileoption_used",
            "sqlite_offset",
        ],
        why: TELLS,
    },
    LeftOut { names: &["randomblob", "zeroblob"], why: MEMORY },
    LeftOut {
        names: &["json_each", "json_tree", "generate_series", "jsonb_each", "jsonb_tree"],
        why: SETS,
    },
];

const POSTGRESQL: &[LeftOut] = &[
    LeftOut {
        names: &[
            "random",
            "random_normal",
            "gen_random_uuid",
            "uuidv4",
            "uuidv7",
            "clock_timestamp",
            "timeofday",
            "statement_timestamp",
        ],
        why: VOLATILE,
    },
    LeftOut {
        names: &[
            "pg_read_*",
            "pg_ls_*",
            "pg_stat_file",
            "lo_*",
            "loread",
            "lowrite",
            "pg_logdir_ls",
        ],
        why: FILES,
    },
    LeftOut {
        names: &[
            "query_to_xml*",
            "table_to_xml*",
            "schema_to_xml*",
            "database_to_xml*",
            "cursor_to_xml*",
            "dblink*",
            "ts_stat",
            "ts_rewrite",
            "crosstab*",
            "connectby",
        ],
        why: SQL_TEXT,
    },
    LeftOut {
        names: &[
            "nextval",
            "currval",
            "lastval",
            "setval",
            "set_config",
            "pg_sleep*",
            "pg_notify",
            "pg_advisory_*",
            "pg_try_advisory_*",
            "pg_cancel_backend",
            "pg_terminate_backend",
            "pg_reload_conf",
            "pg_rotate_logfile",
            "pg_switch_wal",
            "pg_create_*",
            "pg_drop_*",
            "pg_export_snapshot",
            "txid_*",
            "pg_current_xact_id*",
            "pg_logical_*",
            "pg_replication_*",
            "pg_promote",
            "pg_backup_*",
            "pg_start_backup",
            "pg_stop_backup",
            "setseed",
        ],
        why: STATE,
    },
    LeftOut {
        names: &[
            "current_setting",
            "version",
            "has_table_privilege",
            "has_column_privilege",
            "has_any_column_privilege",
            "has_schema_privilege",
            "has_database_privilege",
            "has_function_privilege",
            "pg_get_*",
            "pg_stat_*",
            "pg_table_size",
            "pg_relation_*",
            "pg_total_relation_size",
            "pg_database_size",
            "pg_indexes_size",
            "pg_column_size",
            "pg_typeof",
            "pg_backend_pid",
            "pg_my_temp_schema",
            "pg_conf_load_time",
            "pg_postmaster_start_time",
            "inet_client_*",
            "inet_server_*",
            "current_user",
            "session_user",
            "user",
            "current_role",
            "current_database",
            "current_catalog",
            "current_schema",
            "current_schemas",
            "current_query",
            "obj_description",
            "col_description",
            "shobj_description",
            "to_reg*",
            "pg_show_all_settings",
        ],
        why: TELLS,
    },
    LeftOut { names: &["repeat", "factorial", "array_fill"], why: MEMORY },
    LeftOut {
        names: &[
            "row_to_json",
            "json_populate_record*",
            "jsonb_populate_record*",
            "hstore",
            "populate_record",
            "record_*",
            "xmlforest",
            "xmlagg",
        ],
        why: ROWS,
    },
    LeftOut {
        names: &[
            "generate_series",
            "generate_subscripts",
            "unnest",
            "json_each*",
            "jsonb_each*",
            "json_array_elements*",
            "jsonb_array_elements*",
            "json_object_keys",
            "jsonb_object_keys",
            "json_to_record*",
            "jsonb_to_record*",
            "regexp_matches",
            "regexp_split_to_table",
            "string_to_table",
            "jsonb_path_query",
        ],
        why: SETS,
    },
    LeftOut {
        names: &["xpath*", "xmlparse", "xml_is_well_formed*"],
        why: "reads XML, which may name files and expand without end",
    },
];

const MYSQL: &[LeftOut] = &[
    LeftOut {
        names: &["rand", "random_bytes", "uuid", "uuid_short", "sys_guid", "sysdate"],
        why: VOLATILE,
    },
    LeftOut { names: &["load_file", "sys_exec", "sys_eval", "sys_get", "sys_set"], why: FILES },
    LeftOut {
        names: &[
            "sleep",
            "benchmark",
            "get_lock",
            "release_lock",
            "release_all_locks",
            "is_free_lock",
            "is_used_lock",
            "master_pos_wait",
            "source_pos_wait",
            "master_gtid_wait",
            "wait_for_executed_gtid_set",
            "nextval",
            "setval",
            "lastval",
            "last_insert_id",
            "name_const",
        ],
        why: STATE,
    },
    LeftOut {
        names: &[
            "version",
            "user",
            "current_user",
            "session_user",
            "system_user",
            "current_role",
            "database",
            "schema",
            "connection_id",
            "found_rows",
            "row_count",
            "charset",
            "collation",
            "coercibility",
            "ps_thread_id",
            "format_bytes",
            "decode_histogram",
            "values",
            "value",
            "default",
        ],
        why: TELLS,
    },
    LeftOut { names: &["repeat", "space", "export_set"], why: MEMORY },
    LeftOut { names: &["json_table"], why: SETS },
    LeftOut { names: &["extractvalue", "updatexml"], why: "quotes the value in its error" },
    LeftOut {
        names: &[
            "encrypt",
            "des_encrypt",
            "des_decrypt",
            "aes_encrypt",
            "aes_decrypt",
            "encode",
            "decode",
        ],
        why: "keeps secrets, or finds them out",
    },
];

const MSSQL: &[LeftOut] = &[
    LeftOut { names: &["newid", "newsequentialid", "rand", "crypt_gen_random"], why: VOLATILE },
    LeftOut {
        names: &[
            "openrowset",
            "opendatasource",
            "openxml",
            "fn_get_audit_file",
            "fn_xe_file_target_read_file",
            "fn_trace_gettable",
            "fn_dump_dblog",
        ],
        why: FILES,
    },
    LeftOut { names: &["openquery", "sp_*", "xp_*"], why: SQL_TEXT },
    LeftOut {
        names: &[
            "session_context",
            "context_info",
            "scope_identity",
            "ident_current",
            "ident_incr",
            "ident_seed",
        ],
        why: STATE,
    },
    LeftOut {
        names: &[
            "host_name",
            "host_id",
            "app_name",
            "suser_*",
            "user_name",
            "user_id",
            "original_login",
            "current_user",
            "session_user",
            "system_user",
            "object_*",
            "objectproperty*",
            "col_name",
            "col_length",
            "columnproperty",
            "db_name",
            "db_id",
            "schema_name",
            "schema_id",
            "type_name",
            "type_id",
            "index_col",
            "indexproperty",
            "has_perms_by_name",
            "is_member",
            "is_rolemember",
            "is_srvrolemember",
            "permissions",
            "connectionproperty",
            "serverproperty",
            "databasepropertyex",
            "sessionproperty",
            "fn_get_sql",
            "fn_my_permissions",
            "fn_helpcollations",
            "collationproperty",
            "current_timezone*",
            "error_message",
            "error_number",
            "error_line",
            "getansinull",
            "xact_state",
            "program_name",
            "stats_date",
            "parsename",
        ],
        why: TELLS,
    },
    LeftOut { names: &["replicate", "space"], why: MEMORY },
    LeftOut {
        names: &["openjson", "string_split", "generate_series", "freetexttable", "containstable"],
        why: SETS,
    },
    LeftOut {
        names: &[
            "checksum",
            "binary_checksum",
            "checksum_agg",
            "compress",
            "decompress",
            "hashbytes",
            "decryptby*",
            "encryptby*",
            "pwdcompare",
            "pwdencrypt",
        ],
        why: "keeps secrets, or finds values out by what they hash to",
    },
    LeftOut {
        names: &["parse", "try_parse"],
        why: "reads values by the rules of a culture of the operating system",
    },
];

#[cfg(test)]
mod tests {
    use super::super::lookup;
    use super::*;

    #[test]
    fn what_is_left_out_is_on_no_list_of_its_dialect() {
        for dialect in Dialect::ALL {
            for entry in left_out(dialect) {
                for name in entry.names {
                    assert!(!name.contains('*') || name.ends_with('*'), "{name}");
                    assert!(lookup(name, dialect).is_none(), "{name} is on the list");
                }
            }
            let listed = super::super::rules(dialect).map(|rule| rule.name);
            let both: Vec<&str> =
                listed.filter(|name| left_out(dialect).iter().any(|e| e.covers(name))).collect();
            assert!(both.is_empty(), "{both:?}");
        }
    }

    #[test]
    fn nothing_dangerous_is_on_a_list() {
        let dangerous = [
            "load_extension",
            "readfile",
            "fts3_tokenizer",
            "random",
            "pg_read_file",
            "pg_read_binary_file",
            "pg_ls_dir",
            "query_to_xml",
            "query_to_xml_and_xmlschema",
            "set_config",
            "current_setting",
            "pg_sleep",
            "pg_sleep_for",
            "dblink",
            "dblink_exec",
            "lo_get",
            "lo_import",
            "nextval",
            "generate_series",
            "repeat",
            "version",
            "row_to_json",
            "json_populate_record",
            "xpath",
            "has_table_privilege",
            "session_context",
            "object_definition",
            "newid",
            "openrowset",
            "xp_cmdshell",
            "sp_executesql",
            "load_file",
            "LOAD_FILE",
            "sleep",
            "benchmark",
            "get_lock",
            "extractvalue",
            "sys_eval",
            "sysdate",
        ];
        for name in dangerous {
            assert!(reason(name).is_some(), "{name} could be added");
            for dialect in Dialect::ALL {
                assert!(lookup(name, dialect).is_none(), "{name} is allowed on {}", dialect.name());
            }
        }
        for name in ["fiscal_quarter", "low", "lower", "space_used", "spread", "hash"] {
            assert!(reason(name).is_none(), "{name}");
        }
    }
}
