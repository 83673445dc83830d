//! Releases: who takes which step, and what a gate counts.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use futures_util::future::{join, join_all};
use signalbox::features::releases::release::{Gate, Outcome, Release, ReleaseId, State};
use signalbox::features::releases::store::{self, gates};
use signalbox::features::releases::sweep;
use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::checklists::{pack, probed};
use crate::packs::apply;
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

/// FC-11, FC-12, FC-13
const GATES: &str = r#"
[[release_gate]]
id = "before"
name = "The API answers"
stage = "before"
read.state = "api-health"
expect = { is = "up" }

[[release_gate]]
id = "after"
name = "The new API answers"
stage = "after"
read.state = "api-health"
expect = { is = "up" }
wait = "30s"

[[release_gate]]
id = "back"
name = "The API answers again"
stage = "rollback"
read.state = "api-health"
expect = { is = "up" }
wait = "60s"
"#;

/// The pack of the checklists' tests, with those gates; the small pack's platform has no list for deployments where
/// `listed` says so.
pub async fn gated(with_list: bool) -> TestApp {
    let app = crate::checklists::listed().await;
    let lists = if with_list {
        pack()
    } else {
        pack().replace("on_demand = \"deployment\"", "on_demand = \"other\"")
    };
    apply(&app, &format!("{lists}{GATES}"));
    app
}

pub async fn drafted(app: &TestApp) -> (Client, Client, String) {
    // What was seen so far was seen before anybody asked.
    app.advance(TimeDelta::seconds(1));
    let (proposer, approver) = (app.as_operator(), app.as_admin());
    let sent = draft(&proposer, "2.0").await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    (proposer, approver, sent.location().to_owned())
}

async fn draft(by: &Client, to: &str) -> Page {
    let fields = [
        ("platform", "demo"),
        ("from", "1.0"),
        ("to", to),
        ("what", "Answers are faster"),
        ("planned", "2026-03-02T12:00"),
    ];
    by.post_form("/releases", &fields).await
}

pub async fn step(by: &Client, path: &str, step: &str, fields: &[(&str, &str)]) -> u16 {
    by.post_form(&format!("{path}/{step}"), fields).await.status
}

fn id(path: &str) -> ReleaseId {
    path.rsplit('/')
        .next()
        .unwrap()
        .parse::<uuid::Uuid>()
        .unwrap()
        .into()
}

fn release(app: &TestApp, path: &str) -> Release {
    let read = |conn: &mut _| store::one(conn, id(path));
    app.services.db.read(read).unwrap()
}

fn asked(app: &TestApp, path: &str) -> Vec<Gate> {
    let read = |conn: &mut _| gates::of(conn, id(path));
    app.services.db.read(read).unwrap()
}

/// Seconds later the probe has run and stands like this, and the gates are looked at.
pub fn seen(app: &TestApp, secs: i64, state: &str, error: Option<&str>) -> usize {
    app.advance(TimeDelta::seconds(secs));
    probed(app, state, error);
    sweep::tick(&app.services).unwrap()
}

/// Drafted, approved, its gates passed.
async fn ready(app: &TestApp) -> (Client, Client, String) {
    let (proposer, approver, path) = drafted(app).await;
    assert_eq!(step(&approver, &path, "approval", &[]).await, 303);
    assert_eq!(step(&proposer, &path, "gates", &[]).await, 303);
    assert_eq!(seen(app, 1, "up", None), 1);
    assert_eq!(release(app, &path).state, State::GatesPassed);
    (proposer, approver, path)
}

