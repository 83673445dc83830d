//! The form of a rule: tried out, proposed, applied by one or two, and kept where it cannot be.

use signalbox::features::packs::change::Change;
use signalbox::features::packs::store::revisions::{self, Revision};
use signalbox::features::packs::store::{self as packs, changes};
use signalbox::foundation::auth::Role;
use signalbox::foundation::db;

use super::{pack, path, rule_id, started, twenty_days};
use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

/// The rule on quality as its form shows it.
const QOS: [(&str, &str); 10] = [
    ("base", "1"),
    ("name", "Quality is in breach"),
    ("on.indicator", "ncc_qos"),
    ("red.side", "below"),
    ("red.at", "98"),
    ("yellow.side", "below"),
    ("yellow.at", "99"),
    ("runbook", "mend"),
    ("owner", "compliance"),
    ("reason", "As was <b>agreed</b> on Monday"),
];

/// The same with something else in some of its fields.
fn typed<'f>(other: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let kept = QOS.into_iter();
    let kept = kept.filter(|(name, _)| other.iter().all(|(it, _)| it != name));
    kept.chain(other.iter().copied()).collect()
}

fn in_force(app: &TestApp) -> Revision {
    let read = |conn: &mut db::Conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        revisions::last(conn, platform.id, 1)
    };
    app.services.db.read(read).unwrap().remove(0)
}

fn proposals(app: &TestApp) -> Vec<Change> {
    let read = |conn: &mut db::Conn| {
        let platform = packs::find(conn, "demo")?.unwrap();
        changes::last(conn, platform.id, 100)
    };
    app.services.db.read(read).unwrap()
}

async fn approve(app: &TestApp, change: &Change) -> Page {
    let roles = &[Role::Administrator];
    let second = app.sign_in_as(
        "second-admin@test.example",
        "Test second administrator",
        roles,
    );
    let path = format!("/packs/demo/changes/{}/approval", change.id);
    let digest = hex::encode(&change.digest);
    second
        .post_form(&path, &[("digest", digest.as_str())])
        .await
}

async fn submit(client: &Client, path: &str, other: &[(&str, &str)]) -> Page {
    client
        .post_form(&format!("{path}/change"), &typed(other))
        .await
}

#[tokio::test]
async fn old_and_new_are_tried_out_beside_each_other_and_nothing_is_written() {
    let app = started().await;
    twenty_days(&app);
    let operator = app.as_operator();
    let path = path(&app, "qos");
    let form = operator.get(&format!("{path}/change")).await;
    assert_eq!(form.heading(), "Change the rule: Quality is in breach");
    let shown = |name: &str| form.given(&format!("{path}/change"), name);
    assert_eq!(
        (shown("red.at"), shown("owner"), shown("base")),
        ("98".into(), "compliance".into(), "1".into())
    );
    let fields = typed(&[("red.at", "96"), ("yellow.at", "96.5")]);
    let page = operator.post_form(&format!("{path}/trial"), &fields).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.says("As it is Would have fired 14 times"),
        "{}",
        page.text()
    );
    assert!(
        page.says("As you would have it Would have fired 3 times"),
        "{}",
        page.text()
    );
    assert!(page.says("It takes a second person"), "{}", page.text());
    assert!(page.says("rule qos: red lights below 96 instead of 98"));
    assert_eq!(page.given(&format!("{path}/change"), "red.at"), "96");
    assert_eq!(in_force(&app).revision, 1);
    assert!(proposals(&app).is_empty());
}

#[tokio::test]
async fn one_person_makes_it_stricter_and_the_rest_of_the_pack_stays_as_it_is() {
    let app = started().await;
    let admin = app.as_admin();
    let path = path(&app, "qos");
    let page = submit(&admin, &path, &[("red.at", "98.5"), ("red.for", "")]).await;
    assert_eq!(
        (page.status, page.location()),
        (303, "/packs/demo"),
        "{}",
        page.text()
    );
    let now = in_force(&app);
    let wanted = pack().replacen("red = { below = 98 }", "red = { below = 98.5 }", 1);
    assert_eq!(now.source, wanted);
    assert_eq!(now.differences(), ["~ rule qos: red"]);
    assert_eq!(
        now.reason.as_deref(),
        Some("As was <b>agreed</b> on Monday")
    );
    let page = admin.get(&path).await;
    let versions = page.table("Revisions of the pack that changed it, the newest first");
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert_eq!(versions[0][..2], ["2", "changed"]);
    assert_eq!(versions[1][..2], ["1", "came"]);
    assert!(
        versions[0][4].contains("+ red = { below = 98.5 }"),
        "{versions:?}"
    );
    assert!(page.says("Test administrator, from the pages"));
    assert!(page.says("As was <b>agreed</b> on Monday") && !page.body.contains("<b>agreed"));
    // The other rules have no new version.
    let other = admin.get(&super::path(&app, "disk")).await;
    let versions = other.table("Revisions of the pack that changed it, the newest first");
    assert_eq!(versions.len(), 1);
}

