//! Migrations: embedded in the program, run as the owner, one runner at a time.
//!
//! diesel takes no lock of its own, and two replicas that start together would both try; an advisory
//! lock lets the second wait and find nothing to do. Each migration is one transaction, so that one
//! which is killed midway leaves nothing behind.

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::{ConnectionError, PgConnection, QueryableByName, RunQueryDsl, select, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connect;
use super::roles::{OWNER, Role};
use crate::foundation::kernel::Secret;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// "signalbo", so that whoever finds the lock in `pg_locks` can tell whose it is.
const LOCK: i64 = i64::from_be_bytes(*b"signalbo");

/// How long to wait for another runner, in all.
const LOCK_WAIT_MS: u32 = 120_000;

/// How long one migration waits for a table. Longer, and every reader queues up behind it.
const TABLE_WAIT_MS: u32 = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database cannot be reached: {0}")]
    Connect(#[from] ConnectionError),
    #[error(
        "this connection may not become {OWNER}, which owns everything: connect as \
         {migrator} or as a superuser (SIGNALBOX_MIGRATE_DATABASE_URL)",
        migrator = Role::Migrator.name()
    )]
    NotOwner,
    #[error("the role {OWNER} does not exist: run `signalbox migrate` once with a superuser's URL")]
    NoRoles,
    #[error("migration {name} failed and left nothing behind: {source}")]
    Migration {
        name: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the migrations in this program cannot be read: {0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}

/// Applies what is missing and returns the names, oldest first. Nothing to do is fine.
pub fn up(url: &Secret<String>) -> Result<Vec<String>, Error> {
    as_owner(url, |conn| {
        let mut done = Vec::new();
        for migration in unapplied(conn)? {
            let name = migration.name().to_string();
            let run = conn.run_migration(&*migration);
            run.map_err(|source| Error::Migration {
                name: name.clone(),
                source,
            })?;
            done.push(name);
        }
        // `serve` compares its migrations with these without being able to change them.
        let readers = [Role::App, Role::Sealer, Role::Auditor]
            .map(Role::name)
            .join(", ");
        conn.batch_execute(&format!(
            "GRANT SELECT ON __diesel_schema_migrations TO {readers}"
        ))?;
        Ok(done)
    })
}

/// Takes back the last `steps` migrations and returns their names, newest first.
pub fn down(url: &Secret<String>, steps: usize) -> Result<Vec<String>, Error> {
    as_owner(url, |conn| {
        let mut known = known()?;
        known.reverse();
        let applied = applied(conn)?;
        let mut done = Vec::new();
        let last = known
            .into_iter()
            .filter(|migration| applied.contains(&version(&**migration)));
        for migration in last.take(steps) {
            let name = migration.name().to_string();
            let revert = conn.revert_migration(&*migration);
            revert.map_err(|source| Error::Migration {
                name: name.clone(),
                source,
            })?;
            done.push(name);
        }
        Ok(done)
    })
}

/// The names of the migrations that this database lacks, oldest first. Works as any role.
pub fn pending(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let missing = unapplied(conn)?;
    Ok(missing
        .iter()
        .map(|migration| migration.name().to_string())
        .collect())
}

/// The same, for whoever has only an address.
pub fn pending_at(url: &Secret<String>) -> Result<Vec<String>, Error> {
    pending(&mut connect(url)?)
}

/// Migrations that the database has and this program does not know: it belongs to a newer one.
pub fn unknown(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let known: Vec<String> = known()?.iter().map(|each| version(&**each)).collect();
    let mut applied = applied(conn)?;
    applied.retain(|version| !known.contains(version));
    Ok(applied)
}

fn as_owner<T>(
    url: &Secret<String>,
    work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut conn = connect(url)?;
    become_owner(&mut conn)?;
    conn.batch_execute(&format!("SET lock_timeout = {LOCK_WAIT_MS}"))?;
    sql_query("SELECT pg_advisory_lock($1)")
        .bind::<BigInt, _>(LOCK)
        .execute(&mut conn)?;
    conn.batch_execute(&format!(
        "SET lock_timeout = {TABLE_WAIT_MS}; SET client_min_messages = warning"
    ))?;
    // Asking diesel makes its table, which only the owner may.
    conn.applied_migrations().map_err(Error::Source)?;
    // The lock goes with the connection, whatever happens to the work.
    work(&mut conn)
}

#[derive(QueryableByName)]
struct Membership {
    #[diesel(sql_type = Nullable<Bool>)]
    member: Option<bool>,
}

fn become_owner(conn: &mut PgConnection) -> Result<(), Error> {
    let query = "SELECT pg_has_role(oid, 'MEMBER') AS member \
                 FROM (SELECT (SELECT oid FROM pg_roles WHERE rolname = $1) AS oid) AS owner";
    let found: Membership = sql_query(query).bind::<Text, _>(OWNER).get_result(conn)?;
    match found.member {
        Some(true) => Ok(conn.batch_execute(&format!("SET ROLE {OWNER}"))?),
        Some(false) => Err(Error::NotOwner),
        None => Err(Error::NoRoles),
    }
}

type Known = Vec<Box<dyn Migration<Pg>>>;

fn known() -> Result<Known, Error> {
    let mut migrations: Known = MIGRATIONS.migrations().map_err(Error::Source)?;
    migrations.sort_by_key(|migration| version(&**migration));
    Ok(migrations)
}

fn unapplied(conn: &mut PgConnection) -> Result<Known, Error> {
    let applied = applied(conn)?;
    let mut missing = known()?;
    missing.retain(|migration| !applied.contains(&version(&**migration)));
    Ok(missing)
}

fn version(migration: &dyn Migration<Pg>) -> String {
    migration.name().version().to_string()
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Asked without diesel's harness, which first tries to create its table: `app` must not be able to.
fn applied(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let exists = diesel::dsl::sql::<Bool>("to_regclass('__diesel_schema_migrations') IS NOT NULL");
    if !select(exists).get_result::<bool>(conn)? {
        return Ok(Vec::new());
    }
    let rows: Vec<Applied> =
        sql_query("SELECT version::text AS version FROM __diesel_schema_migrations").load(conn)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}
