//! Whether the database's roles may do what they should and nothing more. It only asks, and any role may ask it: what
//! roles are and what is granted stands in catalogs that everybody reads.

use diesel::sql_types::{Array, Text};
use diesel::{PgConnection, QueryResult, QueryableByName, RunQueryDsl, sql_query};

use url::Url;

use super::connect;
use super::roles::{OWNER, Role};
use crate::foundation::kernel::Secret;

/// Tables whose rows only a transaction sees that has said on whose behalf it works, or that it acts for somebody with a
/// grant for the second log. Row security is forced on them, so that it holds for their owner too.
pub const ROW_SECURITY: &[&str] = &[
    "audit_detail",
    "audit_epoch",
    "intake_rejection",
    "sar_audit_anchor",
    "sar_audit_checkpoint",
    "sar_audit_decision",
    "sar_audit_head",
    "sar_audit_log",
    "sar_audit_refused",
    "sar_audit_tile",
    "sar_grant",
    "sar_viewing",
    "subject_key",
    "subject_personal",
];

/// Something that is missing, or stronger than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    pub found: String,
    pub mend: String,
}

impl Weakness {
    fn new(found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            mend: mend.into(),
        }
    }
}

/// Those who log in from day to day. The migrator becomes the owner; these must not.
const DAILY: [Role; 3] = [Role::App, Role::Sealer, Role::Auditor];

/// Everything that is wrong with roles, ownership, grants and row security, the worst first.
pub fn weaknesses(conn: &mut PgConnection) -> QueryResult<Vec<Weakness>> {
    let mut found = attributes(conn)?;
    found.extend(memberships(conn)?);
    found.extend(possessions(conn)?);
    found.extend(grants(conn)?);
    found.extend(makers(conn)?);
    found.extend(row_security(conn)?);
    Ok(found)
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = Text)]
    one: String,
    #[diesel(sql_type = Text)]
    other: String,
}

fn names(roles: &[Role]) -> Vec<&'static str> {
    roles.iter().map(|role| role.name()).collect()
}

/// Roles that are not there, log in and should not, or may do what no role of ours needs.
fn attributes(conn: &mut PgConnection) -> QueryResult<Vec<Weakness>> {
    let ours = [
        OWNER,
        Role::Migrator.name(),
        Role::App.name(),
        Role::Sealer.name(),
        Role::Auditor.name(),
    ];
    let query = "SELECT wanted.name AS one, CASE WHEN r.oid IS NULL THEN 'missing' ELSE concat_ws(' ', \
                 CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END, \
                 CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END, \
                 CASE WHEN rolbypassrls THEN 'BYPASSRLS' END, \
                 CASE WHEN rolcanlogin AND wanted.name = $2 THEN 'LOGIN' END) END AS other \
                 FROM unnest($1) AS wanted (name) LEFT JOIN pg_roles r ON r.rolname = wanted.name";
    let rows: Vec<Pair> = sql_query(query)
        .bind::<Array<Text>, _>(ours.to_vec())
        .bind::<Text, _>(OWNER)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter(|row| !row.other.is_empty())
        .map(|Pair { one, other }| {
            if other == "missing" {
                return Weakness::new(
                    format!("the role {one} is missing"),
                    "run `signalbox migrate` with a superuser's URL in SIGNALBOX_MIGRATE_DATABASE_URL",
                );
            }
            let without: Vec<String> = other.split(' ').map(|each| format!("NO{each}")).collect();
            Weakness::new(
                format!("the role {one} has {other}"),
                format!("ALTER ROLE {one} {}", without.join(" ")),
            )
        })
        .collect())
}

/// Whoever is a member of a role can become it.
fn memberships(conn: &mut PgConnection) -> QueryResult<Vec<Weakness>> {
    let query = "SELECT m.rolname::text AS one, r.rolname::text AS other FROM pg_auth_members am \
                 JOIN pg_roles m ON m.oid = am.member JOIN pg_roles r ON r.oid = am.roleid \
                 WHERE m.rolname = ANY($1) OR (m.rolname = $2 AND r.rolname <> $3) ORDER BY 1, 2";
    let rows: Vec<Pair> = sql_query(query)
        .bind::<Array<Text>, _>(names(&DAILY))
        .bind::<Text, _>(Role::Migrator.name())
        .bind::<Text, _>(OWNER)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|Pair { one, other }| {
            Weakness::new(
                format!("the role {one} may become {other}"),
                format!("REVOKE {other} FROM {one}"),
            )
        })
        .collect())
}

/// What belongs to somebody else than the owner: whoever owns a table may lift its row security.
fn possessions(conn: &mut PgConnection) -> QueryResult<Vec<Weakness>> {
    let query = "SELECT 'TABLE ' || c.oid::regclass::text AS one, r.rolname::text AS other FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner \
                 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname IN ('public', 'audit_parts') AND r.rolname <> $1 \
                 UNION ALL SELECT 'FUNCTION ' || p.oid::regprocedure::text, r.rolname::text FROM pg_proc p \
                 JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner \
                 WHERE n.nspname IN ('public', 'audit_parts') AND r.rolname <> $1 \
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') \
                 UNION ALL SELECT 'DATABASE ' || quote_ident(datname), r.rolname::text FROM pg_database \
                 JOIN pg_roles r ON r.oid = datdba WHERE datname = current_database() AND r.rolname <> $1 \
                 ORDER BY 1";
    let rows: Vec<Pair> = sql_query(query).bind::<Text, _>(OWNER).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|Pair { one, other }| {
            Weakness::new(
                format!("{} belongs to {other}", one.to_lowercase()),
                format!("ALTER {one} OWNER TO {OWNER}"),
            )
        })
        .collect())
}

