//! Files: dumps and whatever else has to be there, be young, and have a size.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use diesel::connection::SimpleConnection as _;
use signalbox::app::simulator::{self, Simulator};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::health::actions;
use signalbox::features::health::checks::Checks;
use signalbox::features::health::probe::{ErrorKind, Failure, Outcome, Run};
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::{Check, Files, Measure, Which};
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::kernel::Scope;

use super::{probe, probes, run, run_once, the_probe};
use crate::packs::{apply, shipped};
use crate::support::app::TestApp;

/// Writes so many bytes, as if so many hours ago.
fn write(path: &Path, bytes: usize, hours: u64) {
    fs::write(path, vec![b'x'; bytes]).unwrap();
    let at = SystemTime::now() - Duration::from_secs(hours * 3_600);
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(at)
        .unwrap();
}

async fn look(folder: &Path, name: &str, which: Which) -> Run {
    run(Check::File(Files {
        pattern: format!("{}/{name}", folder.display()),
        which,
    }))
    .await
}

/// Age in whole hours, bytes, and how many there are.
async fn figures(folder: &Path, name: &str, which: Which) -> (u64, u64, u64) {
    let found = look(folder, name, which).await;
    assert_eq!(found.latency_us, None, "a file is not asked");
    let Outcome::Good(measures) = found.outcome else {
        panic!("{:?}", found.outcome)
    };
    let of = |measure| {
        let found = measures.iter().find(|(name, _)| *name == measure);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = found.unwrap().1 as u64;
        whole
    };
    (
        of(Measure::Age) / 3_600,
        of(Measure::Size),
        of(Measure::Count),
    )
}

async fn failed(folder: &Path, name: &str) -> Failure {
    match look(folder, name, Which::Newest).await.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_newest_or_the_oldest_that_matches_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(&path.join("a.dump"), 300, 50);
    write(&path.join("b.dump"), 200, 26);
    write(&path.join("c.dump.part"), 7, 0);
    write(&path.join(".d.dump"), 7, 0);
    assert_eq!(figures(path, "*.dump", Which::Newest).await, (26, 200, 2));
    assert_eq!(figures(path, "*.dump", Which::Oldest).await, (50, 300, 2));
    assert_eq!(figures(path, "?.dump.*", Which::Newest).await, (0, 7, 1));
    write(&path.join("e.dump"), 0, 0);
    assert_eq!(figures(path, "*.dump", Which::Newest).await, (0, 0, 3));
}

/// A dump may be a folder: then its files are added up.
#[tokio::test]
async fn a_folder_is_as_large_as_the_files_in_it_and_as_young_as_the_last() {
    let folder = tempfile::tempdir().unwrap();
    for (day, hours) in [("20261124", 48), ("20261125", 24)] {
        let of_day = folder.path().join(day);
        fs::create_dir_all(of_day.join("deeper")).unwrap();
        write(&of_day.join("all.sql"), 1_000, hours);
        write(&of_day.join("files.tar"), 500, hours - 1);
        write(&of_day.join("deeper/not-counted"), 9_999, hours);
        let at = SystemTime::now() - Duration::from_secs(hours * 3_600);
        File::open(&of_day).unwrap().set_modified(at).unwrap();
    }
    assert_eq!(
        figures(folder.path(), "2026*", Which::Newest).await,
        (23, 1_500, 2)
    );
}

/// A dump that lost half of what was in it is not empty, and still lacks something, and so does the next without it.
#[tokio::test]
async fn the_newest_is_held_against_the_largest_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let relative = async |which| {
        let found = look(path, "*.dump", which).await.outcome;
        let measures = found.measures().iter();
        let mut relative = measures.filter(|(name, _)| *name == Measure::Relative);
        relative.next().map(|(_, share)| *share)
    };
    write(&path.join("a.dump"), 0, 72);
    assert_eq!(relative(Which::Newest).await, None, "it is the only one");
    write(&path.join("b.dump"), 400, 48);
    assert_eq!(relative(Which::Newest).await, None, "the other is empty");
    write(&path.join("c.dump"), 100, 24);
    assert_eq!(relative(Which::Newest).await, Some(0.25));
    assert_eq!(relative(Which::Oldest).await, None);
    write(&path.join("c2.dump"), 100, 12);
    assert_eq!(relative(Which::Newest).await, Some(0.25), "it lasts");
    write(&path.join("d.dump"), 900, 1);
    assert_eq!(relative(Which::Newest).await, Some(1.0), "it has grown");
    // A folder is as large as what is in it.
    fs::create_dir(path.join("e.dump")).unwrap();
    write(&path.join("e.dump/all.sql"), 300, 0);
    let share = relative(Which::Newest).await.unwrap();
    assert!((share - 1.0 / 3.0).abs() < 1e-9, "{share}");
}

