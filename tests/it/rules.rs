//! Rules as people read and change them: the list, a rule with what it would have done, the form, and who may.

mod changing;
mod history;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use signalbox::features::alerts::evaluate;
use signalbox::features::health::actions as health;
use signalbox::features::health::latency::Histogram;
use signalbox::features::health::store::samples::{self, Sample, Span};
use signalbox::features::health::store::{measured, reports};
use signalbox::features::heartbeats::actions as heartbeats;
use signalbox::features::packs::pack::{Heartbeat, Indicator, ItemId, Measure, Probe, Rule};
use signalbox::features::packs::store as packs;
use signalbox::foundation::audit::{Actor, Unaudited};
use signalbox::foundation::db;

use crate::alerts::awake;
use crate::alerts::scope::operator_of;
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;

const LISTED: &str = "Rules, those that are lit and those that see nothing first";

/// The small pack with a comment, and with a host whose disk has a rule.
pub fn pack() -> String {
    format!(
        "# Kept by operations.\n{SMALL}\n[[probe]]\nid = \"host\"\nservice = \"api\"\ncheck.host = {{ disk = \"/\" }}\n\n\
         # FC-4: ninety per cent.\n[[rule]]\nid = \"disk\"\nname = \"The disk is full\"\n\
         on.measure = {{ probe = \"host\", name = \"disk\" }} # as df counts\n\
         red = {{ above = \"90%\", clear = \"80%\" }}\nrunbook = \"mend\"\n"
    )
}

pub async fn started() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, &pack());
    app
}

pub fn rule_id(app: &TestApp, slug: &str) -> ItemId {
    let read = |conn: &mut _| {
        let platform = packs::find(conn, "demo")?.unwrap();
        packs::by_slug::<Rule>(conn, platform.id, slug)
    };
    app.services.db.read(read).unwrap().id
}

pub fn path(app: &TestApp, slug: &str) -> String {
    format!("/rules/{}", rule_id(app, slug))
}

/// Notes what was reported of the quality, at these moments.
pub fn was_reported(app: &TestApp, story: &[(DateTime<Utc>, f64)]) {
    let write = |conn: &mut db::Conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        let indicator = packs::by_slug::<Indicator>(conn, platform.id, "ncc_qos")?.id;
        for (at, value) in story {
            reports::insert_report(conn, indicator, *at, *value, false)?;
        }
        Ok::<_, db::Error>(())
    };
    let audit = &app.services.audit;
    audit.write_unaudited(Unaudited::Sample, write).unwrap();
}

/// Twenty days in which it was bad for an hour on fourteen of them, and very bad on three of those.
pub fn twenty_days(app: &TestApp) {
    let first = app.now() - TimeDelta::days(20);
    let mut story = vec![(first, 99.5)];
    for day in 0..14 {
        let at = first + TimeDelta::days(day) + TimeDelta::hours(2);
        story.push((at, if day < 3 { 95.0 } else { 97.4 }));
        story.push((at + TimeDelta::hours(1), 99.5));
    }
    was_reported(app, &story);
}

#[tokio::test]
async fn every_rule_is_listed_with_what_it_reads_and_did() {
    let app = started().await;
    let operator = app.as_operator();
    let page = operator.get("/rules").await;
    assert_eq!(page.heading(), "4 rules: none of them is lit");
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "ncc_qos", 97.4, None).unwrap();
    app.advance(TimeDelta::seconds(2));
    evaluate::tick(&app.services).unwrap();
    let page = operator.get("/rules").await;
    assert_eq!(page.heading(), "4 rules: one of them is lit");
    let rows = page.table(LISTED);
    assert!(rows[0][0].starts_with("Quality is in breach"), "{rows:?}");
    assert!(rows[0][0].contains("indicator ncc_qos"), "{rows:?}");
    assert_eq!(rows[0][1..4], ["Lit", "RedYellow", "none"]);
    assert_eq!(rows[0][5], "once");
    let disk = rows
        .iter()
        .find(|row| row[0].starts_with("The disk is full"));
    assert_eq!(disk.unwrap()[3..], ["API", "never", "never"]);

    let narrowed = |query: &str| {
        let path = format!("/rules?{query}");
        let operator = &operator;
        async move {
            let page = operator.get(&path).await;
            page.heading()
        }
    };
    assert!(narrowed("level=blue").await.starts_with("1 rule:"));
    assert!(narrowed("q=DISK").await.starts_with("1 rule:"));
    assert!(
        narrowed("platform=demo&q=api")
            .await
            .starts_with("2 rules:")
    );
    let page = operator.get("/rules?q=nothing+like+it").await;
    assert!(page.says("No rule is like this"));
    let path = path(&app, "qos");
    assert!(
        operator
            .get("/packs/demo")
            .await
            .body
            .contains("/rules?platform=demo")
    );
    let page = operator.get(&path).await;
    assert_eq!(page.status, 200);
    let alert = operator.get(&page.link("Its alert")).await;
    assert_eq!(alert.link("Quality is in breach"), path);

    // Nobody has looked at the API and the disk.
    awake(&app, 11);
    let page = operator.get("/rules").await;
    assert_eq!(
        page.heading(),
        "4 rules: one of them is lit, and 2 see nothing"
    );
    let rows = page.table(LISTED);
    assert_eq!(
        (rows[1][1].as_str(), rows[2][1].as_str()),
        ("Sees nothing", "Sees nothing")
    );
    // Its own page says the same.
    let disk = format!("/rules/{}", rule_id(&app, "disk"));
    let disk = operator.get(&disk).await;
    assert!(disk.says("Sees nothing"), "{}", disk.text());
    assert!(!operator.get(&path).await.says("Sees nothing"));
}

