//! 100,000 generated profiles taken in by the command line and assessed by the running application
//! against the whole OFAC list. Run with `cargo bench --bench intake`.

mod ground;
#[allow(dead_code, reason = "only names are wanted here")]
#[path = "../tests/it/screening_sample.rs"]
mod screening_sample;

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use ground::{Ground, how_many, mib, number, run};
use screening_sample::{Random, common_names, reference};
use signalbox::foundation::db::schema::platform;
use uuid::Uuid;

const PROFILES: usize = 100_000;
/// Chunks that are still to be assessed, however often that was tried.
const OPEN_JOBS: &str = "SELECT count(*) AS number FROM job \
    WHERE kind = 'reviews.assess_chunk' AND state IN ('waiting', 'running')";

fn main() {
    let Some(reference) = reference() else {
        println!("skipped: the reference lists (screening/, names/) are not there");
        return;
    };
    let profiles = how_many(PROFILES);
    let ground = Ground::prepare();
    add_platform(&ground);
    load_list(&ground, &reference);
    let file = ground.path("profiles.csv");
    write_profiles(&reference, &file, profiles);

    let (app, _) = ground.serve();
    let began = Instant::now();
    let mut command = ground.signalbox(&["intake", "subjects"]);
    command.arg(&file).args(["--platform", "bench"]);
    let (reading, peak) = run(command);
    println!(
        "intake: {:.0} rows a second, {:.0} MiB at most",
        profiles as f64 / reading.as_secs_f64(),
        mib(peak)
    );
    let mut conn = ground.superuser();
    while number(&mut conn, OPEN_JOBS) > 0 {
        sleep(Duration::from_millis(50));
    }
    let whole = began.elapsed();
    println!(
        "intake, screening and scoring, until the last case stands: {:.0} rows a second; application {:.0} MiB at most",
        profiles as f64 / whole.as_secs_f64(),
        mib(app.memory_kib("VmHWM").unwrap_or(0))
    );
    let count = |conn: &mut PgConnection, table: &str| {
        number(conn, &format!("SELECT count(*) AS number FROM {table}"))
    };
    println!(
        "{} subjects, {} hits, {} cases",
        count(&mut conn, "subject"),
        count(&mut conn, "screening_hit"),
        count(&mut conn, "review_case")
    );
}

fn add_platform(ground: &Ground) {
    diesel::insert_into(platform::table)
        .values((
            platform::id.eq(Uuid::now_v7()),
            platform::slug.eq("bench"),
            platform::name.eq("Bench"),
            platform::created_at.eq(diesel::dsl::now),
        ))
        .execute(&mut ground.superuser())
        .unwrap();
}

fn load_list(ground: &Ground, reference: &Path) {
    let mut command = ground.signalbox(&["lists", "load", "ofac"]);
    for name in ["sdn", "alt", "add"] {
        command
            .arg(format!("--{name}"))
            .arg(reference.join(format!("screening/{name}.csv")));
    }
    command.args(["--published", "2026-11-20"]);
    let (took, peak) = run(command);
    println!(
        "the whole list loaded in {took:.1?}, {:.0} MiB at most",
        mib(peak)
    );
}

fn write_profiles(reference: &Path, file: &Path, count: usize) {
    let names = common_names(reference);
    let mut random = Random::seeded(1);
    let mut writer = csv::Writer::from_path(file).unwrap();
    writer
        .write_record([
            "external_id",
            "kind",
            "family_name",
            "given_names",
            "date_of_birth",
            "country",
            "occupation",
            "email",
        ])
        .unwrap();
    for number in 0..count {
        let (given, family, country, birth) = names.person(&mut random);
        writer
            .write_record([
                &format!("B-{number}"),
                "person",
                &family,
                &given,
                &birth.to_string(),
                &country.to_string(),
                "clerk",
                &format!("b{number}@example.com"),
            ])
            .unwrap();
    }
    writer.flush().unwrap();
}
