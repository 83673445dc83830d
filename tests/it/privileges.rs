//! What each database role may do, whatever the program above it tries.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};
use signalbox::foundation::db::rights::{ROW_SECURITY, open_doors, weaknesses};
use signalbox::foundation::db::roles::{OWNER, Role};
use signalbox::foundation::kernel::Secret;

use crate::support::db::{TestDb, connect};

#[derive(QueryableByName, Debug, PartialEq, Eq)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(db: &TestDb, query: &str) -> Vec<String> {
    let rows: Vec<Line> = sql_query(query)
        .load(&mut connect(&db.superuser_url))
        .unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

#[test]
fn nobody_who_logs_in_is_superuser_or_makes_roles() {
    let db = TestDb::create();
    for url in [
        &db.app_url,
        &db.sealer_url,
        &db.auditor_url,
        &db.migrator_url,
    ] {
        assert!(!is_powerful(url));
    }
}

fn is_powerful(url: &Secret<String>) -> bool {
    #[derive(QueryableByName)]
    struct Powers {
        #[diesel(sql_type = Bool)]
        powerful: bool,
    }
    let query = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication AS powerful \
                 FROM pg_roles WHERE rolname = current_user";
    let found: Powers = sql_query(query).get_result(&mut connect(url)).unwrap();
    found.powerful
}

#[test]
fn the_application_cannot_change_what_the_audit_log_holds() {
    let db = TestDb::create();
    let changeable = lines(
        &db,
        "SELECT c.relname || ' ' || p.privilege AS line FROM pg_class c \
         CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS p (privilege) \
         WHERE c.relkind IN ('r', 'p') AND c.relname ~ '^(sar_)?audit_' \
         AND has_table_privilege('signalbox_app', c.oid, p.privilege) ORDER BY 1",
    );
    assert_eq!(changeable, Vec::<String>::new());
}

#[test]
fn the_auditor_only_reads() {
    let db = TestDb::create();
    let changeable = lines(
        &db,
        "SELECT c.relname || ' ' || p.privilege AS line FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (privilege) \
         WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)' \
         AND has_table_privilege('signalbox_auditor', c.oid, p.privilege) ORDER BY 1",
    );
    assert_eq!(changeable, Vec::<String>::new());
}

/// Access to the second log is a grant of its own, which a person holds and no database role for reading.
#[test]
fn the_auditors_role_sees_nothing_of_the_second_log() {
    let db = TestDb::create();
    let readable = lines(
        &db,
        "SELECT c.relname::text AS line FROM pg_class c \
         WHERE c.relkind IN ('r', 'p') AND c.relname ~ '^sar_' \
         AND has_any_column_privilege('signalbox_auditor', c.oid, 'SELECT') ORDER BY 1",
    );
    assert_eq!(readable, Vec::<String>::new());
}

#[test]
fn everything_belongs_to_the_owner_and_nothing_to_everyone() {
    let db = TestDb::create();
    let strays = lines(
        &db,
        &format!(
            "SELECT c.relname || ' of ' || pg_get_userbyid(c.relowner) AS line FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname !~ '^(pg_|information_schema)' \
             AND (pg_get_userbyid(c.relowner) <> '{OWNER}' OR c.relacl::text ~ '[{{,]=')",
        ),
    );
    assert_eq!(strays, Vec::<String>::new());
}

#[test]
fn the_owner_cannot_log_in() {
    let db = TestDb::create();
    let url = db.app_url.expose().replace(Role::App.name(), OWNER);
    assert!(PgConnection::establish(&url).is_err());
}

#[test]
fn only_the_owner_makes_tables() {
    let db = TestDb::create();
    for role in [Role::App, Role::Sealer, Role::Auditor] {
        let made = sql_query("CREATE TABLE mine (id int)").execute(&mut db.connect(role));
        assert!(made.is_err(), "{} made a table", role.name());
    }
}

/// One row in each table of customers' data, as the superuser, whom nothing holds back.
fn with_personal_rows() -> TestDb {
    let db = TestDb::create();
    let rows = "INSERT INTO platform (id, slug, name, created_at) \
                VALUES ('00000000-0000-0000-0000-000000000001', 'p', 'P', now()); \
         INSERT INTO subject (id, platform_id, external_id, kind, content_hash, created_at, updated_at) \
                VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', 'x', \
                        'person', decode(repeat('00', 32), 'hex'), now(), now()); \
         INSERT INTO subject_personal VALUES ('00000000-0000-0000-0000-000000000002', ''); \
         INSERT INTO subject_key VALUES ('00000000-0000-0000-0000-000000000002', ''); \
         INSERT INTO intake_batch (id, platform_id, source, created_by, created_at, heard_at, name, ignore_unknown, state) \
                VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', 'upload', \
                        'test', now(), now(), '', false, 'waiting'); \
         INSERT INTO intake_rejection VALUES ('00000000-0000-0000-0000-000000000003', 1, 1, '[]', ''); \
         INSERT INTO audit_detail VALUES ('00000000-0000-0000-0000-000000000004', 0, \
                '00000000-0000-0000-0000-000000000002', decode(repeat('00', 32), 'hex'), '');";
    db.connect_superuser().batch_execute(rows).unwrap();
    db
}

const PERSONAL: [&str; 4] = [
    "subject_personal",
    "subject_key",
    "intake_rejection",
    "audit_detail",
];

fn count(conn: &mut PgConnection, table: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let found: Count = sql_query(format!("SELECT count(*) AS count FROM {table}"))
        .get_result(conn)
        .unwrap();
    found.count
}