#[actix_web::test]
async fn a_release_goes_from_its_draft_to_its_end() {
    let app = gated(true).await;
    probed(&app, "up", None);
    let (proposer, approver, path) = drafted(&app).await;
    let page = proposer.get(&path).await;
    assert!(
        page.says("It waits to be approved by somebody else."),
        "{}",
        page.text()
    );
    assert!(page.says("Its checklist is not signed."));
    assert_eq!(step(&proposer, &path, "start", &[]).await, 409, "gates");
    assert_eq!(step(&proposer, &path, "gates", &[]).await, 303);
    // What the probe said a moment before is not what it says now.
    assert_eq!(sweep::tick(&app.services).unwrap(), 0);
    assert_eq!(
        step(&proposer, &path, "gates", &[]).await,
        409,
        "they are being asked"
    );
    assert_eq!(seen(&app, 1, "up", None), 1);
    assert_eq!(
        step(&proposer, &path, "start", &[]).await,
        409,
        "nobody approved it"
    );
    assert_eq!(step(&approver, &path, "approval", &[]).await, 303);
    assert_eq!(step(&proposer, &path, "start", &[]).await, 409, "the list");

    let list = proposer.get(&path).await.link("Before the deployment");
    let pass = [("outcome", "pass"), ("reference", "CI-7")];
    for item in ["tests", "restore"] {
        let item = format!("{list}/items/{item}");
        assert_eq!(proposer.post_form(&item, &pass).await.status, 303);
    }
    crate::checklists::sign(&proposer, &list).await;
    let page = proposer.get(&path).await;
    assert!(
        page.says("Everything is there: the deployment can begin."),
        "{}",
        page.text()
    );
    assert_eq!(step(&proposer, &path, "start", &[]).await, 303);
    let list = app.as_auditor().get("/releases").await;
    assert_eq!(list.heading(), "1 release is under way");
    assert_eq!(step(&proposer, &path, "verification", &[]).await, 303);
    assert_eq!(seen(&app, 29, "up", None), 0, "thirty seconds are waited");
    assert_eq!(step(&proposer, &path, "finish", &[]).await, 409);
    assert_eq!(seen(&app, 2, "up", None), 1);
    assert_eq!(
        step(&proposer, &path, "finish", &[("note", "All well")]).await,
        303
    );
    assert_eq!(release(&app, &path).state, State::Done);
    let page = proposer.get(&path).await;
    let told: Vec<String> = page
        .table("What happened, in order")
        .into_iter()
        .map(|row| row[1].clone())
        .collect();
    assert_eq!(told.len(), 9, "{told:?}");
    assert!(
        told[0].starts_with("drafted") && told[8].starts_with("finished"),
        "{told:?}"
    );
    assert_eq!(app.events_of("release.finished").len(), 1);
}

/// The database refuses each for its own reason, which is part of what it says.
fn refused_by_the_database(app: &TestApp, changes: &[(&str, &str)]) {
    let mut conn = app.db.connect_superuser();
    for (change, why) in changes {
        let refused = conn.batch_execute(change).unwrap_err().to_string();
        assert!(refused.contains(why), "{change}: {refused}");
    }
}

#[actix_web::test]
async fn whoever_proposes_or_deploys_does_not_approve() {
    let app = gated(false).await;
    let (proposer, approver, path) = drafted(&app).await;
    assert_eq!(step(&proposer, &path, "approval", &[]).await, 409);
    let own =
        "UPDATE release SET approved_by = proposed_by, approved_at = now(), approved_name = 'x'";
    refused_by_the_database(&app, &[(own, "\"release_four_eyes\"")]);
    let second = crate::checklists::second(&app);
    assert_eq!(step(&second, &path, "approval", &[]).await, 303);
    assert_eq!(step(&approver, &path, "approval", &[]).await, 409, "once");
    assert_eq!(step(&proposer, &path, "gates", &[]).await, 303);
    seen(&app, 1, "up", None);
    assert_eq!(
        step(&second, &path, "start", &[]).await,
        409,
        "the approver"
    );
    refused_by_the_database(
        &app,
        &[
            (
                "UPDATE release SET started_by = approved_by, started_at = now(), state = 'deploying'",
                "\"release_four_eyes\"",
            ),
            (
                "UPDATE release SET version_to = '3'",
                "a release keeps what was decided",
            ),
            (
                "UPDATE release SET approved_by = proposed_by",
                "a release keeps what was decided",
            ),
            (
                "UPDATE release_gate SET outcome = 'fail'",
                "what a gate answered never changes",
            ),
        ],
    );
    app.advance(TimeDelta::minutes(31));
    let proposer = app.as_operator();
    let old = proposer.post_form(&format!("{path}/start"), &[]).await;
    assert_eq!(old.status, 409);
    assert!(old.says("too long ago"), "{}", old.text());
}

