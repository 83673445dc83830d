//! What packs said before, what is exported, and changes from the pages with a second person.

use std::process::Command;

use chrono::Duration;
use diesel::connection::SimpleConnection;
use futures_util::future::{join, join_all};
use signalbox::features::packs::actions;
use signalbox::features::packs::change::{Change, Kind};
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store::revisions::{self, Revision};
use signalbox::features::packs::store::{self, changes};
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::db;

use super::{SMALL, apply};
use crate::support::app::{TEST_KEY, TestApp};
use crate::support::page::Page;
use crate::support::personas::Client;

const COMMENTED: &str = "# Kept by operations.\n";

fn pack() -> String {
    format!("{COMMENTED}{SMALL}")
}

const MORE: &str = "\n# Why: asked for by the auditors.\n[[rule]]\nid = \"qos-low\"\nname = \"Quality is low\"\n\
                    on.indicator = \"ncc_qos\"\nblue = { below = 99.9 }\n";

/// The pack with one more rule: nothing is lowered by that.
fn more() -> String {
    format!("{}{MORE}", pack())
}

/// The pack with a looser threshold.
fn looser() -> String {
    pack().replace("red = { below = 98 }", "red = { below = 97 }")
}

async fn started() -> TestApp {
    let app = TestApp::start().await;
    apply(&app, &pack());
    app
}

fn second_admin(app: &TestApp) -> Client {
    let roles = &[Role::Administrator];
    app.sign_in_as(
        "second-admin@test.example",
        "Test second administrator",
        roles,
    )
}

fn in_force(app: &TestApp) -> Revision {
    app.services
        .db
        .read(|conn| {
            let platform = store::find(conn, "demo")?.unwrap();
            let applied = revisions::in_force(conn, platform.id)?.unwrap();
            Ok::<_, db::Error>(revisions::one(conn, platform.id, applied.revision)?.unwrap())
        })
        .unwrap()
}

fn proposals(app: &TestApp) -> Vec<Change> {
    let read = |conn: &mut _| {
        let platform = store::find(conn, "demo")?.unwrap();
        changes::last(conn, platform.id, 100)
    };
    app.services.db.read(read).unwrap()
}

/// The event of the application that became this revision.
fn applied_as(app: &TestApp, revision: i64) -> serde_json::Value {
    let events = app.events_of("pack.applied");
    let found = events
        .into_iter()
        .find(|event| event["details"]["revision"] == revision);
    found.unwrap()
}

async fn submit(client: &Client, source: &str, base: i64) -> Page {
    let base = base.to_string();
    let fields = [
        ("source", source),
        ("reason", "As was <b>agreed</b> on Monday"),
        ("base", base.as_str()),
    ];
    client.post_form("/packs/demo/change", &fields).await
}

async fn approve(client: &Client, change: &Change) -> Page {
    let path = format!("/packs/demo/changes/{}/approval", change.id);
    let digest = hex::encode(&change.digest);
    client
        .post_form(&path, &[("digest", digest.as_str())])
        .await
}

fn signalbox(app: &TestApp, arguments: &[&str]) -> (bool, Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", app.db.app_url.expose())
        .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY)
        .env("SIGNALBOX_DATA_DIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), output.stdout, said)
}

#[tokio::test]
async fn what_runs_is_exported_to_the_letter_and_applying_it_changes_nothing() {
    let app = started().await;
    assert_eq!(submit(&app.as_admin(), &more(), 1).await.status, 303);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demo.toml");
    let (good, _, said) = signalbox(&app, &["pack", "export", file.to_str().unwrap()]);
    assert!(good, "{said}");
    let exported = std::fs::read_to_string(&file).unwrap();
    assert_eq!(exported, more());
    let (good, output, _) = signalbox(&app, &["pack", "export", "-", "--platform", "demo"]);
    assert!(good && output == more().as_bytes());
    let (good, output, _) = signalbox(&app, &["pack", "diff", file.to_str().unwrap()]);
    let output = String::from_utf8(output).unwrap();
    assert!(good && output.contains("nothing would change"), "{output}");
    let outcome = apply(&app, &exported);
    assert_eq!(outcome.differences, []);
}

