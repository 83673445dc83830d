//! A database of its own for each test, copied from a template that is migrated once.
//!
//! `script/test` starts PostgreSQL for the whole run and says where in `SIGNALBOX_TEST_DATABASE_URL`
//! (a superuser's URL). Without that variable, as under a plain `cargo nextest run`, the first test
//! starts one that the others share and that ends when it has been idle for a while.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use signalbox::foundation::db::migrate;
use signalbox::foundation::db::roles::{self, Passwords, Role};
use signalbox::foundation::kernel::Secret;
use url::Url;

const URL_VARIABLE: &str = "SIGNALBOX_TEST_DATABASE_URL";
const IDLE_SECS: &str = "600";

/// Any number will do, as long as all tests use it.
const TEMPLATE_LOCK: i64 = 20_251_120;

/// A migrated database; dropped with the value.
pub struct TestDb {
    name: String,
    pub app_url: Secret<String>,
    pub sealer_url: Secret<String>,
    pub auditor_url: Secret<String>,
    pub migrator_url: Secret<String>,
    pub superuser_url: Secret<String>,
}

impl TestDb {
    /// A copy of the migrated template, in some 40 ms.
    pub fn create() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        let template = TEMPLATE.get_or_init(ensure_template);
        Self::from_template(template)
    }

    /// An empty database, for the tests of the migrations themselves.
    pub fn empty() -> Self {
        ensure_roles(&mut server());
        Self::from_template("template0")
    }

    fn from_template(template: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let create = format!(
            "DROP DATABASE IF EXISTS {name} WITH (FORCE); \
             CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY OWNER {}",
            roles::OWNER
        );
        // Two statements, two requests: a database cannot be made inside a transaction.
        let mut server = server();
        if std::env::var_os(URL_VARIABLE).is_none() {
            // A long run in one process is not idle.
            touch(&mut server);
        }
        for statement in create.split("; ") {
            server.batch_execute(statement).unwrap();
        }
        Self {
            app_url: url(Role::App, &name),
            sealer_url: url(Role::Sealer, &name),
            auditor_url: url(Role::Auditor, &name),
            migrator_url: url(Role::Migrator, &name),
            superuser_url: url(Role::Superuser, &name),
            name,
        }
    }

    /// Another database with the same in it. Connections to this one are cut, and made again by whoever needs one.
    pub fn twin(&self) -> Self {
        let name = &self.name;
        let mut server = server();
        server
            .batch_execute(&format!(
                "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
                 SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            ))
            .unwrap();
        let twin = Self::from_template(name);
        server
            .batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
            .unwrap();
        twin
    }

    /// A connection that no grant holds back.
    pub fn connect_superuser(&self) -> PgConnection {
        connect(&self.superuser_url)
    }

    /// A connection as this role.
    pub fn connect(&self, role: Role) -> PgConnection {
        connect(&url(role, &self.name))
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = server().batch_execute(&drop);
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

/// The template's name changes with the migrations, so that a shared server never serves an old one.
fn ensure_template() -> String {
    let name = format!("signalbox_template_{}", digest_of_migrations());
    let mut server = server();
    let lock = format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})");
    server.batch_execute(&lock).unwrap();
    ensure_roles(&mut server);
    if !exists(&mut server, &name) {
        let unfinished = format!("{name}_unfinished");
        let statements = [
            format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"),
            format!("CREATE DATABASE {unfinished} OWNER {}", roles::OWNER),
        ];
        for statement in statements {
            server.batch_execute(&statement).unwrap();
        }
        migrate::up(&url(Role::Migrator, &unfinished)).unwrap();
        let rename = format!("ALTER DATABASE {unfinished} RENAME TO {name}");
        server.batch_execute(&rename).unwrap();
    }
    name
}

/// Everyone shares the superuser's password: it was made for this server and goes with it.
fn ensure_roles(server: &mut PgConnection) {
    let base = base_url();
    let password = base.password().unwrap_or_default();
    let give = |passwords: Passwords, role: &Role| passwords.with(*role, password.to_owned());
    let passwords = Role::ALL.iter().fold(Passwords::default(), give);
    let lock = format!("SELECT pg_advisory_lock({})", TEMPLATE_LOCK + 1);
    server.batch_execute(&lock).unwrap();
    roles::ensure(server, &passwords).unwrap();
    let unlock = format!("SELECT pg_advisory_unlock({})", TEMPLATE_LOCK + 1);
    server.batch_execute(&unlock).unwrap();
}

fn exists(server: &mut PgConnection, database: &str) -> bool {
    #[derive(diesel::QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let query = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS found";
    let row: Found = sql_query(query)
        .bind::<Text, _>(database)
        .get_result(server)
        .unwrap();
    row.found
}

fn digest_of_migrations() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let entries = fs::read_dir(root).unwrap().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path().join("up.sql")).collect();
    files.sort();
    let mut digest = Sha256::new();
    for file in files.iter().filter(|file| file.exists()) {
        digest.update(file.as_os_str().as_encoded_bytes());
        digest.update(fs::read(file).unwrap());
    }
    hex::encode(digest.finalize())[..16].to_owned()
}

fn server() -> PgConnection {
    connect(&Secret::new(base_url().to_string()))
}

pub fn connect(url: &Secret<String>) -> PgConnection {
    PgConnection::establish(url.expose()).unwrap()
}

fn url(role: Role, database: &str) -> Secret<String> {
    let mut url = base_url().clone();
    url.set_path(database);
    if role != Role::Superuser {
        url.set_username(role.name()).unwrap();
    }
    Secret::new(url.to_string())
}

/// The superuser's URL of this run's server.
fn base_url() -> &'static Url {
    static BASE: OnceLock<Url> = OnceLock::new();
    BASE.get_or_init(|| {
        let text = std::env::var(URL_VARIABLE).unwrap_or_else(|_| shared_server());
        Url::parse(&text).unwrap_or_else(|error| panic!("{URL_VARIABLE} is not a URL: {error}"))
    })
}

/// The server that plain test runs of this checkout share. A lock makes the first test start it and
/// the others wait.
fn shared_server() -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let note = folder.join("url");
    let known = fs::read_to_string(&note).ok().filter(|url| is_alive(url));
    let url = known.unwrap_or_else(start_server);
    fs::write(&note, &url).unwrap();
    url
}

/// Also tells the server's watcher that someone is there.
fn is_alive(url: &str) -> bool {
    PgConnection::establish(url).is_ok_and(|mut conn| touch(&mut conn).is_some())
}

/// The server's data folder lies beside the file that its watcher looks at.
fn touch(conn: &mut PgConnection) -> Option<()> {
    #[derive(diesel::QueryableByName)]
    struct Place {
        #[diesel(sql_type = Text)]
        data: String,
    }
    let query = "SELECT current_setting('data_directory') AS data";
    let place: Place = sql_query(query).get_result(conn).ok()?;
    let used = Path::new(&place.data).parent()?.join("used");
    let file = OpenOptions::new().write(true).open(used).ok()?;
    file.set_modified(std::time::SystemTime::now()).ok()
}

fn start_server() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("script/test-postgres");
    let output = Command::new(script)
        .args(["start", "--idle", IDLE_SECS])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "no PostgreSQL for the tests");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