#[test]
fn customers_data_show_themselves_only_in_somebodys_name() {
    let db = with_personal_rows();
    let mut app = db.connect(Role::App);
    for table in PERSONAL {
        assert_eq!(count(&mut app, table), 0, "{table} in nobody's name");
        let named = "BEGIN; SELECT set_config('app.actor', 'person:x', true)";
        app.batch_execute(named).unwrap();
        assert_eq!(count(&mut app, table), 1, "{table} in somebody's");
        app.batch_execute("COMMIT").unwrap();
        assert_eq!(
            count(&mut app, table),
            0,
            "{table}: the name ends with its transaction"
        );
    }
    // Nor does the owner see them, whose the tables are.
    let mut owner = db.connect(Role::Migrator);
    owner.batch_execute(&format!("SET ROLE {OWNER}")).unwrap();
    for table in PERSONAL {
        assert_eq!(count(&mut owner, table), 0, "{table} for its owner");
    }
}

#[test]
fn the_application_cannot_lift_row_security() {
    let db = with_personal_rows();
    let mut app = db.connect(Role::App);
    for table in PERSONAL {
        for lift in [
            format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
            format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"),
            format!("CREATE POLICY all_of_it ON {table} USING (true)"),
            format!("SET row_security = off; SELECT * FROM {table}"),
            format!("SET ROLE {OWNER}"),
            "ALTER ROLE signalbox_app BYPASSRLS".to_owned(),
        ] {
            assert!(app.batch_execute(&lift).is_err(), "{lift}");
        }
    }
}

#[test]
fn reading_on_somebodys_behalf_names_them_however_they_are_called() {
    use signalbox::foundation::db::{self, PoolKind};
    let db = with_personal_rows();
    let pools = db::Db::new(
        &db.app_url,
        signalbox::foundation::config::PoolSizes {
            web: 1,
            sign_in: 1,
            jobs: 1,
            exports: 1,
        },
    );
    let name = "command_line:o'brien\\";
    let named = pools.read_for(PoolKind::Web, &name, |conn| {
        let query = "SELECT current_setting('app.actor') AS line";
        let found: Line = sql_query(query).get_result(conn)?;
        Ok::<_, db::Error>((found.line, count(conn, "subject_key")))
    });
    assert_eq!(named.unwrap(), (name.to_owned(), 1));
    let unnamed = pools.read(|conn| Ok::<_, db::Error>(count(conn, "subject_key")));
    assert_eq!(unnamed.unwrap(), 0);
}

#[test]
fn every_table_of_the_closed_list_is_found_secured() {
    let db = TestDb::create();
    let secured = lines(
        &db,
        "SELECT relname::text AS line FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY 1",
    );
    assert_eq!(secured, ROW_SECURITY);
    let found = weaknesses(&mut db.connect(Role::App)).unwrap();
    assert!(found.is_empty(), "{found:?}");
}

/// Each thing that an operator could get wrong, done by a superuser, is found and says how it is mended. What concerns
/// roles is done in a transaction that is given up: roles are shared by all tests.
#[test]
fn what_is_missing_or_too_strong_is_found() {
    let db = TestDb::create();
    for (wrong, found) in [
        (
            "ALTER ROLE signalbox_app BYPASSRLS CREATEROLE",
            "signalbox_app has CREATEROLE BYPASSRLS",
        ),
        (
            "ALTER ROLE signalbox_owner LOGIN",
            "signalbox_owner has LOGIN",
        ),
        (
            "ALTER ROLE signalbox_auditor RENAME TO somebody",
            "signalbox_auditor is missing",
        ),
        (
            "GRANT signalbox_owner TO signalbox_app",
            "signalbox_app may become signalbox_owner",
        ),
        (
            "GRANT pg_read_all_data TO signalbox_auditor",
            "signalbox_auditor may become pg_read_all_data",
        ),
        (
            "ALTER TABLE alert OWNER TO signalbox_app",
            "table alert belongs to signalbox_app",
        ),
        (
            "GRANT DELETE ON audit_inbox TO signalbox_app",
            "signalbox_app may delete on audit_inbox",
        ),
        (
            "GRANT UPDATE (body) ON audit_log TO signalbox_app",
            "signalbox_app may update on audit_log",
        ),
        (
            "GRANT INSERT ON alert TO signalbox_auditor",
            "signalbox_auditor may insert on alert",
        ),
        (
            "GRANT SELECT ON person TO PUBLIC",
            "PUBLIC may all on person",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "signalbox_app may make tables",
        ),
        (
            "ALTER TABLE subject_key DISABLE ROW LEVEL SECURITY",
            "subject_key is off",
        ),
        (
            "ALTER TABLE subject_personal NO FORCE ROW LEVEL SECURITY",
            "subject_personal is not forced",
        ),
        (
            "DROP POLICY subject_key_named ON subject_key",
            "subject_key is without a policy",
        ),
    ] {
        let mut conn = db.connect_superuser();
        conn.batch_execute("BEGIN").unwrap();
        conn.batch_execute(wrong).unwrap();
        let all = weaknesses(&mut conn).unwrap();
        conn.batch_execute("ROLLBACK").unwrap();
        let named = all.iter().find(|weakness| weakness.found.contains(found));
        assert!(
            named.is_some_and(|weakness| !weakness.mend.is_empty()),
            "{wrong}: {all:?}"
        );
    }
}

#[test]
fn a_server_that_asks_for_no_password_is_found() {
    let db = TestDb::create();
    let open = open_doors(&db.app_url).unwrap();
    // The server of the tests asks for one, which nobody could guess.
    assert!(open.is_empty(), "{open:?}");
    let nobody = Secret::from("postgres://signalbox_app:wrong@127.0.0.1:1/none");
    assert!(
        open_doors(&nobody).is_err(),
        "who cannot look does not say that all is well"
    );
}