/// That a rule could not be evaluated is an alert about the rule, and nothing that the rule did.
#[tokio::test]
async fn an_alert_about_a_rule_is_none_of_its_own() {
    let app = started().await;
    let tick = || {
        app.advance(TimeDelta::seconds(2));
        evaluate::tick(&app.services).unwrap();
    };
    let set = |spec: &str| {
        let set =
            format!("UPDATE pack_item SET spec = {spec} WHERE kind = 'rule' AND slug = 'qos'");
        app.db.connect_superuser().batch_execute(&set).unwrap();
    };
    tick();
    set("jsonb_build_object('was', spec)");
    tick();
    set("spec -> 'was'");
    tick();
    let page = app.as_operator().get(&path(&app, "qos")).await;
    assert_eq!(app.events_of("alert.fired").len(), 1);
    assert!(page.says("It has never fired."), "{}", page.text());
}

#[tokio::test]
async fn a_rule_says_what_it_would_have_done_in_the_days_that_are_kept() {
    let app = started().await;
    twenty_days(&app);
    let page = app.as_auditor().get(&path(&app, "qos")).await;
    assert_eq!(page.heading(), "Quality is in breach");
    let said = "Would have fired 14 times in the 20 d that are kept";
    assert!(page.says(said), "{}", page.text());
    assert_eq!(page.definition("Red"), "below 98 %");
    assert_eq!(page.definition("Reads"), "indicator ncc_qos");
    assert_eq!(page.definition("Kept"), "every report");
    assert_eq!(page.definition("Something to read"), "100 % of that time");
    assert_eq!(page.definition("Lit in all"), "14 h");
    assert_eq!(page.definition("Really fired"), "never in that time");
    let rows = page.table("When it would have fired, the newest first");
    assert_eq!(rows.len(), 14);
    assert_eq!(rows[0][1], "Red");
    assert_eq!(rows[0][3..], ["1 h", "97.4 %", "no"]);
    assert_eq!(rows[13][4], "95 %");
    assert!(page.says("Look.") && page.says("It has never fired."));
    assert!(page.says("[[rule]] id = \"qos\""), "its piece of the pack");
    assert!(
        !page.body.contains("/change\""),
        "an auditor changes nothing"
    );
}

#[tokio::test]
async fn what_would_have_fired_is_held_against_what_did() {
    let app = started().await;
    let actor = Actor::command_line("tester");
    for value in [99.5, 97.4, 99.5] {
        health::report_indicator(&app.services, &actor, "ncc_qos", value, None).unwrap();
        app.advance(TimeDelta::seconds(2));
        evaluate::tick(&app.services).unwrap();
        app.advance(TimeDelta::seconds(8));
        evaluate::tick(&app.services).unwrap();
    }
    let page = app.as_operator().get(&path(&app, "qos")).await;
    assert!(page.says("Would have fired once"), "{}", page.text());
    assert_eq!(page.definition("Really fired"), "once in that time");
    let rows = page.table("When it would have fired, the newest first");
    assert_eq!(rows[0][5], "yes");
    assert_eq!(page.table("Its last alerts, the newest first").len(), 1);
    assert!(!page.says("not found by this"));
}