#[tokio::test]
async fn what_cannot_be_exported_is_told_with_what_to_do() {
    let app = started().await;
    let (good, _, said) = signalbox(&app, &["pack", "export", "other.toml"]);
    assert!(
        !good && said.contains("no pack has been applied to a platform \"other\""),
        "{said}"
    );
    let mut superuser = app.db.connect_superuser();
    superuser
        .batch_execute("DELETE FROM pack_revision")
        .unwrap();
    let (good, _, said) = signalbox(&app, &["pack", "export", "-", "--platform", "demo"]);
    assert!(!good && said.contains("apply its file once more"), "{said}");
    let admin = app.as_admin();
    let page = admin.get("/packs/demo").await;
    assert!(page.says("apply its file once more") && !page.body.contains("/packs/demo/change\""));
    assert_eq!(admin.get("/packs/demo/change").await.status, 409);
    apply(&app, &pack());
    assert!(signalbox(&app, &["pack", "export", "-", "--platform", "demo"]).0);
}

#[tokio::test]
async fn one_person_adds_and_makes_stricter() {
    let app = started().await;
    let admin = app.as_admin();
    // Browsers end lines their own way.
    let page = submit(&admin, &more().replace('\n', "\r\n"), 1).await;
    assert_eq!((page.status, page.location()), (303, "/packs/demo"));
    let revision = in_force(&app);
    assert_eq!(revision.source, more());
    assert_eq!((revision.revision, revision.through.as_str()), (2, "pages"));
    assert_eq!(revision.differences(), ["+ rule qos-low"]);
    let event = applied_as(&app, 2);
    assert_eq!(event["details"]["reason"], "As was <b>agreed</b> on Monday");
    let page = admin.get("/packs/demo").await;
    assert!(page.says("Demo runs on revision 2"), "{}", page.text());
    let said = "Applied just now by Test administrator, from the pages.";
    assert!(page.says(said), "{}", page.text());
    assert!(page.says("Test administrator, from the pages") && page.says("+ rule qos-low"));
    let page = admin.get("/packs/demo/revisions/2").await;
    assert!(
        page.says("+ # Why: asked for by the auditors.")
            && page.says("What it differs in from revision 1")
    );
    assert!(page.says("As was <b>agreed</b> on Monday") && !page.body.contains("<b>agreed"));
    let page = admin.get("/packs/demo/revisions/1?against=2").await;
    assert!(page.says("- # Why: asked for by the auditors."));
    assert_eq!(admin.get("/packs/demo/revisions/3").await.status, 404);
}

#[tokio::test]
async fn what_lowers_a_guard_waits_for_somebody_else() {
    let app = started().await;
    let (admin, second) = (app.as_admin(), second_admin(&app));
    let page = submit(&admin, &looser(), 1).await;
    let change = proposals(&app).remove(0);
    assert_eq!(
        page.location(),
        format!("/packs/demo/changes/{}", change.id)
    );
    assert_eq!(
        change.lowers,
        ["rule qos: red lights below 97 instead of 98"]
    );
    assert_eq!(in_force(&app).revision, 1);
    assert_eq!(app.events_of("pack.change_proposed").len(), 1);
    assert!(
        admin
            .get("/packs/demo")
            .await
            .says("a change waits for a second person")
    );
    // Nobody approves their own.
    let own = admin.get(page.location()).await;
    assert!(own.says("somebody else answers it") && !own.has_button("Apply it"));
    let refused = approve(&admin, &change).await;
    assert!(refused.status == 409 && refused.says("You proposed this change yourself"));
    let operator = app.as_operator();
    assert_eq!(approve(&operator, &change).await.status, 403);
    // The other sees what it is about.
    let shown = second.get(page.location()).await;
    for said in [
        "Test administrator",
        "As was <b>agreed</b> on Monday",
        "rule qos: red lights below 97 instead of 98",
        "~ rule qos: red",
        "- red = { below = 98 }",
        "+ red = { below = 97 }",
    ] {
        assert!(shown.says(said), "{said}: {}", shown.text());
    }
    assert!(second.get("/account/notices").await.says("pack of Demo"));
    let path = format!("{}/approval", page.location());
    let another = second.post_form(&path, &[("digest", "00")]).await;
    assert_eq!(another.status, 409);
    assert_eq!(approve(&second, &change).await.status, 303);
    let revision = in_force(&app);
    assert_eq!((revision.revision, revision.source), (2, looser()));
    assert_eq!(revision.change_id, Some(change.id.uuid()));
    let event = applied_as(&app, 2);
    assert_eq!(event["details"]["change"], change.id.to_string());
    assert_eq!(event["details"]["proposed_by"], admin.person.to_string());
    assert!(second.get(page.location()).await.says("as revision 2"));
    assert_eq!(approve(&second, &change).await.status, 409);
}

