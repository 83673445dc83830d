//! Against the real PostgreSQL of this machine, each in a folder of its own.

use std::os::unix::fs::PermissionsExt;
use std::thread;

use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl, sql_query};

use diesel::{Connection, PgConnection};

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // PostgreSQL's user has to come through when the tests run as root.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn config(&self) -> ClusterConfig {
        ClusterConfig {
            durable: false,
            ..ClusterConfig::new(self.0.path().join("var"))
        }
    }
}

fn connect(cluster: &Cluster, role: Role) -> PgConnection {
    PgConnection::establish(cluster.url(role).expose()).unwrap()
}

fn gone(pid: u32) -> bool {
    let deadline = std::time::Instant::now() + Duration::from_secs(15);
    while Path::new(&format!("/proc/{pid}")).exists() {
        if std::time::Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Takes the cluster apart as `kill -9` of its owner does: the lock goes, the server stays.
fn abandon(cluster: Cluster) -> u32 {
    let mut cluster = cluster;
    let owned = cluster.owned.take().unwrap();
    let pid = owned.server.pid();
    drop(owned.lock);
    std::mem::forget(owned.server);
    pid
}

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    superuser: bool,
    #[diesel(sql_type = Text)]
    owner: String,
}

#[test]
fn every_role_gets_in_and_only_one_is_superuser() {
    let place = Place::new();
    let cluster = Cluster::start(&place.config()).unwrap();
    for role in Role::ALL {
        let query = "SELECT current_user::text AS name, rolsuper AS superuser, \
                     (SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()) AS owner \
                     FROM pg_roles WHERE rolname = current_user";
        let found: Standing = sql_query(query)
            .get_result(&mut connect(&cluster, role))
            .unwrap();
        assert_eq!(found.name, role.name());
        assert_eq!(found.superuser, role == Role::Superuser);
        assert_eq!(found.owner, "signalbox_owner");
    }
    cluster.stop().unwrap();
}

#[test]
fn data_and_passwords_outlive_a_stop() {
    let place = Place::new();
    let first = Cluster::start(&place.config()).unwrap();
    sql_query("CREATE TABLE kept (id int)")
        .execute(&mut connect(&first, Role::Superuser))
        .unwrap();
    let pid = first.pid().unwrap();
    first.stop().unwrap();
    assert!(gone(pid));
    let second = Cluster::start(&place.config()).unwrap();
    sql_query("SELECT id FROM kept")
        .execute(&mut connect(&second, Role::Superuser))
        .unwrap();
}

#[test]
fn strangers_are_asked_for_a_password() {
    let place = Place::new();
    let cluster = Cluster::start(&place.config()).unwrap();
    let url = format!(
        "postgres://postgres:wrong@127.0.0.1:{}/signalbox",
        cluster.port()
    );
    let error = PgConnection::establish(&url).err().unwrap().to_string();
    assert!(error.contains("password authentication failed"), "{error}");
    let file = place.0.path().join("var/postgres.passwords");
    assert_eq!(
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_folder_in_use_is_refused_with_the_pid_and_can_be_joined() {
    let place = Place::new();
    let cluster = Cluster::start(&place.config()).unwrap();
    let refusal = Cluster::start(&place.config()).unwrap_err().to_string();
    assert!(
        refusal.contains(&format!("process {}", std::process::id())),
        "{refusal}"
    );
    assert_eq!(
        survey(&place.config().data_dir).held_by,
        Some(std::process::id().to_string())
    );

    let joined = Cluster::start_or_join(&place.config()).unwrap();
    assert!(!joined.is_ours());
    connect(&joined, Role::App);
    joined.stop().unwrap();
    connect(&cluster, Role::App);
}

#[test]
fn a_command_alone_starts_the_cluster_itself() {
    let place = Place::new();
    let cluster = Cluster::start_or_join(&place.config()).unwrap();
    assert!(cluster.is_ours());
    connect(&cluster, Role::Migrator);
}

#[test]
fn a_server_left_behind_is_stopped_first() {
    let place = Place::new();
    let orphan = abandon(Cluster::start(&place.config()).unwrap());
    let cluster = Cluster::start(&place.config()).unwrap();
    assert_ne!(cluster.pid(), Some(orphan));
    connect(&cluster, Role::App);
}

#[test]
fn a_killed_server_recovers() {
    let place = Place::new();
    let orphan = abandon(Cluster::start(&place.config()).unwrap());
    let pid = rustix::process::Pid::from_raw(i32::try_from(orphan).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let cluster = Cluster::start(&place.config()).unwrap();
    connect(&cluster, Role::App);
}

/// Busy with something that never looks whether its server is still there.
fn keep_busy(cluster: &Cluster) -> u32 {
    #[derive(QueryableByName)]
    struct Backend {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        pid: i32,
    }
    let mut conn = connect(cluster, Role::Superuser);
    let backend: Backend = sql_query("SELECT pg_backend_pid() AS pid")
        .get_result(&mut conn)
        .unwrap();
    thread::spawn(move || {
        sql_query("SELECT count(*) FROM generate_series(1, 10000000000)").execute(&mut conn)
    });
    thread::sleep(Duration::from_millis(200));
    backend.pid.unsigned_abs()
}

#[test]
fn a_killed_server_is_revived_on_its_port_when_its_backends_are_gone() {
    let place = Place::new();
    let mut cluster = Cluster::start(&place.config()).unwrap();
    let (pid, port) = (cluster.pid().unwrap(), cluster.port());
    let busy = keep_busy(&cluster);
    assert!(!cluster.revive().unwrap(), "it was alive");
    let killed = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(killed, rustix::process::Signal::KILL).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !cluster.revive().unwrap() {
        assert!(std::time::Instant::now() < deadline, "it is not missed");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(gone(busy), "a backend of the killed server lives on");
    assert_eq!(cluster.port(), port);
    assert_ne!(cluster.pid(), Some(pid));
    connect(&cluster, Role::App);
}

#[test]
fn a_stale_pid_of_someone_else_is_no_obstacle() {
    let place = Place::new();
    let cluster = Cluster::start(&place.config()).unwrap();
    cluster.stop().unwrap();
    let stale = place.0.path().join("var/postgres/postmaster.pid");
    std::fs::write(
        &stale,
        format!("{}\n/elsewhere\n1\n5432\n\n\n\nready\n", std::process::id()),
    )
    .unwrap();
    let cluster = Cluster::start(&place.config()).unwrap();
    connect(&cluster, Role::App);
}

#[test]
fn the_server_ends_with_the_thread_that_started_it() {
    let place = Place::new();
    let config = place.config();
    let starter = thread::spawn(move || {
        let cluster = Cluster::start(&config).unwrap();
        let pid = cluster.pid().unwrap();
        std::mem::forget(cluster);
        pid
    });
    let pid = starter.join().unwrap();
    // A zombie keeps its entry until someone waits; what counts is that it no longer answers.
    let deadline = std::time::Instant::now() + Duration::from_secs(15);
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    while !state().contains(") Z ") {
        assert!(
            std::time::Instant::now() < deadline,
            "still there: {}",
            state()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_database_without_its_passwords_is_refused() {
    let place = Place::new();
    Cluster::start(&place.config()).unwrap().stop().unwrap();
    std::fs::remove_file(place.0.path().join("var/postgres.passwords")).unwrap();
    let refusal = Cluster::start(&place.config()).unwrap_err();
    assert!(
        matches!(refusal, ClusterError::PasswordsMissing { .. }),
        "{refusal}"
    );
}

#[test]
fn a_half_made_database_is_made_again() {
    let place = Place::new();
    let leftover = place.0.path().join("var/postgres.new");
    std::fs::create_dir_all(&leftover).unwrap();
    std::fs::write(leftover.join("PG_VERSION"), "15\n").unwrap();
    std::fs::set_permissions(
        place.0.path().join("var"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let cluster = Cluster::start(&place.config()).unwrap();
    connect(&cluster, Role::App);
    assert!(!leftover.exists());
}

#[test]
fn a_closed_parent_moves_the_database_to_the_state_folder() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let stranger = Account {
        uid: 54_321,
        gid: 54_321,
    };
    let data_dir = outer.path().join("var");
    let elsewhere = DataFolder::locate(&data_dir, Some(&stranger)).unwrap();
    assert!(elsewhere.starts_with("/var/lib/signalbox"), "{elsewhere:?}");
    std::fs::create_dir(&data_dir).unwrap();
    let once_made = DataFolder::locate(&data_dir, Some(&stranger)).unwrap();
    assert_eq!(once_made, elsewhere);
    let here = DataFolder::locate(&data_dir, None).unwrap();
    assert_eq!(here, data_dir.join("postgres"));
}