/// Thirty days of steps, in which the disk was over its limit for ten minutes of each day.
fn thirty_days_of_steps(app: &TestApp) {
    let probe = app.services.db.read(|conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        packs::by_slug::<Probe>(conn, platform.id, "host")
    });
    let (id, now) = (probe.unwrap().id, app.now().to_rfc3339());
    let steps = format!(
        "INSERT INTO measure_step (probe_id, name, at, low, high, last) \
         SELECT '{id}', 'disk', date_bin('5 minutes', at, 'epoch'), value, value, value FROM ( \
             SELECT at, CASE WHEN extract(hour FROM at AT TIME ZONE 'UTC') = 3 \
                              AND extract(minute FROM at AT TIME ZONE 'UTC') < 10 THEN 0.95 ELSE 0.5 END AS value \
             FROM generate_series('{now}'::timestamptz - interval '30 days', '{now}'::timestamptz - interval '5 minutes', \
                                  interval '5 minutes') AS at) AS story"
    );
    app.db.connect_superuser().batch_execute(&steps).unwrap();
}

#[tokio::test]
async fn thirty_days_of_steps_are_gone_through() {
    let app = started().await;
    thirty_days_of_steps(&app);
    let operator = app.as_operator();
    let path = path(&app, "disk");
    let page = operator.get(&path).await;
    assert!(
        page.says("Would have fired 30 times in 30 days"),
        "{}",
        page.text()
    );
    assert_eq!(page.definition("Kept"), "steps of five minutes");
    assert_eq!(page.definition("Service"), "API");
}

#[tokio::test]
async fn what_probes_read_is_kept_in_steps_for_thirty_days() {
    let app = started().await;
    let probe = app.services.db.read(|conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        packs::by_slug::<Probe>(conn, platform.id, "host")
    });
    let (id, now) = (probe.unwrap().id, app.now());
    let old = now - TimeDelta::days(31);
    let audit = &app.services.audit;
    audit
        .write_unaudited(Unaudited::Sample, |conn| {
            for (seconds, value) in [(0, 0.4), (30, 0.9), (60, 0.6)] {
                let at = now + TimeDelta::seconds(seconds);
                measured::record(conn, id, at, &[(Measure::Disk, value), (Measure::Cpu, 0.1)])?;
            }
            measured::record(conn, id, old, &[(Measure::Disk, 0.1)])
        })
        .unwrap();
    let since = |from| {
        let read = |conn: &mut _| measured::since(conn, id, Measure::Disk, from);
        app.services.db.read(read).unwrap()
    };
    let step = since(now - TimeDelta::hours(1)).remove(0);
    assert_eq!((step.low, step.high, step.last), (0.4, 0.9, 0.6));
    assert_eq!(since(old - TimeDelta::hours(1)).len(), 2);
    health::tidy(&app.services).unwrap();
    assert_eq!(since(old - TimeDelta::hours(1)).len(), 1);
}

/// The pack with a connector, a target, a heartbeat, and a rule on what only single results of each tell.
fn with_single_results() -> String {
    let more = "\n[[connector]]\nid = \"bank\"\nname = \"Bank\"\nurl = \"http://127.0.0.1:9\"\nservice = \"api\"\n\
                \n[[rule]]\nid = \"failing\"\nname = \"Failing\"\non.connector = \"bank\"\nyellow = { is = \"failing\" }\n\
                \n[[slo]]\nid = \"up\"\nname = \"Up\"\nservice = \"api\"\non.availability = \"api-health\"\ntarget = \"99.9%\"\n\
                \n[[rule]]\nid = \"burns\"\nname = \"Burns\"\non.burn_rate = \"up\"\nyellow = {}\n\
                \n[[heartbeat]]\nid = \"dump\"\nname = \"Dump\"\nevery = \"1h\"\ngrace = \"10m\"\nservice = \"api\"\n\
                \n[[rule]]\nid = \"late\"\nname = \"Late\"\non.heartbeat = \"dump\"\nyellow = { is = \"late\" }\n";
    format!("{}{more}", pack())
}

#[tokio::test]
async fn what_is_not_kept_is_said_and_not_counted_as_nothing() {
    let app = TestApp::start().await;
    apply(&app, &with_single_results());
    let operator = app.as_operator();
    for (slug, kept) in [
        (
            "failing",
            "every call and every turn of its breakers, for 7 days.",
        ),
        ("burns", "results by the minute, for 2 days."),
        ("late", "It will be: the last hundred pings."),
        ("disk", "steps of five minutes, for 30 days."),
    ] {
        let page = operator.get(&path(&app, slug)).await;
        let nothing = "Nothing is kept yet that could be gone through";
        assert!(page.says(nothing), "{}", page.text());
        assert!(
            page.says(kept) && !page.says("Would not have fired"),
            "{}",
            page.text()
        );
    }
}

