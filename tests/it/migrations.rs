//! The migrations go up, down and up again, and `schema.rs` is what the database then says.

use std::collections::BTreeSet;

use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use signalbox::foundation::db::migrate;
use signalbox::foundation::db::roles::Role;

use crate::support::db::TestDb;

#[test]
fn up_down_up() {
    let db = TestDb::empty();
    let first = migrate::up(&db.migrator_url).unwrap();
    assert!(!first.is_empty());
    let schema = describe(&db);

    let mut undone = migrate::down(&db.migrator_url, usize::MAX).unwrap();
    undone.reverse();
    assert_eq!(undone, first);
    let left: BTreeSet<String> = describe(&db)
        .into_iter()
        .filter(|line| !line.starts_with("__diesel_schema_migrations"))
        .collect();
    assert_eq!(left, BTreeSet::new(), "a down.sql leaves something behind");

    assert_eq!(migrate::up(&db.migrator_url).unwrap(), first);
    assert_eq!(describe(&db), schema);
}

#[test]
fn a_second_run_does_nothing() {
    let db = TestDb::create();
    assert_eq!(migrate::up(&db.migrator_url).unwrap(), Vec::<String>::new());
}

#[test]
fn the_application_sees_what_is_missing_without_being_able_to_add_it() {
    let db = TestDb::empty();
    assert!(
        !migrate::pending(&mut db.connect(Role::App))
            .unwrap()
            .is_empty()
    );
    migrate::up(&db.migrator_url).unwrap();
    assert!(
        migrate::pending(&mut db.connect(Role::App))
            .unwrap()
            .is_empty()
    );
    let refusal = migrate::up(&db.app_url).unwrap_err();
    assert!(matches!(refusal, migrate::Error::NotOwner), "{refusal}");
}

#[test]
fn two_runners_at_once_share_the_work() {
    let db = TestDb::empty();
    let run = || migrate::up(&db.migrator_url).unwrap().len();
    let (one, two) = std::thread::scope(|scope| {
        let (one, two) = (scope.spawn(run), scope.spawn(run));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert!(one == 0 || two == 0, "{one} and {two}");
    assert!(one + two > 0);
}

#[test]
fn schema_rs_is_what_the_database_says() {
    let db = TestDb::create();
    let columns = columns(&db, "public");
    let generated = generated_columns(include_str!("../../src/foundation/db/schema.rs"));
    let only = |these: &BTreeSet<_>, those: &BTreeSet<_>| -> Vec<String> {
        these.difference(those).cloned().collect()
    };
    assert_eq!(
        only(&columns, &generated),
        Vec::<String>::new(),
        "missing in schema.rs"
    );
    assert_eq!(
        only(&generated, &columns),
        Vec::<String>::new(),
        "only in schema.rs"
    );
}

/// `table.column Type`, as diesel names the type, with `Nullable<…>` for one that may be null.
fn columns(db: &TestDb, schema: &str) -> BTreeSet<String> {
    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Bool)]
        nullable: bool,
        /// An array's begins with an underscore.
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let query = "SELECT c.table_name || '.' || c.column_name AS name, \
                 c.is_nullable = 'YES' AS nullable, c.udt_name::text AS kind \
                 FROM information_schema.columns c \
                 JOIN information_schema.tables t USING (table_schema, table_name) \
                 WHERE c.table_schema = $1 AND t.table_type = 'BASE TABLE' \
                 AND c.table_name <> '__diesel_schema_migrations'";
    let rows: Vec<Column> = sql_query(query)
        .bind::<Text, _>(schema)
        .load(&mut db.connect(Role::Superuser))
        .unwrap();
    let name = |row: Column| {
        let kind = match row.kind.strip_prefix('_') {
            Some(element) => format!("Array<Nullable<{}>>", diesel_type(element)),
            None => diesel_type(&row.kind).to_owned(),
        };
        let kind = if row.nullable {
            format!("Nullable<{kind}>")
        } else {
            kind
        };
        format!("{} {kind}", row.name)
    };
    rows.into_iter().map(name).collect()
}

fn diesel_type(kind: &str) -> &'static str {
    match kind {
        "bool" => "Bool",
        "bytea" => "Bytea",
        "date" => "Date",
        "float4" => "Float4",
        "float8" => "Float8",
        "int2" => "Int2",
        "int4" => "Int4",
        "int8" => "Int8",
        "jsonb" => "Jsonb",
        "numeric" => "Numeric",
        "text" => "Text",
        "timestamptz" => "Timestamptz",
        "uuid" => "Uuid",
        other => panic!("no column is of type {other} yet: say here what diesel calls it"),
    }
}

/// The same out of what `diesel print-schema` wrote.
fn generated_columns(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut table = String::new();
    for line in source.lines().map(str::trim) {
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with('{')) {
            name.clone_into(&mut table);
        } else if let Some((column, kind)) = line.split_once(" -> ").filter(|_| line.ends_with(','))
        {
            let kind = kind.trim_end_matches(',');
            // A column named as a keyword of Rust stands under another name, with a note of its own.
            found.insert(format!(
                "{table}.{} {kind}",
                column.trim_start_matches("r#")
            ));
        } else if let Some(real) = line.strip_prefix("#[sql_name = \"") {
            let real = real.trim_end_matches("\"]");
            found.insert(format!("renamed to {real}"));
        }
    }
    found
}

/// Everything that a migration can make: tables with their columns and grants, policies, indexes,
/// constraints, functions.
fn describe(db: &TestDb) -> BTreeSet<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let query = "
        WITH ours AS (
            SELECT oid FROM pg_namespace
            WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
        )
        SELECT c.relname || ' ' || c.relkind::text || ' ' || coalesce(c.relacl::text, '') AS line
          FROM pg_class c WHERE c.relnamespace IN (SELECT oid FROM ours)
        UNION ALL
        SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull::text
               || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || coalesce(a.attacl::text, '')
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE c.relnamespace IN (SELECT oid FROM ours) AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT coalesce(r.relname, '') || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
          FROM pg_constraint k LEFT JOIN pg_class r ON r.oid = k.conrelid
         WHERE k.connamespace IN (SELECT oid FROM ours)
        UNION ALL
        SELECT p.proname || ' ' || md5(p.prosrc) FROM pg_proc p WHERE p.pronamespace IN (SELECT oid FROM ours)
        UNION ALL
        SELECT indexdef FROM pg_indexes WHERE schemaname IN (SELECT nspname FROM pg_namespace
         WHERE oid IN (SELECT oid FROM ours)) AND tablename <> '__diesel_schema_migrations'
        UNION ALL
        SELECT tablename || ' policy ' || policyname || ' ' || permissive || ' ' || roles::text || ' ' || cmd
               || ' ' || coalesce(qual, '') || ' ' || coalesce(with_check, '') FROM pg_policies
        UNION ALL
        SELECT relname || ' row security ' || relrowsecurity::text || relforcerowsecurity::text
          FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours) AND relrowsecurity
        UNION ALL
        SELECT p.proname || ' ' || coalesce(p.proacl::text, '') || p.prosecdef::text
          FROM pg_proc p WHERE p.pronamespace IN (SELECT oid FROM ours)
        UNION ALL
        SELECT t.tgname || ' trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal
        UNION ALL
        SELECT n.nspname || ' schema' FROM pg_namespace n
         WHERE n.oid IN (SELECT oid FROM ours) AND n.nspname <> 'public'";
    let rows: Vec<Line> = sql_query(query)
        .load(&mut db.connect(Role::Superuser))
        .unwrap();
    rows.into_iter().map(|row| row.line).collect()
}
