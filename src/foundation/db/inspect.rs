//! What a database says about itself, for `signalbox doctor` and the page of the installation's security. It only asks;
//! judging is theirs.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel::{
    OptionalExtension, PgConnection, QueryResult, QueryableByName, RunQueryDsl, sql_query,
};

use super::rights::{self, Weakness};
use super::roles::OWNER;
use super::{connect, migrate};
use crate::foundation::kernel::Secret;

/// Settings that the doctor compares, as PostgreSQL's own names.
const SETTINGS: &str = "'shared_buffers','effective_cache_size','work_mem','maintenance_work_mem', \
     'max_connections','max_wal_size','checkpoint_completion_target','random_page_cost','fsync', \
     'full_page_writes','synchronous_commit','data_checksums','password_encryption'";

/// One connection's view.
#[derive(Debug)]
pub struct Inspection {
    pub server: Server,
    pub role: RoleFacts,
    /// Audit tables whose rows this role could change or remove.
    pub changeable_audit_tables: Vec<String>,
    /// What is wrong with roles, grants and row security.
    pub weaknesses: Vec<Weakness>,
    pub settings: Vec<Setting>,
    /// Database minus application, in milliseconds, give or take half the time that asking took.
    pub clock_ahead_ms: i64,
    pub pending: Vec<String>,
    pub unknown: Vec<String>,
}

#[derive(Debug, QueryableByName)]
pub struct Server {
    /// As 150018 for 15.18.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = Text)]
    pub database: String,
    #[diesel(sql_type = Bool)]
    pub is_tls: bool,
    #[diesel(sql_type = Bool)]
    pub is_standby: bool,
    #[diesel(sql_type = Text)]
    pub encoding: String,
}

#[derive(Debug, QueryableByName)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an answer, not a state"
)]
pub struct RoleFacts {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Bool)]
    pub is_superuser: bool,
    /// May make roles or databases, replicate, or pass over row security.
    #[diesel(sql_type = Bool)]
    pub is_privileged: bool,
    #[diesel(sql_type = Bool)]
    pub can_become_owner: bool,
    #[diesel(sql_type = Bool)]
    pub can_make_tables: bool,
}

/// Memory in bytes, times in milliseconds, everything else as it is written.
#[derive(Debug, QueryableByName)]
pub struct Setting {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub shown: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub bytes: Option<i64>,
}

/// Looks through a connection of the application's own.
pub fn inspect(url: &Secret<String>) -> Result<Inspection, migrate::Error> {
    look(&mut connect(url)?)
}

/// Looks through this connection.
pub fn look(conn: &mut PgConnection) -> Result<Inspection, migrate::Error> {
    Ok(Inspection {
        server: server(conn)?,
        role: role(conn)?,
        changeable_audit_tables: changeable_audit_tables(conn)?,
        weaknesses: rights::weaknesses(conn)?,
        settings: settings(conn)?,
        clock_ahead_ms: clock_ahead_ms(conn)?,
        pending: migrate::pending(conn)?,
        unknown: migrate::unknown(conn)?,
    })
}

/// Since when the oldest event waits for its seal. Ask as the sealer: the application cannot see.
pub fn oldest_unsealed(url: &Secret<String>) -> Result<Option<DateTime<Utc>>, migrate::Error> {
    #[derive(QueryableByName)]
    struct Oldest {
        #[diesel(sql_type = Timestamptz)]
        recorded_at: DateTime<Utc>,
    }
    let mut conn = connect(url)?;
    let query = "SELECT recorded_at FROM audit_inbox ORDER BY recorded_at LIMIT 1";
    let oldest: Option<Oldest> = sql_query(query).get_result(&mut conn).optional()?;
    Ok(oldest.map(|oldest| oldest.recorded_at))
}

fn server(conn: &mut PgConnection) -> QueryResult<Server> {
    sql_query(
        "SELECT current_setting('server_version_num')::int AS version, \
                current_database()::text AS database, \
                coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_tls, \
                pg_is_in_recovery() AS is_standby, \
                current_setting('server_encoding') AS encoding",
    )
    .get_result(conn)
}

fn role(conn: &mut PgConnection) -> QueryResult<RoleFacts> {
    sql_query(
        "SELECT current_user::text AS name, rolsuper AS is_superuser, \
                rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS is_privileged, \
                coalesce(pg_has_role((SELECT oid FROM pg_roles WHERE rolname = $1), 'MEMBER'), false) \
                    AS can_become_owner, \
                has_schema_privilege('public', 'CREATE') AS can_make_tables \
         FROM pg_roles WHERE rolname = current_user",
    )
    .bind::<Text, _>(OWNER)
    .get_result(conn)
}

fn changeable_audit_tables(conn: &mut PgConnection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Table {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let tables: Vec<Table> = sql_query(
        "SELECT oid::regclass::text AS name FROM pg_class \
         WHERE relkind IN ('r', 'p') AND relname ~ '^(sar_)?audit_' \
         AND (has_table_privilege(oid, 'UPDATE') OR has_table_privilege(oid, 'DELETE') \
              OR has_table_privilege(oid, 'TRUNCATE')) ORDER BY 1",
    )
    .load(conn)?;
    Ok(tables.into_iter().map(|table| table.name).collect())
}

fn settings(conn: &mut PgConnection) -> QueryResult<Vec<Setting>> {
    sql_query(format!(
        "SELECT name, current_setting(name) AS shown, \
                CASE WHEN unit IN ('B', 'kB', '8kB', 'MB') \
                     THEN setting::bigint * CASE unit WHEN 'B' THEN 1 WHEN 'kB' THEN 1024 \
                                                      WHEN '8kB' THEN 8192 ELSE 1048576 END \
                END AS bytes \
         FROM pg_settings WHERE name IN ({SETTINGS}) ORDER BY name"
    ))
    .load(conn)
}

fn clock_ahead_ms(conn: &mut PgConnection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Now {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    let before = Utc::now();
    let there: Now = sql_query("SELECT clock_timestamp() AS now").get_result(conn)?;
    let middle = before + (Utc::now() - before) / 2;
    Ok((there.now - middle).num_milliseconds())
}