#[tokio::test]
async fn what_is_missing_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let nothing = failed(path, "*.dump").await;
    assert_eq!(nothing.kind, ErrorKind::WrongAnswer);
    assert!(nothing.message.contains("no file matches"), "{nothing:?}");
    let gone = failed(&path.join("gone"), "*.dump").await;
    assert!(gone.message.ends_with("gone does not exist"), "{gone:?}");
    write(&path.join("file"), 1, 0);
    let none = failed(&path.join("file"), "*").await;
    assert!(none.message.ends_with("is not a folder"), "{none:?}");
}

/// A link leads elsewhere, and a socket is no dump.
#[tokio::test]
async fn links_are_not_followed() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&elsewhere.path().join("secret"), 5, 0);
    symlink(
        elsewhere.path().join("secret"),
        folder.path().join("a.dump"),
    )
    .unwrap();
    symlink(elsewhere.path(), folder.path().join("b.dump")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("c.dump")).unwrap();
    let failure = failed(folder.path(), "*.dump").await;
    assert!(failure.message.contains("no file matches"), "{failure:?}");
}

#[tokio::test]
async fn a_folder_that_holds_too_much_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..=10_000 {
        File::create(folder.path().join(number.to_string())).unwrap();
    }
    let failure = failed(folder.path(), "*").await;
    assert!(
        failure.message.contains("more than 10000 entries"),
        "{failure:?}"
    );
    fs::remove_file(folder.path().join("0")).unwrap();
    assert_eq!(figures(folder.path(), "*", Which::Newest).await.2, 10_000);
}

/// What the packs look for is what the simulator writes, and it is neither old nor empty.
#[tokio::test]
async fn the_simulated_dumps_are_found_by_the_packs_that_ship() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(0, folder.path(), None).await.unwrap();
    let given: Given = simulator::parameters(7100, folder.path())
        .into_iter()
        .collect();
    let mut found = 0;
    for (name, source) in shipped() {
        let (file, _) = packs::check(&source, &given).unwrap();
        for probe in file.pack.probes {
            if matches!(probe.check, Check::File(_)) {
                let run = Checks::new()
                    .unwrap()
                    .run(&probe, chrono::Utc::now(), None)
                    .await;
                let measures = run.outcome.measures();
                assert_eq!(measures.len(), 4, "{name}: {:?}", run.outcome);
                assert_eq!(measures[3], (Measure::Relative, 1.0), "{name}");
                assert!(measures[0].1 < 60.0 && measures[1].1 > 1e6, "{measures:?}");
                found += 1;
            }
        }
    }
    assert_eq!(found, 4);
    simulator.stop().await;
}

const DUMPS: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "dumps"
name = "Dumps"

[[probe]]
id = "nightly"
service = "dumps"
check.file = { pattern = "/var/backups/*.dump" }
interval = "30s"

[[rule]]
id = "dump-old"
name = "The newest dump is old"
on.measure = { probe = "nightly", name = "age" }
yellow = { above = "26h" }

[[backup_plan]]
id = "dumps"
name = "Dumps"
probe = "nightly"
"#;

/// From the file to the lamp: old is yellow, with both figures in the same unit.
#[tokio::test]
async fn an_old_dump_lights_its_lamp_and_stands_on_its_page() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.dump"), 1_240_000, 0);
    apply(
        &app,
        &DUMPS.replace("/var/backups", &folder.path().display().to_string()),
    );
    actions::enrol(&app.services, &probes(&app)).unwrap();
    let measured = async |app: &TestApp, hours: i64| {
        let at = chrono::Utc::now() + chrono::TimeDelta::hours(hours);
        let run = Checks::new()
            .unwrap()
            .run(&the_probe(app).spec, at, None)
            .await;
        run_once(app, run.outcome);
        app.advance(chrono::TimeDelta::seconds(2));
        evaluate::tick(&app.services).unwrap();
        app.services
            .db
            .read(|conn| alerts::open(conn, &Scope::All))
            .unwrap()
    };
    assert!(measured(&app, 25).await.is_empty());
    let lit = measured(&app, 27).await.remove(0);
    assert!(
        lit.summary.contains("age of nightly is 27h"),
        "{}",
        lit.summary
    );
    assert!(lit.summary.ends_with("above 26h"), "{}", lit.summary);
    let backups = app.as_operator().get("/backups").await;
    let verdict = "1 of 1 backup plan has something lit about it";
    assert!(backups.says(verdict), "{}", backups.text());
    let link = format!("[href='/alerts/{}']", lit.id);
    assert_eq!(backups.texts(&link), ["The newest dump is old"]);
    // A rule that sees nothing says nothing of the dump.
    let blind = "UPDATE alert SET about = 'rule'";
    app.db.connect_superuser().batch_execute(blind).unwrap();
    let backups = app.as_operator().get("/backups").await;
    let name = "The rule \"The newest dump is old\" cannot be evaluated";
    assert_eq!(backups.texts(&link), [name]);
    let seen = "UPDATE alert SET about = 'platform'";
    app.db.connect_superuser().batch_execute(seen).unwrap();

    let page = app.as_operator().get("/").await;
    let link = page.link("Demo Dumps nightly: Size");
    let page = app.as_operator().get(&link).await;
    let tiles: Vec<String> = page.texts(".tile");
    assert_eq!(tiles.len(), 3, "{tiles:?}");
    assert!(
        tiles[0].contains("Age") && tiles[0].contains("1 d 3 h"),
        "{tiles:?}"
    );
    assert!(tiles[0].contains("Yellow"), "{tiles:?}");
    assert!(tiles[1].contains("1.24 MB"), "{tiles:?}");
    assert!(
        tiles[2].contains("Files") && tiles[2].contains('1'),
        "{tiles:?}"
    );
    assert!(page.says("newest of"));
}