#[tokio::test]
async fn operators_propose_and_administrators_apply() {
    let app = started().await;
    let operator = app.as_operator();
    let page = operator
        .post_form("/packs/demo/trial", &[("source", &more()), ("base", "1")])
        .await;
    assert!(
        page.status == 200 && page.says("An administrator applies it"),
        "{}",
        page.text()
    );
    assert_eq!(submit(&operator, &more(), 1).await.status, 303);
    let change = proposals(&app).remove(0);
    assert!(change.lowers.is_empty());
    assert_eq!(approve(&app.as_admin(), &change).await.status, 303);
    assert_eq!(in_force(&app).source, more());
    for client in [app.as_auditor(), app.as_reviewer()] {
        assert_eq!(submit(&client, &looser(), 2).await.status, 403);
    }
}

#[tokio::test]
async fn trying_says_what_it_would_do_and_writes_nothing() {
    let app = started().await;
    let admin = app.as_admin();
    let events = app.events().len();
    let page = admin
        .post_form("/packs/demo/trial", &[("source", &more()), ("base", "1")])
        .await;
    assert!(
        page.status == 200 && page.says("You can apply it alone") && page.says("+ rule qos-low")
    );
    let page = admin
        .post_form("/packs/demo/trial", &[("source", &looser()), ("base", "1")])
        .await;
    assert!(
        page.says("It takes a second person") && page.says("red lights below 97 instead of 98")
    );
    assert_eq!(app.events().len(), events);
    assert!(proposals(&app).is_empty() && in_force(&app).revision == 1);
}

/// What `packs/change.html` sends with the button that takes a file.
async fn take(client: &Client, fields: &[(&str, &str)], text: &str) -> Page {
    let to = "/packs/demo/change/file";
    client.upload(to, fields, &[("file", text)]).await
}

#[tokio::test]
async fn a_file_is_looked_at_before_anything_is_done() {
    let app = started().await;
    let operator = app.as_operator();
    let typed = [("source", "typed"), ("reason", "Because"), ("base", "1")];
    let before = app.events().len();
    // As an editor of another system writes it.
    let text = format!("\u{feff}{}", more().replace('\n', "\r\n"));
    let page = take(&operator, &typed, &text).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let form = "/packs/demo/change";
    let given = page.given(form, "source").replace("\r\n", "\n");
    assert_eq!(given.trim(), more().trim());
    assert_eq!(page.given(form, "reason"), "Because");
    assert_eq!(page.given(form, "base"), "1");
    assert!(page.says("+ rule qos-low"), "{}", page.text());
    // What cannot be read is named, and comes into the field to be mended.
    let page = take(&operator, &typed, "not [a pack").await;
    assert_eq!(page.status, 422);
    assert_eq!(page.given(form, "source"), "not [a pack");
    // What is no text leaves what was typed.
    let long = "#".repeat(128 * 1024 + 1);
    // Short enough as a file, and too long as a form.
    let marks = "\u{e9}".repeat(60 * 1024);
    let lines = "#\n".repeat(60 * 1024);
    for (text, says) in [
        ("", "Choose a file"),
        (long.as_str(), "at most 128 kB"),
        (marks.as_str(), "too long to be sent from the form"),
        (lines.as_str(), "too long to be sent from the form"),
    ] {
        let page = take(&operator, &typed, text).await;
        assert_eq!(page.status, 422);
        assert!(page.says(says), "{}", page.text());
        assert_eq!(page.given(form, "source"), "typed");
        assert_eq!(page.given(form, "reason"), "Because");
    }
    // Whoever chose a file and sends the form without taking it is told.
    for to in [form, "/packs/demo/trial"] {
        let mine = more();
        let with = [
            ("source", mine.as_str()),
            ("base", "1"),
            ("file", "new.toml"),
        ];
        let page = operator.post_form(to, &with).await;
        assert_eq!(page.status, 422, "{to}");
        assert!(page.says("The text of new.toml was not taken yet"));
    }
    assert_eq!(app.events().len(), before, "nothing was written");
    let refused = take(&app.as_auditor(), &typed, &more()).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_typed_is_lost() {
    let app = started().await;
    let admin = app.as_admin();
    let other = pack().replace("id = \"demo\"", "id = \"other\"");
    let broken = pack().replace("name = \"API\"", "name = ");
    let linted = pack().replace("runbook = \"mend\"", "runbook = \"none\"");
    for (source, base, reason, says) in [
        (pack(), "1", "why", "to the letter"),
        (other, "1", "why", "This is the pack of other"),
        (broken, "1", "why", "line 10"),
        (linted, "1", "why", "unknown-reference"),
        (more(), "1", " ", "Say why"),
        (
            more(),
            "7",
            "why",
            "Revision 1 has been applied since you began",
        ),
        (
            more(),
            "x",
            "why",
            "Revision 1 has been applied since you began",
        ),
    ] {
        let fields = [
            ("source", source.as_str()),
            ("reason", reason),
            ("base", base),
        ];
        let page = admin.post_form("/packs/demo/change", &fields).await;
        assert!(
            page.status == 422 && page.says(says),
            "{says}: {}",
            page.text()
        );
        assert_eq!(page.field("The pack").value.trim(), source.trim());
    }
    let long = "x".repeat(1_001);
    let fields = [
        ("source", more()),
        ("reason", long),
        ("base", "1".to_owned()),
    ];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        admin.post_form("/packs/demo/change", &fields).await.status,
        422
    );
    assert_eq!(in_force(&app).revision, 1);
    for path in [
        "/packs/other",
        "/packs/other/change",
        "/packs/other/revisions/1",
    ] {
        assert_eq!(admin.get(path).await.status, 404);
    }
}