#[actix_web::test]
async fn a_gate_that_failed_takes_a_second_person_and_a_reason() {
    let app = gated(false).await;
    let (proposer, approver, path) = drafted(&app).await;
    step(&approver, &path, "approval", &[]).await;
    step(&proposer, &path, "gates", &[]).await;
    // Called up still, though its last run failed: nobody knows before it has made up its mind.
    assert_eq!(seen(&app, 1, "up", Some("refused")), 0);
    assert_eq!(seen(&app, 60, "down", Some("refused")), 1);
    assert_eq!(asked(&app, &path)[0].outcome, Outcome::Fail);
    assert_eq!(step(&proposer, &path, "start", &[]).await, 409);
    let over = format!("{path}/gates/before/override");
    let reason = [("override", "The old one is broken; this release mends it.")];
    assert_eq!(
        proposer.post_form(&over, &reason).await.status,
        409,
        "they asked it"
    );
    let silent = approver.post_form(&over, &[("override", " ")]).await;
    assert_eq!(silent.status, 422);
    assert!(silent.says("Say why, for whoever looks at it later."));
    let long = "x".repeat(2_001);
    let long = approver.post_form(&over, &[("override", &long)]).await;
    assert_eq!(
        long.given(&over, "override").len(),
        2_001,
        "it is kept where it was typed"
    );
    let elsewhere = proposer.post_form(&over, &reason).await;
    assert_eq!(
        elsewhere.given(&format!("{path}/abandonment"), "why"),
        "",
        "and nowhere else"
    );
    assert_eq!(approver.post_form(&over, &reason).await.status, 303);
    assert_eq!(release(&app, &path).state, State::GatesPassed);
    assert_eq!(approver.post_form(&over, &reason).await.status, 409, "once");
    let page = proposer.get(&path).await;
    assert!(page.says("this release mends it"));
    assert_eq!(app.events_of("release.gate_overridden").len(), 1);
    assert_eq!(step(&proposer, &path, "start", &[]).await, 303);
}

/// One asks, one approves: whoever goes on over the gate is a third, and does not deploy.
#[actix_web::test]
async fn whoever_goes_on_over_a_gate_does_not_deploy() {
    let app = gated(false).await;
    let (proposer, approver, path) = drafted(&app).await;
    let (second, third) = (
        crate::checklists::second(&app),
        app.sign_in_as("third@test.example", "Third", &[Role::Operator]),
    );
    step(&approver, &path, "approval", &[]).await;
    step(&second, &path, "gates", &[]).await;
    let over = |by: &str| {
        format!(
            "UPDATE release_gate SET outcome = 'fail', settled_at = now(), seen_at = not_before, \
             overridden_by = {by}, overridden_at = now(), overridden_name = 'x', override_reason = 'x'"
        )
    };
    let early = "UPDATE release_gate SET outcome = 'pass', settled_at = now(), seen_at = not_before - interval '1 s'";
    refused_by_the_database(
        &app,
        &[
            (early, "\"release_gate_fresh\""),
            (&over("asked_by"), "\"release_gate_four_eyes\""),
            (
                &over("(SELECT proposed_by FROM release)"),
                "a gate is overridden by somebody else",
            ),
        ],
    );
    assert_eq!(seen(&app, 60, "down", Some("refused")), 1);
    let reason = [("override", "It is known.")];
    assert_eq!(
        step(&third, &path, "gates/before/override", &reason).await,
        303
    );
    let refused = third.post_form(&format!("{path}/start"), &[]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.says("does not deploy"), "{}", refused.text());
    refused_by_the_database(
        &app,
        &[(
            "UPDATE release SET started_at = now(), state = 'deploying', \
             started_by = (SELECT overridden_by FROM release_gate)",
            "whoever overrode a gate does not deploy",
        )],
    );
    assert_eq!(step(&proposer, &path, "start", &[]).await, 303);
    // From now on the one who deploys overrides nothing, whatever they did before.
    assert_eq!(step(&proposer, &path, "verification", &[]).await, 303);
    assert_eq!(seen(&app, 90, "down", Some("refused")), 1);
    let at = "gates/after/override";
    assert_eq!(step(&proposer, &path, at, &reason).await, 409);
    assert_eq!(step(&third, &path, at, &reason).await, 303);
}

#[actix_web::test]
async fn where_nothing_comes_to_be_read_nobody_knows() {
    let app = gated(false).await;
    probed(&app, "up", None);
    let (proposer, _, path) = drafted(&app).await;
    step(&proposer, &path, "gates", &[]).await;
    app.advance(TimeDelta::minutes(5));
    assert_eq!(sweep::tick(&app.services).unwrap(), 1);
    let gate = asked(&app, &path).remove(0);
    assert_eq!(gate.outcome, Outcome::Unknown);
    assert_eq!(release(&app, &path).state, State::Draft);
    step(&proposer, &path, "gates", &[]).await;
    assert_eq!(seen(&app, 1, "up", None), 1);
    assert_eq!(
        release(&app, &path).state,
        State::GatesPassed,
        "asked again"
    );
}