/// Two results of each minute of the last day, of which those of an hour all failed.
fn a_bad_hour(app: &TestApp) {
    let probe = app.services.db.read(|conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        packs::by_slug::<Probe>(conn, platform.id, "api-health")
    });
    let (id, now) = (probe.unwrap().id, app.now());
    let now = now.duration_trunc(TimeDelta::minutes(1)).unwrap();
    let add = |conn: &mut db::Conn| {
        for back in 1..1_440 {
            let failed = if (300..360).contains(&back) { 2 } else { 0 };
            let sample = Sample {
                at: now - TimeDelta::minutes(back),
                good: 2 - failed,
                failed,
                unknown: 0,
                histogram: Histogram::default(),
                demo: false,
            };
            samples::add(conn, id, Span::Minute, &sample)?;
        }
        Ok::<_, db::Error>(())
    };
    let audit = &app.services.audit;
    audit.write_unaudited(Unaudited::Sample, add).unwrap();
}

#[tokio::test]
async fn a_budget_that_was_burned_is_told_from_the_minutes_that_are_kept() {
    let app = TestApp::start().await;
    apply(&app, &with_single_results());
    a_bad_hour(&app);
    let page = app.as_operator().get(&path(&app, "burns")).await;
    assert!(page.says("Would have fired once in the"), "{}", page.text());
    assert_eq!(page.definition("Kept"), "results by the minute");
    assert!(page.says("Results are kept by the minute for two days."));
    let rows = page.table("When it would have fired, the newest first");
    assert_eq!(rows[0][1], "Yellow");
    assert!(rows[0][4].contains("times"), "{rows:?}");
}

#[tokio::test]
async fn that_a_heartbeat_was_late_is_told_from_its_pings() {
    let app = TestApp::start().await;
    apply(&app, &with_single_results());
    heartbeats::enrol(&app.services).unwrap();
    let id = app.services.db.read(|conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        packs::by_slug::<Heartbeat>(conn, platform.id, "dump")
    });
    let (id, now) = (id.unwrap().id, app.now().to_rfc3339());
    // Due after an hour; five minutes late once, and in time the next.
    let pings = format!(
        "INSERT INTO heartbeat_ping (id, heartbeat_id, at, kind, method, source, agent, cut) \
         SELECT gen_random_uuid(), '{id}', '{now}'::timestamptz - make_interval(mins => back), 'success', 'GET', '', '', false \
         FROM unnest(ARRAY[185, 120, 61]) AS back"
    );
    app.db.connect_superuser().batch_execute(&pings).unwrap();
    let page = app.as_operator().get(&path(&app, "late")).await;
    assert!(
        page.says("Would have fired twice in the"),
        "{}",
        page.text()
    );
    let rows = page.table("When it would have fired, the newest first");
    assert_eq!(rows[0][2], "it would be lit now", "{rows:?}");
    assert_eq!(rows[1][3], "5 min", "{rows:?}");
}

#[tokio::test]
async fn a_rule_of_another_platform_is_not_there() {
    let app = started().await;
    let elsewhere = SMALL.replacen("id = \"demo\"", "id = \"other\"", 1);
    apply(&app, &elsewhere);
    let operator = operator_of(&app, "other");
    assert!(
        operator
            .get("/rules")
            .await
            .heading()
            .starts_with("3 rules")
    );
    let path = path(&app, "qos");
    for address in [&path, &format!("{path}/change"), &format!("{path}/removal")] {
        assert_eq!(operator.get(address).await.status, 404, "{address}");
    }
    for address in [
        format!("{path}/change"),
        format!("{path}/trial"),
        format!("{path}/removal"),
        "/packs/demo/rules".to_owned(),
        "/packs/demo/rules/trial".to_owned(),
    ] {
        assert_eq!(
            operator.post_form(&address, &[]).await.status,
            404,
            "{address}"
        );
    }
    assert_eq!(operator.get("/packs/demo/rules/new").await.status, 404);
    assert_eq!(operator.get("/packs/other/rules/new").await.status, 200);
}

#[tokio::test]
async fn who_may_not_change_packs_changes_no_rule() {
    let app = started().await;
    let (auditor, reviewer) = (app.as_auditor(), app.as_reviewer());
    let path = path(&app, "qos");
    assert_eq!(reviewer.get("/rules").await.status, 403);
    assert_eq!(reviewer.get(&path).await.status, 403);
    assert_eq!(auditor.get(&path).await.status, 200);
    assert!(!auditor.get("/rules").await.body.contains("/rules/new"));
    for address in [
        format!("{path}/change"),
        format!("{path}/trial"),
        format!("{path}/removal"),
    ] {
        assert_eq!(
            auditor.post_form(&address, &[]).await.status,
            403,
            "{address}"
        );
    }
    assert_eq!(auditor.get(&format!("{path}/change")).await.status, 403);
    assert_eq!(auditor.get("/packs/demo/rules/new").await.status, 403);
}