/// Rights to change what is written once, and rights that everybody has.
fn grants(conn: &mut PgConnection) -> QueryResult<Vec<Weakness>> {
    let query = "SELECT p.privilege || ' ON ' || c.oid::regclass::text AS one, r.rolname::text AS other \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN pg_roles r \
                 CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS p (privilege) \
                 WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'audit_parts') AND NOT r.rolsuper \
                 AND ((r.rolname = $1 AND p.privilege <> 'INSERT' AND c.relname ~ '^(sar_)?audit_') OR r.rolname = $2) \
                 AND CASE WHEN p.privilege IN ('INSERT', 'UPDATE') \
                          THEN has_any_column_privilege(r.oid, c.oid, p.privilege) \
                          ELSE has_table_privilege(r.oid, c.oid, p.privilege) END \
                 UNION ALL SELECT 'ALL ON ' || c.oid::regclass::text, 'PUBLIC' FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a \
                 WHERE n.nspname IN ('public', 'audit_parts') AND a.grantee = 0 GROUP BY c.oid ORDER BY 1";
    let rows: Vec<Pair> = sql_query(query)
        .bind::<Text, _>(Role::App.name())
        .bind::<Text, _>(Role::Auditor.name())
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|Pair { one, other }| {
            Weakness::new(
                format!("{other} may {}", one.to_lowercase()),
                format!("REVOKE {one} FROM {other}, and ask who granted it"),
            )
        })
        .collect())
}

/// Whoever makes tables owns them.
fn makers(conn: &mut PgConnection) -> QueryResult<Vec<Weakness>> {
    let query = "SELECT r.rolname::text AS one, n.nspname::text AS other FROM pg_roles r \
                 JOIN pg_namespace n ON n.nspname IN ('public', 'audit_parts') \
                 WHERE r.rolname = ANY($1) AND NOT r.rolsuper \
                 AND has_schema_privilege(r.oid, n.oid, 'CREATE') ORDER BY 1, 2";
    let rows: Vec<Pair> = sql_query(query)
        .bind::<Array<Text>, _>(names(&DAILY))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|Pair { one, other }| {
            Weakness::new(
                format!("the role {one} may make tables in the schema {other}"),
                format!("REVOKE CREATE ON SCHEMA {other} FROM {one}, PUBLIC"),
            )
        })
        .collect())
}

/// Tables of the closed list whose row security is off, not forced, or without a policy.
fn row_security(conn: &mut PgConnection) -> QueryResult<Vec<Weakness>> {
    let query = "SELECT wanted.name AS one, CASE \
                     WHEN c.oid IS NULL THEN 'missing' WHEN NOT c.relrowsecurity THEN 'off' \
                     WHEN NOT c.relforcerowsecurity THEN 'not forced' ELSE 'without a policy' END AS other \
                 FROM unnest($1) AS wanted (name) \
                 LEFT JOIN pg_class c ON c.oid = to_regclass('public.' || wanted.name) \
                 WHERE c.oid IS NULL OR NOT c.relrowsecurity OR NOT c.relforcerowsecurity \
                 OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) ORDER BY 1";
    let rows: Vec<Pair> = sql_query(query)
        .bind::<Array<Text>, _>(ROW_SECURITY.to_vec())
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|Pair { one, other }| {
            let mend = match other.as_str() {
                "missing" => "run `signalbox migrate`".to_owned(),
                "without a policy" => {
                    format!("bring back the policies of {one} as the migrations made them")
                }
                _ => format!(
                    "ALTER TABLE {one} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, and ask who lifted it"
                ),
            };
            Weakness::new(format!("row security of {one} is {other}"), mend)
        })
        .collect())
}

/// Passwords that are tried on every role: what no password was ever set to on purpose, which lets in where nobody is
/// asked for one, and those that everybody tries.
const TRIED: [&str; 5] = [
    "nobody has ever set this one",
    "postgres",
    "password",
    "changeme",
    "signalbox",
];

/// Roles as which anybody gets in who can reach the server: without a password, with the role's own name, or with one
/// that everybody knows.
///
/// # Errors
/// Why nothing can be told: a server that does not let us in either refuses for another reason.
pub fn open_doors(app: &Secret<String>) -> Result<Vec<Weakness>, String> {
    let url = Url::parse(app.expose()).map_err(|_| "its address is not a URL".to_owned())?;
    let lets_us_in = || connect(app).map(drop).map_err(|error| error.to_string());
    lets_us_in()?;
    let roles = Role::ALL.map(Role::name).into_iter().chain([OWNER]);
    let open = roles
        .filter_map(|name| {
            let mut tried = TRIED.into_iter().chain([name]);
            let lets_in = tried.find(|password| gets_in(&url, name, password))?;
            Some(if lets_in == TRIED[0] {
                Weakness::new(
                    format!("the server lets anybody in as {name} without asking for a password"),
                    "set its lines in pg_hba.conf to scram-sha-256, then reload the server",
                )
            } else {
                Weakness::new(
                    format!("the database account {name} has the password \"{lets_in}\""),
                    format!("give it another one: in psql, \\password {name}"),
                )
            })
        })
        .collect();
    // Had it become too busy meanwhile, it would have refused whatever we tried.
    lets_us_in()?;
    Ok(open)
}

fn gets_in(url: &Url, name: &str, password: &str) -> bool {
    let mut url = url.clone();
    let named = url.set_username(name).is_ok() && url.set_password(Some(password)).is_ok();
    named && connect(&Secret::new(url.to_string())).is_ok()
}