/// A list that says no lets nothing begin before somebody else has read it, and one that was objected to is started again.
#[actix_web::test]
async fn a_checklist_in_which_something_failed_is_looked_over_before_anything_begins() {
    let app = gated(true).await;
    let (proposer, _, path) = ready(&app).await;
    let second = crate::checklists::second(&app);
    let list = proposer.get(&path).await.link("Before the deployment");
    let go_through = async |list: &str, outcome: &str| {
        for item in ["tests", "restore"] {
            let fields = [
                ("outcome", outcome),
                ("note", "Seen by hand"),
                ("reference", "CI-7"),
            ];
            let item = format!("{list}/items/{item}");
            assert_eq!(proposer.post_form(&item, &fields).await.status, 303);
        }
        crate::checklists::sign(&proposer, list).await;
    };
    assert_eq!(
        step(&proposer, &path, "checklist", &[]).await,
        409,
        "it counts"
    );
    go_through(&list, "fail").await;
    let page = proposer.get(&path).await;
    assert!(
        page.says("Not everything in its checklist passed"),
        "{}",
        page.text()
    );
    let refused = proposer.post_form(&format!("{path}/start"), &[]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.says("somebody else has to look it over first"));
    let object = [("verdict", "object"), ("note", "Not like this")];
    assert_eq!(step(&second, &list, "review", &object).await, 303);
    assert_eq!(step(&proposer, &path, "start", &[]).await, 409);
    let page = proposer.get(&path).await;
    assert!(page.has_button("Start the checklist again"));
    assert_eq!(step(&proposer, &path, "checklist", &[]).await, 303);
    let again = proposer.get(&path).await.link("Before the deployment");
    assert_ne!(again, list);
    assert_eq!(app.events_of("release.checklist_started_again").len(), 1);
    go_through(&again, "not_applicable").await;
    assert_eq!(step(&proposer, &path, "start", &[]).await, 409);
    assert_eq!(
        step(&second, &again, "review", &[("verdict", "accept")]).await,
        303
    );
    assert_eq!(step(&proposer, &path, "start", &[]).await, 303);
    assert_eq!(
        step(&proposer, &path, "checklist", &[]).await,
        409,
        "it has begun"
    );

    let another = "UPDATE release SET checklist_run_id = NULL";
    refused_by_the_database(&app, &[(another, "a release keeps what was decided")]);
}

/// FC-13
#[actix_web::test]
async fn without_a_gate_somebody_says_that_the_earlier_version_is_back() {
    let app = gated(false).await;
    let gates = GATES
        .split("\n[[release_gate]]\nid = \"back\"")
        .next()
        .unwrap();
    let lists = pack().replace("on_demand = \"deployment\"", "on_demand = \"other\"");
    apply(&app, &format!("{lists}{gates}"));
    let (proposer, _, path) = ready(&app).await;
    step(&proposer, &path, "start", &[]).await;
    let back = |to| [("to", to), ("reason", "Answers are wrong")];
    assert_eq!(step(&proposer, &path, "rollback", &back("1.0")).await, 303);
    assert_eq!(release(&app, &path).state, State::GoingBack);
    let page = proposer.get(&path).await;
    assert!(page.says("then say that it is back"), "{}", page.text());
    assert_eq!(step(&proposer, &path, "rollback", &back("1.0")).await, 422);
    assert_eq!(step(&proposer, &path, "rollback", &back("0.9")).await, 303);
    assert_eq!(step(&proposer, &path, "finish", &[]).await, 303);
    let release = release(&app, &path);
    assert_eq!(release.state, State::RolledBack);
    assert_eq!(release.back_to.as_deref(), Some("0.9"));
    assert_eq!(app.events_of("release.put_back").len(), 1);
}

/// FC-13
#[actix_web::test]
async fn going_back_takes_one_person_and_is_verified() {
    let app = gated(false).await;
    let (proposer, _, path) = ready(&app).await;
    let back = [("to", "1.0"), ("reason", "Answers are wrong")];
    assert_eq!(
        step(&proposer, &path, "rollback", &back).await,
        409,
        "it has not begun"
    );
    step(&proposer, &path, "start", &[]).await;
    assert_eq!(
        step(&proposer, &path, "rollback", &[("to", "1.0")]).await,
        422
    );
    assert_eq!(
        step(
            &proposer,
            &path,
            "rollback",
            &[("to", "2.0"), ("reason", "x")]
        )
        .await,
        422
    );
    assert_eq!(step(&proposer, &path, "rollback", &back).await, 303);
    assert_eq!(seen(&app, 59, "up", None), 0, "sixty seconds are waited");
    assert_eq!(seen(&app, 2, "up", None), 1);
    let release = release(&app, &path);
    assert_eq!(release.state, State::RolledBack);
    assert_eq!(release.back_to.as_deref(), Some("1.0"));
    let page = proposer.get(&path).await;
    assert_eq!(page.definition("Why"), "Answers are wrong");
    assert_eq!(app.events_of("release.rolled_back").len(), 1);
}