#[tokio::test]
async fn what_lowers_a_guard_waits_for_somebody_else() {
    let app = started().await;
    let path = path(&app, "qos");
    let page = submit(
        &app.as_admin(),
        &path,
        &[("red.at", "97"), ("red.clear", "97.5")],
    )
    .await;
    let change = proposals(&app).remove(0);
    assert_eq!(
        page.location(),
        format!("/packs/demo/changes/{}", change.id)
    );
    assert_eq!(in_force(&app).revision, 1);
    assert_eq!(approve(&app, &change).await.status, 303);
    let now = in_force(&app).source;
    assert!(now.contains("red = { below = 97, clear = 97.5 }"), "{now}");
    assert!(
        app.as_operator()
            .get(&path)
            .await
            .says("below 97 %; goes off again at 97.5 %")
    );
}

#[tokio::test]
async fn an_operator_proposes_even_what_is_stricter() {
    let app = started().await;
    let page = submit(
        &app.as_operator(),
        &path(&app, "qos"),
        &[("red.at", "98.5")],
    )
    .await;
    let change = proposals(&app).remove(0);
    assert_eq!(
        page.location(),
        format!("/packs/demo/changes/{}", change.id)
    );
    assert!(change.lowers.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_what_was_typed_stays() {
    let app = started().await;
    let admin = app.as_admin();
    let path = path(&app, "qos");
    let wrong = [
        ("red.at", "ninety"),
        ("red.for", "5 minutes"),
        ("owner", "the \"night\" shift"),
    ];
    for end in ["change", "trial"] {
        let page = admin
            .post_form(&format!("{path}/{end}"), &typed(&wrong))
            .await;
        assert_eq!(page.status, 422);
        assert!(page.says("2 things need another look"), "{}", page.text());
        assert!(
            page.says("write a number, 90%, 5m or 1GB"),
            "{}",
            page.text()
        );
        let given = |name: &str| page.given(&format!("{path}/change"), name);
        assert_eq!(given("red.for"), "5 minutes");
        assert_eq!(given("owner"), "the \"night\" shift");
    }
    // What the linter has against it, in its words.
    let page = submit(&admin, &path, &[("yellow.at", "97")]).await;
    assert_eq!(page.status, 422);
    assert!(page.says("levels-out-of-order"), "{}", page.text());
    let page = submit(&admin, &path, &[]).await;
    assert!(
        page.says("This is what is in force: nothing was changed."),
        "{}",
        page.text()
    );
    let page = submit(&admin, &path, &[("red.at", "98.5"), ("reason", " ")]).await;
    assert!(
        page.status == 422 && page.says("Say why"),
        "{}",
        page.text()
    );
    assert_eq!(in_force(&app).revision, 1);
}

#[tokio::test]
async fn whoever_began_over_an_older_text_is_told_and_undoes_nothing() {
    let app = started().await;
    let admin = app.as_admin();
    let path = path(&app, "qos");
    let meanwhile = pack().replacen("# Kept by operations.", "# Kept by the night shift.", 1);
    apply(&app, &meanwhile);
    let page = submit(&admin, &path, &[("red.at", "98.5")]).await;
    assert_eq!(page.status, 422);
    assert!(
        page.says("Revision 2 of the pack has been applied since you began"),
        "{}",
        page.text()
    );
    let given = |name: &str| page.given(&format!("{path}/change"), name);
    assert_eq!(
        (given("red.at"), given("base")),
        ("98.5".to_owned(), "2".to_owned())
    );
    let page = submit(&admin, &path, &[("red.at", "98.5"), ("base", "2")]).await;
    assert_eq!(page.status, 303);
    let now = in_force(&app).source;
    assert!(now.starts_with("# Kept by the night shift.") && now.contains("below = 98.5"));
}

/// Two people change the same rule, each something else of it.
#[tokio::test]
async fn what_two_people_change_of_one_rule_is_not_lost() {
    let app = started().await;
    let admin = app.as_admin();
    let path = path(&app, "qos");
    let page = submit(&admin, &path, &[("owner", "the night shift")]).await;
    assert_eq!(page.status, 303, "{}", page.text());
    // The other began before that.
    let page = submit(&admin, &path, &[("red.at", "98.5")]).await;
    assert_eq!(page.status, 422);
    assert!(
        page.says("Taken from it, because you had not touched it: Owner."),
        "{}",
        page.text()
    );
    let given = |name: &str| page.given(&format!("{path}/change"), name);
    let (owner, at, base) = (given("owner"), given("red.at"), given("base"));
    assert_eq!(
        (owner.as_str(), at.as_str(), base.as_str()),
        ("the night shift", "98.5", "2")
    );
    let again = [
        ("owner", owner.as_str()),
        ("red.at", at.as_str()),
        ("base", base.as_str()),
    ];
    let page = submit(&admin, &path, &again).await;
    assert_eq!(page.status, 303, "{}", page.text());
    let now = in_force(&app).source;
    assert!(
        now.contains("owner = \"the night shift\"") && now.contains("red = { below = 98.5 }"),
        "{now}"
    );
    // What both changed is said, and what was typed stays.
    let page = submit(&admin, &path, &[("red.at", "98.7"), ("base", "2")]).await;
    assert_eq!(page.status, 422);
    let said =
        "Red lights at: somebody else made it \"98.5\". You typed \"98.7\", which goes over that.";
    assert!(page.says(said), "{}", page.text());
    assert_eq!(page.given(&format!("{path}/change"), "red.at"), "98.7");
}

#[tokio::test]
async fn where_too_many_wait_the_form_stays_as_it_was_typed() {
    let app = started().await;
    let (operator, path) = (app.as_operator(), path(&app, "qos"));
    for number in 0..changes::OPEN_AT_MOST {
        let owner = format!("shift {number}");
        let page = submit(&operator, &path, &[("owner", &owner)]).await;
        assert_eq!(page.status, 303, "{}", page.text());
    }
    let page = submit(&operator, &path, &[("owner", "one too many")]).await;
    assert_eq!(page.status, 422, "{}", page.text());
    assert!(page.says("20 changes wait for an answer already"));
    assert_eq!(
        page.given(&format!("{path}/change"), "owner"),
        "one too many"
    );
}

/// Somebody else took it out while it was being changed.
#[tokio::test]
async fn what_was_typed_into_a_rule_that_is_gone_is_kept_as_a_new_one() {
    let app = started().await;
    let admin = app.as_admin();
    let path = path(&app, "disk");
    apply(&app, SMALL);
    let fields = [
        ("base", "1"),
        ("name", "The disk is nearly full"),
        ("on.measure.probe", "host"),
        ("on.measure.name", "disk"),
        ("red.side", "above"),
        ("red.at", "85%"),
        ("runbook", "mend"),
        ("reason", "As agreed"),
    ];
    for end in ["trial", "change"] {
        let page = admin.post_form(&format!("{path}/{end}"), &fields).await;
        assert_eq!(page.status, 422, "{}", page.text());
        assert!(
            page.says("Revision 2 of the pack has taken this rule out, and nothing was changed."),
            "{}",
            page.text()
        );
        let given = |name: &str| page.given("/packs/demo/rules", name);
        assert_eq!(
            [
                given("id"),
                given("name"),
                given("red.at"),
                given("reason"),
                given("base")
            ],
            ["disk", "The disk is nearly full", "85%", "As agreed", "2"]
        );
        assert!(page.has_field("Figure"), "{}", page.text());
    }
    assert_eq!(in_force(&app).source, SMALL);
    // What it reads is gone with it here, and comes back first.
    let probe = "\n[[probe]]\nid = \"host\"\nservice = \"api\"\ncheck.host = { disk = \"/\" }\n";
    apply(&app, &format!("{SMALL}{probe}"));
    let again = [
        &fields[1..],
        &[("base", "3"), ("kind", "measure"), ("id", "disk")],
    ]
    .concat();
    let page = admin.post_form("/packs/demo/rules", &again).await;
    assert_eq!(page.status, 303, "{}", page.text());
    assert_eq!(
        in_force(&app).differences(),
        ["+ rule disk (back in force)"]
    );
}

#[tokio::test]
async fn the_enter_key_tries_a_new_rule() {
    let app = started().await;
    let page = app.as_admin().get("/packs/demo/rules/new").await;
    let form = "form[action=\"/packs/demo/rules\"]";
    let buttons = page.texts(&format!("{form} button"));
    assert_eq!(buttons[..2], ["Try it", "Show its fields"]);
    let trial = format!("{form} button[formaction=\"/packs/demo/rules/trial\"]:not([name])");
    assert_eq!(page.texts(&trial), ["Try it", "Try it"]);
}

#[tokio::test]
async fn the_fields_of_another_kind_are_shown_and_what_was_typed_stays() {
    let app = started().await;
    let admin = app.as_admin();
    let fields = [
        ("base", "1"),
        ("kind", "measure"),
        ("show", "fields"),
        ("id", "host-busy"),
        ("name", "The host is busy"),
        ("reason", "Asked for by the auditors"),
    ];
    let page = admin.post_form("/packs/demo/rules/trial", &fields).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.has_field("Figure"), "{}", page.text());
    let given = |name: &str| page.given("/packs/demo/rules", name);
    assert_eq!(
        [given("id"), given("name"), given("reason")],
        ["host-busy", "The host is busy", "Asked for by the auditors"]
    );
}

#[tokio::test]
async fn a_new_rule_comes_into_the_pack_and_is_tried_before() {
    let app = started().await;
    twenty_days(&app);
    let admin = app.as_admin();
    let form = admin.get("/packs/demo/rules/new?kind=indicator").await;
    assert_eq!(form.heading(), "A new rule of Demo");
    assert!(form.has_field("Indicator") && form.has_field("Name in the pack"));
    let fields = [
        ("base", "1"),
        ("kind", "indicator"),
        ("id", "qos-low"),
        ("name", "Quality is low"),
        ("on.indicator", "ncc_qos"),
        ("blue.side", "below"),
        ("blue.at", "96"),
        ("reason", "Asked for by the auditors"),
    ];
    let page = admin.post_form("/packs/demo/rules/trial", &fields).await;
    assert!(
        page.says("As you would have it Would have fired 3 times"),
        "{}",
        page.text()
    );
    assert!(page.says("You can apply it alone"), "{}", page.text());
    assert_eq!(in_force(&app).revision, 1);
    let page = admin.post_form("/packs/demo/rules", &fields).await;
    assert_eq!(
        (page.status, page.location()),
        (303, "/packs/demo"),
        "{}",
        page.text()
    );
    let now = in_force(&app);
    assert_eq!(now.differences(), ["+ rule qos-low"]);
    assert!(now.source.contains("id = \"qos-low\"\nname = \"Quality is low\"\non.indicator = \"ncc_qos\"\nblue = { below = 96 }"));
    rule_id(&app, "qos-low");
    let again = [&fields[1..], &[("base", "2")]].concat();
    let page = admin.post_form("/packs/demo/rules", &again).await;
    assert!(
        page.status == 422 && page.says("There is a rule of this name already"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_rule_is_taken_out_by_two() {
    let app = started().await;
    let (admin, path) = (app.as_admin(), path(&app, "disk"));
    let page = admin.get(&format!("{path}/removal")).await;
    assert!(
        page.says("rule disk: it is taken out of force"),
        "{}",
        page.text()
    );
    let removal = format!("{path}/removal");
    let stale = [("base", "0"), ("reason", "The host is gone")];
    let page = admin.post_form(&removal, &stale).await;
    let said =
        "Revision 1 of the pack has been applied since you began: look at what this would do now";
    assert!(page.status == 422 && page.says(said), "{}", page.text());
    let page = admin.post_form(&removal, &[("base", "1")]).await;
    assert!(
        page.status == 422 && page.says("Say why"),
        "{}",
        page.text()
    );
    let page = admin
        .post_form(&removal, &[("base", "1"), ("reason", "The host is gone")])
        .await;
    let change = proposals(&app).remove(0);
    assert_eq!(
        page.location(),
        format!("/packs/demo/changes/{}", change.id)
    );
    assert!(change.source.contains("# Kept by operations.") && !change.source.contains("FC-4"));
    assert_eq!(approve(&app, &change).await.status, 303);
    let page = admin.get(&path).await;
    assert!(page.says("Not in force any more") && !page.body.contains("/change\""));
    let versions = page.table("Revisions of the pack that changed it, the newest first");
    assert_eq!(versions[0][1], "taken out");
    assert_eq!(admin.get(&format!("{path}/change")).await.status, 404);
    assert!(admin.get("/rules").await.heading().starts_with("3 rules"));
}
