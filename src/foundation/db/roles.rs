//! The five database roles and the superuser of a private cluster.
//!
//! Roles belong to the cluster, not to a database, so they are made here and never in a migration.
//! What each may do is granted in the migrations, table by table.

use std::fmt;

use diesel::sql_types::{Array, Bool, Text};
use diesel::{ConnectionError, PgConnection, QueryResult, QueryableByName, RunQueryDsl, sql_query};
use zeroize::Zeroize;

use super::connect;
use crate::foundation::kernel::Secret;

/// Owns every object and cannot log in: migrations become this role.
pub const OWNER: &str = "signalbox_owner";

/// Who can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Only in a private cluster, only for making the others.
    Superuser,
    /// Runs migrations by becoming the owner.
    Migrator,
    /// Serves pages and runs jobs.
    App,
    /// Seals the audit log; the only one that writes its tree.
    Sealer,
    /// Reads the audit log and nothing else.
    Auditor,
}

impl Role {
    pub const ALL: [Role; 5] = [
        Role::Superuser,
        Role::Migrator,
        Role::App,
        Role::Sealer,
        Role::Auditor,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Role::Superuser => "postgres",
            Role::Migrator => "signalbox_migrator",
            Role::App => "signalbox_app",
            Role::Sealer => "signalbox_sealer",
            Role::Auditor => "signalbox_auditor",
        }
    }
}

/// One password per role; a role without one cannot log in by password.
#[derive(Clone, Default)]
pub struct Passwords(Vec<(&'static str, String)>);

impl Passwords {
    /// 256 random bits for everyone.
    pub fn generate() -> Self {
        let random = || hex::encode(rand::random::<[u8; 32]>());
        Self(
            Role::ALL
                .iter()
                .map(|role| (role.name(), random()))
                .collect(),
        )
    }

    /// Takes or replaces the password of one role.
    #[must_use]
    pub fn with(mut self, role: Role, password: String) -> Self {
        self.0.retain(|(name, _)| *name != role.name());
        self.0.push((role.name(), password));
        self
    }

    /// Reads what `to_lines` wrote; nothing unless every role is there.
    pub fn parse(text: &str) -> Option<Self> {
        let of = |role: Role| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            let (_, password) =
                lines.find(|(name, password)| *name == role.name() && !password.is_empty())?;
            Some((role.name(), password.to_owned()))
        };
        Role::ALL
            .iter()
            .map(|role| of(*role))
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }

    pub fn to_lines(&self) -> String {
        self.0
            .iter()
            .fold(String::new(), |lines, (name, password)| {
                lines + name + ":" + password + "\n"
            })
    }

    /// Empty for a role that has none.
    pub fn of(&self, role: Role) -> &str {
        self.0
            .iter()
            .find(|(name, _)| *name == role.name())
            .map_or("", |(_, password)| password)
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        self.0
            .iter_mut()
            .for_each(|(_, password)| password.zeroize());
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(hidden)")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the database cannot be reached: {0}")]
    Connect(#[from] ConnectionError),
    #[error("the database's roles could not be made: {0}")]
    Query(#[from] diesel::result::Error),
}

/// Prepares the database that `url` leads to, and its cluster's roles, if this connection may do such
/// things; returns the roles that it made. The migrator's own connection may not and changes nothing.
pub fn set_up(
    url: &Secret<String>,
    passwords: &Passwords,
) -> Result<Vec<&'static str>, SetupError> {
    #[derive(QueryableByName)]
    struct Standing {
        #[diesel(sql_type = Bool)]
        makes_roles: bool,
        #[diesel(sql_type = Text)]
        database: String,
    }
    let mut conn = connect(url)?;
    let query = "SELECT rolsuper OR rolcreaterole AS makes_roles, \
                 current_database()::text AS database FROM pg_roles WHERE rolname = current_user";
    let standing: Standing = sql_query(query).get_result(&mut conn)?;
    if !standing.makes_roles {
        return Ok(Vec::new());
    }
    let made = ensure(&mut conn, passwords)?;
    ensure_database(&mut conn, &standing.database)?;
    Ok(made)
}

/// Makes the roles that are missing, with the passwords given, and names them. Roles that exist keep
/// their passwords.
///
/// Needs a superuser, or a role with CREATEROLE.
pub fn ensure(conn: &mut PgConnection, passwords: &Passwords) -> QueryResult<Vec<&'static str>> {
    let existing = existing(conn)?;
    let mut missing: Vec<Role> = Role::ALL.into_iter().collect();
    missing.retain(|role| {
        *role != Role::Superuser && !existing.iter().any(|name| name == role.name())
    });
    let mut made = Vec::new();
    if !existing.iter().any(|name| name == OWNER) {
        sql_query(format!("CREATE ROLE {OWNER} NOLOGIN")).execute(conn)?;
        made.push(OWNER);
    }
    for role in missing {
        create(conn, role, passwords.of(role))?;
        made.push(role.name());
    }
    if made.contains(&OWNER) || made.contains(&Role::Migrator.name()) {
        sql_query(format!("GRANT {OWNER} TO {}", Role::Migrator.name())).execute(conn)?;
    }
    Ok(made)
}