#[actix_web::test]
async fn two_at_once_take_a_step_once_and_one_release_changes_a_platform() {
    let app = gated(false).await;
    let (proposer, approver, path) = ready(&app).await;
    let (a, b) = join(
        step(&proposer, &path, "start", &[]),
        step(&proposer, &path, "start", &[]),
    )
    .await;
    assert_eq!([a.min(b), a.max(b)], [303, 409]);
    assert_eq!(app.events_of("release.started").len(), 1);
    let other = draft(&proposer, "3.0").await.location().to_owned();
    step(&approver, &other, "approval", &[]).await;
    step(&proposer, &other, "gates", &[]).await;
    app.advance(TimeDelta::seconds(1));
    probed(&app, "up", None);
    let ticks = (0..3).map(|_| {
        let services = app.services.clone();
        tokio::task::spawn_blocking(move || sweep::tick(&services).unwrap())
    });
    join_all(ticks).await;
    let settled = app.events_of("release.gate_settled").len();
    assert_eq!(settled, 2, "each gate once, whoever looks");
    let busy = proposer.post_form(&format!("{other}/start"), &[]).await;
    assert_eq!(busy.status, 409);
    assert!(
        busy.says("Another release is changing this platform"),
        "{}",
        busy.text()
    );
    assert_eq!(
        step(&proposer, &other, "abandonment", &[("why", "Later")]).await,
        303
    );
}

#[actix_web::test]
async fn what_makes_no_sense_is_said_and_who_may_is_kept_to() {
    let app = gated(false).await;
    let operator = app.as_operator();
    let fields = |name: &'static str, value: &'static str| {
        let mut all = vec![
            ("platform", "demo"),
            ("from", "1.0"),
            ("to", "2.0"),
            ("what", "Faster"),
            ("planned", "2026-03-02T12:00"),
        ];
        all.retain(|(field, _)| *field != name);
        all.push((name, value));
        all
    };
    for (name, value, says) in [
        ("platform", "none", "Choose the platform"),
        ("from", " ", "Give the version."),
        ("to", "1.0", "This is the version before."),
        ("what", "", "Say what changes."),
        ("what", "a\u{8}b", "a character that cannot be seen"),
        ("planned", "soon", "Give a day and a time"),
    ] {
        let page = operator.post_form("/releases", &fields(name, value)).await;
        assert_eq!(page.status, 422, "{name}");
        assert!(page.says(says), "{name}: {}", page.text());
        if name != "what" {
            assert_eq!(page.field("What changes").value, "Faster");
        }
    }
    let evil = "<script>alert(1)</script>";
    let sent = operator.post_form("/releases", &fields("what", evil)).await;
    let path = sent.location().to_owned();
    let page = operator.get(&path).await;
    assert!(!page.body.contains(evil) && page.says(evil));
    for role in Role::ALL {
        let client = app.as_role(role);
        let may_read = role != Role::Reviewer;
        assert_eq!(client.get(&path).await.status == 200, may_read, "{role}");
        if role != Role::Operator {
            assert_eq!(step(&client, &path, "gates", &[]).await, 403, "{role}");
        }
        let approves = matches!(role, Role::Operator | Role::Administrator);
        let answer = step(
            &client,
            &path,
            "gates/before/override",
            &[("override", "x")],
        )
        .await;
        assert_eq!(answer == 403, !approves, "{role}: {answer}");
    }
    let elsewhere = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{elsewhere}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let stranger = app.as_limited("there@test.example", Role::Operator, Scope::one(elsewhere));
    assert_eq!(stranger.get(&path).await.status, 404);
    for at in ["gates", "approval", "start", "verification"] {
        assert_eq!(step(&stranger, &path, at, &[]).await, 404, "{at}");
    }
    let page = stranger
        .post_form("/releases", &fields("platform", "demo"))
        .await;
    assert_eq!(page.status, 422);
    assert!(!stranger.get("/releases").await.says("1.0 to 2.0"));
}