#[tokio::test]
async fn a_change_that_was_overtaken_is_told_and_leads_to_a_new_one() {
    let app = started().await;
    let (admin, second) = (app.as_admin(), second_admin(&app));
    submit(&admin, &looser(), 1).await;
    let change = proposals(&app).remove(0);
    assert_eq!(submit(&second, &more(), 1).await.location(), "/packs/demo");
    let refused = approve(&second, &change).await;
    assert!(
        refused.status == 409 && refused.says("it would undo that one"),
        "{}",
        refused.text()
    );
    assert_eq!(in_force(&app).source, more());
    let at = format!("/packs/demo/changes/{}", change.id);
    let page = second.get(&at).await;
    assert!(page.says("Overtaken by another revision") && !page.has_button("Apply it"));
    let anew = page.link("Begin anew from its text");
    let form = second.get(&anew).await;
    assert_eq!(form.field("The pack").value.trim(), looser().trim());
    assert!(form.body.contains("name=\"base\" value=\"2\""));
}

#[tokio::test]
async fn a_change_is_rejected_with_a_reason_or_taken_back() {
    let app = started().await;
    let (admin, second) = (app.as_admin(), second_admin(&app));
    submit(&admin, &looser(), 1).await;
    let change = proposals(&app).remove(0);
    let at = format!("/packs/demo/changes/{}", change.id);
    let reject = |reason: &'static str| {
        let (second, at) = (second.clone(), at.clone());
        async move {
            second
                .post_form(&format!("{at}/rejection"), &[("reason", reason)])
                .await
        }
    };
    let page = reject("  ").await;
    assert!(page.status == 422 && page.says("Say why"));
    let own = [("reason", "No")];
    assert_eq!(
        admin
            .post_form(&format!("{at}/rejection"), &own)
            .await
            .status,
        409
    );
    assert_eq!(
        second
            .post_form(&format!("{at}/withdrawal"), &[])
            .await
            .status,
        409
    );
    assert_eq!(reject("98 is what the NCC asks for").await.status, 303);
    assert!(admin.get(&at).await.says("98 is what the NCC asks for"));
    assert_eq!(app.events_of("pack.change_rejected").len(), 1);
    assert_eq!(
        admin
            .post_form(&format!("{at}/withdrawal"), &[])
            .await
            .status,
        409
    );

    submit(&admin, &looser(), 1).await;
    let change = proposals(&app).remove(0);
    let path = format!("/packs/demo/changes/{}/withdrawal", change.id);
    assert_eq!(admin.post_form(&path, &[]).await.status, 303);
    assert_eq!(app.events_of("pack.change_withdrawn").len(), 1);
    let answers: Vec<_> = proposals(&app)
        .into_iter()
        .filter_map(|it| it.answer)
        .collect();
    let kinds: Vec<_> = answers.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::Withdrawn, Kind::Rejected]);
    assert_eq!(in_force(&app).revision, 1);
}

#[tokio::test]
async fn two_who_approve_at_once_apply_it_once() {
    let app = started().await;
    submit(&app.as_admin(), &looser(), 1).await;
    let change = proposals(&app).remove(0);
    let roles = &[Role::Administrator];
    let others: Vec<Client> = (0..6)
        .map(|n| app.sign_in_as(&format!("admin-{n}@test.example"), "Another", roles))
        .collect();
    let answers = join_all(others.iter().map(|other| approve(other, &change))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|page| page.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409, 409, 409, 409, 409]);
    assert_eq!(in_force(&app).revision, 2);
}