#[tokio::test]
async fn what_is_written_after_the_look_began_is_new() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("late"), 1, 0);
    let mut check = probe(Check::File(Files {
        pattern: format!("{}/late", folder.path().display()),
        which: Which::Newest,
    }));
    check.retries = 0;
    // Written after our clock was read: it is new, not younger than nothing.
    let checks = Checks::new().unwrap();
    let before = |minutes| chrono::Utc::now() - chrono::TimeDelta::minutes(minutes);
    let run = checks.run(&check, before(1), None).await;
    assert_eq!(run.outcome.measures()[0], (Measure::Age, 0.0));
    // One from far ahead would be the newest for as long, whatever became of the dumps.
    let run = checks.run(&check, before(60), None).await;
    let told = run.outcome.message();
    assert!(told.contains("late was written in the future"), "{told}");
}

/// RH-13, FC-6, DO-21: what is kept for longer than its guide says, or has grown too large, where an installation says that
/// its files are.
#[tokio::test]
async fn files_that_are_kept_too_long_light_their_lamp() {
    for (pack, parameter, slug, rule, (fine, late)) in [
        (
            "regtech-horizon",
            "LOG_FILES",
            "oldest-log",
            "Logs are kept longer than 30 days",
            (30, 32),
        ),
        (
            "finchat",
            "LOG_FILES",
            "oldest-log",
            "Logs are kept longer than 30 days",
            (30, 32),
        ),
        (
            "finchat",
            "CACHE_FILES",
            "oldest-cache",
            "Files of the cache are kept longer than 7 days",
            (7, 9),
        ),
        (
            "debt-os",
            "LOG_FILES",
            "oldest-log",
            "Logs are kept longer than seven days",
            (7, 9),
        ),
        (
            "debt-os",
            "LOG_FILES",
            "newest-log",
            "A log is over 1 GB",
            (0, 0),
        ),
    ] {
        let app = TestApp::start().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.log");
        write(&file, 100, 0);
        let mut packs = shipped().into_iter();
        let (_, source) = packs.find(|(name, _)| name.starts_with(pack)).unwrap();
        let given: Given = [(parameter, format!("{}/*.log", folder.path().display()))]
            .into_iter()
            .collect();
        let actor = signalbox::foundation::audit::Actor::command_line("tester");
        packs::apply(&app.services, &actor, &source, &given).unwrap();
        let probes = probes(&app);
        actions::enrol(&app.services, &probes).unwrap();
        let item = probes.values().find(|it| it.slug == slug).unwrap();
        let lit = async |days: i64| {
            app.advance(chrono::TimeDelta::minutes(6));
            let at = chrono::Utc::now() + chrono::TimeDelta::days(days);
            let run = Checks::new().unwrap().run(&item.spec, at, None).await;
            let claims = actions::claim(&app.services, &probes).unwrap();
            let claim = claims.into_iter().find(|it| it.probe == item.id).unwrap();
            let run = Run {
                at: app.now(),
                ..run
            };
            actions::finish(&app.services, item, claim, run).unwrap();
            app.advance(chrono::TimeDelta::seconds(2));
            evaluate::tick(&app.services).unwrap();
            let open = |conn: &mut _| alerts::open(conn, &Scope::All);
            let open = app.services.db.read(open).unwrap();
            open.iter().any(|alert| alert.name == rule)
        };
        assert!(!lit(fine).await, "{pack} {slug}");
        if late == 0 {
            File::options()
                .write(true)
                .open(&file)
                .unwrap()
                .set_len(1_000_000_001)
                .unwrap();
        }
        assert!(lit(late).await, "{pack} {slug}");
    }
}