/// Makes the database if it is missing, and sees that it is the owner's and closed to strangers.
///
/// Needs what [`ensure`] needs; the database that `conn` is connected to may be the one.
pub fn ensure_database(conn: &mut PgConnection, database: &str) -> QueryResult<()> {
    let database = quote_name(database);
    if databases(conn)?
        .iter()
        .all(|each| quote_name(each) != database)
    {
        sql_query(format!("CREATE DATABASE {database}")).execute(conn)?;
    } else if is_owned(conn, &database)? {
        return Ok(());
    }
    // Whoever is no superuser has to be a member of the new owner to hand something over to it.
    sql_query(format!("GRANT {OWNER} TO CURRENT_USER")).execute(conn)?;
    sql_query(format!("ALTER DATABASE {database} OWNER TO {OWNER}")).execute(conn)?;
    sql_query(format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")).execute(conn)?;
    for role in Role::ALL
        .into_iter()
        .filter(|role| *role != Role::Superuser)
    {
        sql_query(format!(
            "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {}",
            role.name()
        ))
        .execute(conn)?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

fn existing(conn: &mut PgConnection) -> QueryResult<Vec<String>> {
    let names: Vec<&str> = Role::ALL
        .iter()
        .map(|role| role.name())
        .chain([OWNER])
        .collect();
    let query = sql_query("SELECT rolname::text AS name FROM pg_roles WHERE rolname = ANY($1)");
    let rows: Vec<Name> = query.bind::<Array<Text>, _>(names).load(conn)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

fn databases(conn: &mut PgConnection) -> QueryResult<Vec<String>> {
    let rows: Vec<Name> = sql_query("SELECT datname::text AS name FROM pg_database").load(conn)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

fn is_owned(conn: &mut PgConnection, quoted: &str) -> QueryResult<bool> {
    let query = "SELECT datname::text AS name FROM pg_database WHERE pg_get_userbyid(datdba) = $1";
    let rows: Vec<Name> = sql_query(query).bind::<Text, _>(OWNER).load(conn)?;
    Ok(rows.iter().any(|row| quote_name(&row.name) == quoted))
}

fn create(conn: &mut PgConnection, role: Role, password: &str) -> QueryResult<()> {
    let name = role.name();
    let password = if password.is_empty() {
        String::new()
    } else {
        format!(" PASSWORD {}", quote_text(password))
    };
    // `CREATE ROLE` takes no parameters, and a password must not reach the server's log with an error.
    sql_query("SET log_min_error_statement = panic").execute(conn)?;
    sql_query(format!("CREATE ROLE {name} LOGIN{password}")).execute(conn)?;
    sql_query("RESET log_min_error_statement").execute(conn)?;
    Ok(())
}

fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_come_back_from_their_file() {
        let passwords = Passwords::generate();
        let read = Passwords::parse(&passwords.to_lines()).unwrap();
        for role in Role::ALL {
            assert_eq!(read.of(role), passwords.of(role));
            assert_eq!(read.of(role).len(), 64);
        }
    }

    #[test]
    fn a_file_that_lacks_a_role_is_not_taken() {
        let passwords = Passwords::generate().with(Role::Auditor, String::new());
        assert!(Passwords::parse(&passwords.to_lines()).is_none());
        assert!(Passwords::parse("").is_none());
    }

    #[test]
    fn nothing_of_a_password_is_printed() {
        let passwords = Passwords::generate();
        assert!(!format!("{passwords:?}").contains(passwords.of(Role::App)));
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote_text("o'clock"), "'o''clock'");
        assert_eq!(quote_name("a\"b"), "\"a\"\"b\"");
    }
}
