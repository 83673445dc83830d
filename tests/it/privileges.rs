//! What each database role may do, whatever the program above it tries.

use diesel::sql_types::{Bool, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};
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