#[tokio::test]
async fn an_approval_and_another_revision_at_once_leave_one_of_them() {
    let app = started().await;
    for round in 0..4 {
        let base = in_force(&app).revision;
        let now = in_force(&app).source;
        let (from, to) = if now.contains("below = 97") {
            (97, 96 - round)
        } else {
            (98, 97)
        };
        let loose = now.replace(&format!("below = {from} "), &format!("below = {to} "));
        let added = format!(
            "{now}\n{}",
            MORE.replace("qos-low", &format!("low-{round}"))
        );
        submit(&app.as_admin(), &loose, base).await;
        let change = proposals(&app).remove(0);
        let (second, third) = (second_admin(&app), app.as_admin());
        let (approved, applied) =
            join(approve(&second, &change), submit(&third, &added, base)).await;
        let won = (approved.status == 303, applied.status == 303);
        assert!(
            won.0 != won.1,
            "{won:?}: {} {}",
            approved.text(),
            applied.text()
        );
        assert_eq!(in_force(&app).revision, base + 1);
        let source = if won.0 { &loose } else { &added };
        assert_eq!(&in_force(&app).source, source);
    }
}

/// What the program holds to, the database holds to as well.
#[tokio::test]
async fn the_database_lets_nobody_lower_a_guard_alone() {
    let app = started().await;
    let admin = app.as_admin();
    submit(&admin, &looser(), 1).await;
    let change = proposals(&app).remove(0);
    let mut superuser = app.db.connect_superuser();
    let mut refused = |statement: String, by: &str| {
        let error = superuser.batch_execute(&statement).unwrap_err().to_string();
        assert!(error.contains(by), "{statement}: {error}");
    };
    let person = admin.person;
    refused(
        format!(
            "UPDATE pack_change SET answer = 'applied', answered_at = now(), answered_by = '{person}', \
             answered_name = 'x', revision = 2 WHERE id = '{}'",
            change.id
        ),
        "pack_change_four_eyes",
    );
    refused(
        "INSERT INTO pack_revision SELECT platform_id, 9, version, source, digest, parameters, accepted, differences, \
         '[\"a guard\"]', applied_at, applied_by, applied_name, 'pages', 'why', NULL FROM pack_revision"
            .to_owned(),
        "pack_revision_second",
    );
    refused(
        "UPDATE pack_revision SET source = 'another'".to_owned(),
        "pack_revision_digest",
    );
    let at = format!("/packs/demo/changes/{}/withdrawal", change.id);
    assert_eq!(admin.post_form(&at, &[]).await.status, 303);
    refused(
        "UPDATE pack_change SET answer_reason = 'later'".to_owned(),
        "a change is answered once",
    );
}

#[tokio::test]
async fn what_was_given_holds_and_what_is_new_takes_its_default() {
    let app = TestApp::start().await;
    let given: Given = [("API_URL", "http://given:1")].into_iter().collect();
    let actor = Actor::command_line("tester");
    actions::apply(&app.services, &actor, &pack(), &given).unwrap();
    let changed = more().replace(
        "name = \"API\"",
        "name = \"API\"\nabout = \"${A_NAME_THAT_NOBODY_GAVE:-by default}\"",
    );
    assert_eq!(submit(&app.as_admin(), &changed, 1).await.status, 303);
    let revision = in_force(&app);
    let parameters = revision.parameters();
    assert_eq!(parameters["API_URL"].as_deref(), Some("http://given:1"));
    assert_eq!(parameters["A_NAME_THAT_NOBODY_GAVE"], None);
    let specs = app.services.db.read(|conn| {
        let platform = store::find(conn, "demo")?.unwrap();
        store::in_force(conn, platform.id)
    });
    let specs = specs.unwrap();
    let probe = &specs[&("probe".to_owned(), "api-health".to_owned())];
    assert_eq!(probe["check"]["http"]["url"], "http://given:1/health");
    let service = &specs[&("service".to_owned(), "api".to_owned())];
    assert_eq!(service["about"], "by default");
}

#[tokio::test]
async fn a_change_takes_a_fresh_proof() {
    let app = started().await;
    let admin = app.as_admin();
    app.advance(Duration::minutes(11));
    let page = submit(&admin, &looser(), 1).await;
    assert_eq!(page.status, 403, "{}", page.text());
    assert!(proposals(&app).is_empty());
}
