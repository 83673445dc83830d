//! Alertmanager's API: what other programs hand in, list and silence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use reqwest::Method;
use serde_json::{Value, json};
use signalbox::features::packs::store as packs;
use signalbox::foundation::auth::keys::KeyScope::{AlertsRead, AlertsSilence, AlertsWrite};
use signalbox::foundation::auth::keys::NewKey;
use signalbox::foundation::kernel::{Level, Scope};

use super::{awake, open, report, tick, watched};
use crate::support::app::TestApp;
use crate::support::keys::{Program, new_key};
use crate::support::page::Page;

/// A program for the one platform of the small pack.
fn program(app: &TestApp) -> Program {
    let platforms = app.services.db.read(packs::platforms).unwrap();
    let demo = platforms.iter().find(|it| it.slug == "demo").unwrap();
    let key = app.make_key(NewKey {
        reach: Scope::one(demo.id),
        ..new_key(&[AlertsRead, AlertsWrite, AlertsSilence])
    });
    app.program_with(key.text.expose())
}

fn alert(app: &TestApp, name: &str, severity: &str, ends_in: i64) -> Value {
    json!({
        "labels": {"alertname": name, "severity": severity, "instance": "a:9100"},
        "annotations": {"summary": "<script>alert(1)</script> is slow"},
        "startsAt": app.now().to_rfc3339(),
        "endsAt": (app.now() + TimeDelta::seconds(ends_in)).to_rfc3339(),
        "generatorURL": "http://prometheus:9090/graph",
    })
}

async fn post(program: &Program, alerts: &[Value]) -> Page {
    program
        .post("/api/v2/alerts", &json!(alerts).to_string())
        .await
}

async fn listed(program: &Program, query: &str) -> Vec<Value> {
    let answer = program.get(&format!("/api/v2/alerts{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_handed_in_is_lit_goes_on_and_goes_out() {
    let app = watched().await;
    let program = program(&app);
    assert_eq!(
        post(&program, &[alert(&app, "Slow", "critical", 90)])
            .await
            .status,
        200
    );
    let lit = open(&app);
    assert_eq!(
        (lit.len(), lit[0].level, lit[0].rule),
        (1, Level::Red, None)
    );
    let page = app
        .as_operator()
        .get(&format!("/alerts/{}", lit[0].id))
        .await;
    assert!(
        page.says("<script>alert(1)</script> is slow"),
        "as it came, and harmless"
    );
    assert_eq!(page.definition("instance"), "a:9100");
    assert_eq!(
        app.as_operator().get("/").await.heading(),
        "1 alert needs attention"
    );

    awake(&app, 1);
    post(&program, &[alert(&app, "Slow", "critical", 90)]).await;
    awake(&app, 1);
    assert_eq!(
        open(&app).iter().filter(|it| it.firing).count(),
        1,
        "it was sent again"
    );
    awake(&app, 1);
    assert!(
        open(&app).iter().all(|it| !it.firing),
        "and then it was not"
    );
    assert!(
        app.as_operator()
            .get(&format!("/alerts/{}", lit[0].id))
            .await
            .says("has not sent it again")
    );

    // What comes and goes more often is held lit.
    awake(&app, 30);
    post(&program, &[alert(&app, "Slow", "critical", 60)]).await;
    assert_eq!(
        open(&app)[0].id,
        lit[0].id,
        "a red one that nobody saw is the same one again"
    );
    assert!(open(&app)[0].firing);
    let mut over = alert(&app, "Slow", "critical", 0);
    over["startsAt"] = json!((app.now() - TimeDelta::minutes(5)).to_rfc3339());
    assert_eq!(post(&program, &[over]).await.status, 200);
    assert!(!open(&app)[0].firing, "its sender says that it is over");
    assert_eq!(app.events_of("alert.fired").len(), 2);
}

#[tokio::test]
async fn one_bad_alert_keeps_no_good_one_out() {
    let app = watched().await;
    let program = program(&app);
    let bad = json!({"labels": {"not-a-name": "x"}});
    let answer = post(&program, &[bad, alert(&app, "Good", "info", 60), json!(7)]).await;
    assert_eq!(answer.status, 400);
    let why = answer.json().as_str().unwrap().to_owned();
    assert!(
        why.contains("alert 1: \"not-a-name\"") && why.contains("alert 3:"),
        "{why}"
    );
    assert_eq!(open(&app).len(), 1);
    assert_eq!(open(&app)[0].level, Level::Blue);

    let wrong_type = program
        .send("/api/v2/alerts", "text/plain", "[]", None)
        .await;
    assert_eq!(wrong_type.status, 415);
    assert_eq!(program.post("/api/v2/alerts", "{}").await.status, 400);
    let many = vec![json!({"labels": {"a": "b"}}); 2_001];
    assert_eq!(post(&program, &many).await.status, 400);
    let long = json!([{"labels": {"a": "b"}, "annotations": {"x": "y".repeat(3 << 20)}}]);
    assert_eq!(
        program
            .post("/api/v2/alerts", &long.to_string())
            .await
            .status,
        413
    );
}

#[tokio::test]
async fn whose_it_is_stands_in_the_key_or_in_a_label() {
    let app = watched().await;
    let other = crate::packs::SMALL.replacen("id = \"demo\"", "id = \"other\"", 1);
    crate::packs::apply(&app, &other);
    let all = app.program(&[AlertsWrite, AlertsRead]);
    let nobodys = alert(&app, "X", "warning", 60);
    let answer = post(&all, std::slice::from_ref(&nobodys)).await;
    assert!(
        answer.status == 400 && answer.body.contains("does not say whose it is"),
        "{}",
        answer.body
    );
    let mut theirs = nobodys;
    theirs["labels"]["platform"] = json!("other");
    assert_eq!(post(&all, &[theirs.clone()]).await.status, 200);
    let lit = open(&app).remove(0);
    let demo = program(&app);
    assert!(listed(&demo, "").await.is_empty(), "another platform's");
    assert_eq!(listed(&all, "").await.len(), 1);
    // A key of one platform lights its own, whatever the label says.
    assert_eq!(post(&demo, &[theirs]).await.status, 200);
    let both = open(&app);
    assert_eq!(
        both.len(),
        2,
        "the same labels on two platforms are two alerts"
    );
    assert_eq!(both[0].fingerprint, both[1].fingerprint);
    assert!(both.iter().any(|it| it.platform != lit.platform));
}

/// Labels like those of a rule's own lamp do not keep it from being lit, nor does either put the other out.
#[tokio::test]
async fn what_others_hand_in_never_takes_the_place_of_a_rule() {
    let app = watched().await;
    let program = program(&app);
    let twin = json!({"labels": {"alertname": "qos", "platform": "demo"}});
    post(&program, std::slice::from_ref(&twin)).await;
    report(&app, 97.0);
    tick(&app);
    let lit = open(&app);
    assert_eq!(lit.len(), 2);
    assert_eq!(lit[0].fingerprint, lit[1].fingerprint);
    report(&app, 99.9);
    tick(&app);
    let firing: Vec<_> = open(&app).into_iter().filter(|it| it.firing).collect();
    assert_eq!((firing.len(), firing[0].rule), (1, None));
}

#[tokio::test]
async fn alerts_are_listed_as_alertmanager_lists_them() {
    let app = watched().await;
    let program = program(&app);
    report(&app, 97.0);
    tick(&app);
    post(&program, &[alert(&app, "Slow", "warning", 60)]).await;
    let all = listed(&program, "").await;
    assert_eq!(all.len(), 2);
    let slow = all
        .iter()
        .find(|it| it["labels"]["alertname"] == "Slow")
        .unwrap();
    assert_eq!(slow["labels"]["platform"], "demo");
    assert_eq!(slow["status"]["state"], "active");
    assert_eq!(slow["receivers"][0]["name"], "signalbox");
    assert_eq!(slow["generatorURL"], "http://prometheus:9090/graph");
    for member in ["startsAt", "endsAt", "updatedAt", "fingerprint"] {
        assert!(slow[member].is_string(), "{member}");
    }
    let ours = listed(&program, "?filter=alertname%3D%22qos%22").await;
    assert_eq!(
        (ours.len(), &ours[0]["labels"]["severity"]),
        (1, &json!("critical"))
    );
    assert_eq!(
        listed(&program, "?filter=severity%3D~%22warn.*%22")
            .await
            .len(),
        1
    );
    assert_eq!(listed(&program, "?active=false").await.len(), 0);
    assert_eq!(listed(&program, "?receiver=other").await.len(), 0);
    assert_eq!(listed(&program, "?receiver=signal.*").await.len(), 2);
    assert_eq!(program.get("/api/v2/alerts?filter=x").await.status, 400);
    let neither = program.get("/api/v2/alerts?silenced=null").await;
    assert_eq!(neither.status, 400);
    assert!(neither.body.contains("silenced is true or false"));
    let groups = program.get("/api/v2/alerts/groups").await.json();
    assert_eq!(groups.as_array().unwrap().len(), 2);
    assert_eq!(
        program.get("/api/v2/status").await.json()["cluster"]["status"],
        "disabled"
    );
    assert_eq!(
        program.get("/api/v2/receivers").await.json()[0]["name"],
        "signalbox"
    );
}

fn silence(app: &TestApp, name: &str, minutes: i64) -> Value {
    json!({
        "matchers": [{"name": "alertname", "value": name, "isRegex": false, "isEqual": true}],
        "startsAt": app.now().to_rfc3339(),
        "endsAt": (app.now() + TimeDelta::minutes(minutes)).to_rfc3339(),
        "createdBy": "alice",
        "comment": "Deploying",
    })
}

#[tokio::test]
async fn a_program_silences_one_alert_lists_it_and_ends_it() {
    let app = watched().await;
    let program = program(&app);
    report(&app, 97.0);
    tick(&app);
    let made = program
        .post("/api/v2/silences", &silence(&app, "qos", 60).to_string())
        .await;
    assert_eq!(made.status, 200, "{}", made.body);
    let id = made.json()["silenceID"].as_str().unwrap().to_owned();
    let shown = listed(&program, "").await;
    assert_eq!(shown[0]["status"]["state"], "suppressed");
    assert_eq!(shown[0]["status"]["silencedBy"], json!([id]));
    assert!(listed(&program, "?silenced=false").await.is_empty());
    assert!(
        app.as_operator()
            .get("/silences")
            .await
            .says("alice, with the key Test program")
    );

    let all = program.get("/api/v2/silences").await.json();
    assert_eq!(all[0]["status"]["state"], "active");
    assert_eq!(all[0]["comment"], "Deploying");
    let one = program.get(&format!("/api/v2/silence/{id}")).await;
    assert_eq!(one.json()["id"], json!(id));
    let by = program
        .get("/api/v2/silences?filter=alertname%3Dqos")
        .await
        .json();
    assert_eq!(by.as_array().unwrap().len(), 1);
    let none = program
        .get("/api/v2/silences?filter=alertname%3Dother")
        .await
        .json();
    assert!(none.as_array().unwrap().is_empty());

    let end = |program: &Program| {
        program
            .request(Method::DELETE, &format!("/api/v2/silence/{id}"))
            .send()
    };
    assert_eq!(end(&program).await.unwrap().status(), 200);
    assert_eq!(end(&program).await.unwrap().status(), 400, "it has ended");
    let gone = program.request(
        Method::DELETE,
        &format!("/api/v2/silence/{}", uuid::Uuid::now_v7()),
    );
    assert_eq!(gone.send().await.unwrap().status(), 404);
    assert_eq!(listed(&program, "").await[0]["status"]["state"], "active");
}

/// Governance does not end where a program begins.
#[tokio::test]
async fn a_program_is_told_why_it_may_not_silence() {
    let app = watched().await;
    let program = program(&app);
    report(&app, 97.0);
    tick(&app);
    let mut regex = silence(&app, "q.*", 30);
    regex["matchers"][0]["isRegex"] = json!(true);
    let mut wordless = silence(&app, "qos", 30);
    wordless["comment"] = json!("");
    for (asked, says) in [
        (silence(&app, "qos", 120), "for an hour at most"),
        (silence(&app, "unheard-of", 30), "does not name one alert"),
        (regex, "means more than one alert"),
        (wordless, "say why"),
    ] {
        let answer = program.post("/api/v2/silences", &asked.to_string()).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        let text = answer.json().as_str().unwrap().to_owned();
        assert!(text.contains(says), "{text}");
    }
    // Its clock is half a minute ahead of ours: an hour is an hour.
    let mut ahead = silence(&app, "qos", 60);
    ahead["endsAt"] = json!((app.now() + TimeDelta::seconds(3_630)).to_rfc3339());
    assert_eq!(
        program
            .post("/api/v2/silences", &ahead.to_string())
            .await
            .status,
        200
    );
    assert!(
        app.as_operator()
            .get("/silences")
            .await
            .says("countersign by")
    );
}

#[tokio::test]
async fn the_key_may_come_as_a_password_and_opens_no_more_than_it_may() {
    let app = watched().await;
    let program = program(&app);
    let basic = |key: &str| format!("Basic {}", STANDARD.encode(format!("amtool:{key}")));
    let ask = |path: &str, key: &str| {
        let url = format!("{}{path}", app.url);
        app.http.get(url).header("authorization", basic(key)).send()
    };
    assert_eq!(
        ask("/api/v2/status", &program.key).await.unwrap().status(),
        200
    );
    assert_eq!(ask("/api/v2/status", "wrong").await.unwrap().status(), 401);
    assert_eq!(
        ask("/api/v1/alerts", &program.key).await.unwrap().status(),
        401,
        "ours takes bearers"
    );
    let reader = app.program(&[AlertsRead]);
    assert_eq!(post(&reader, &[]).await.status, 403);
    assert_eq!(reader.post("/api/v2/silences", "{}").await.status, 403);
}

#[tokio::test]
async fn what_an_alertmanager_passes_on_stays_until_it_says_that_it_is_over() {
    let app = watched().await;
    let program = program(&app);
    let deliver = |status: &str, left_out: u64| {
        json!({
            "version": "4", "groupKey": "{}:{}", "truncatedAlerts": left_out, "status": status, "receiver": "team",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am:9093",
            "from_tomorrow": {"unknown": true},
            "alerts": [{
                "status": status, "labels": {"alertname": "Disk", "severity": "critical"}, "annotations": {},
                "startsAt": app.now().to_rfc3339(), "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "abc",
            }],
        })
        .to_string()
    };
    let hook = "/hooks/alertmanager/demo";
    assert_eq!(program.post(hook, &deliver("firing", 2)).await.status, 200);
    app.advance(TimeDelta::days(2));
    tick(&app);
    let names: Vec<String> = open(&app)
        .into_iter()
        .filter(|it| it.firing)
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["Disk", "alertmanager-left-alerts-out"]);
    assert_eq!(
        program.post(hook, &deliver("resolved", 0)).await.status,
        200
    );
    assert!(open(&app).iter().all(|it| !it.firing));
    assert_eq!(
        program
            .post("/hooks/alertmanager/nowhere", &deliver("firing", 0))
            .await
            .status,
        404
    );
    let third = deliver("firing", 0).replace("\"4\"", "\"3\"");
    assert_eq!(program.post(hook, &third).await.status, 400);
}

/// Two Prometheus servers that watch the same hand in the same alerts at the same moment.
#[tokio::test]
async fn a_pair_that_hands_in_the_same_lights_one_lamp() {
    let app = watched().await;
    let program = program(&app);
    let alerts = [
        alert(&app, "Slow", "warning", 60),
        alert(&app, "Full", "warning", 60),
    ];
    let many = (0..8).map(|_| post(&program, &alerts));
    for answer in futures_util::future::join_all(many).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(open(&app).len(), 2);
    assert_eq!(app.events_of("alert.fired").len(), 2);
}

/// What could not be sent again because we were away is not over because of that.
#[tokio::test]
async fn a_standstill_of_ours_puts_out_nothing_of_others() {
    let app = watched().await;
    let program = program(&app);
    let four_minutes = 240;
    let both = [
        alert(&app, "Slow", "warning", four_minutes),
        alert(&app, "Full", "warning", four_minutes),
    ];
    assert_eq!(post(&program, &both).await.status, 200);
    tick(&app);
    let slow = open(&app).into_iter().find(|it| it.name == "Slow").unwrap();
    let path = format!("/alerts/{}/acknowledgement", slow.id);
    assert_eq!(app.as_operator().post_form(&path, &[]).await.status, 303);

    app.advance(TimeDelta::minutes(6));
    tick(&app);
    assert_eq!(open(&app).len(), 2, "nobody was here to take it");
    awake(&app, 1);
    post(&program, &[alert(&app, "Slow", "warning", four_minutes)]).await;
    awake(&app, 2);
    assert_eq!(open(&app).len(), 2, "they have as long as they were given");
    awake(&app, 1);
    tick(&app);
    let left = open(&app);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].id, slow.id);
    assert!(left[0].is_acknowledged(app.now()), "it is the same one");
    awake(&app, 1);
    assert!(
        open(&app).is_empty(),
        "nobody stood still, and it was not sent again"
    );
    assert_eq!(app.events_of("alert.fired").len(), 2);
}

#[tokio::test]
async fn what_is_sent_again_says_what_it_says_now() {
    let app = watched().await;
    let program = program(&app);
    let mut slow = alert(&app, "Slow", "warning", 240);
    slow["annotations"] = json!({"summary": "12 requests wait"});
    post(&program, &[slow.clone()]).await;
    assert_eq!(open(&app)[0].summary, "12 requests wait");
    slow["annotations"] = json!({"summary": "900 requests wait"});
    assert_eq!(post(&program, &[slow]).await.status, 200);
    let lit = open(&app);
    assert_eq!(
        (lit.len(), lit[0].summary.as_str()),
        (1, "900 requests wait")
    );
    let operator = app.as_operator();
    assert!(operator.get("/alerts").await.says("900 requests wait"));
    let page = operator.get(&format!("/alerts/{}", lit[0].id)).await;
    assert!(page.says("900 requests wait"));
    assert!(
        page.says("12 requests wait"),
        "with which it fired stays told"
    );
    assert_eq!(
        listed(&program, "").await[0]["annotations"]["summary"],
        "900 requests wait"
    );
}

/// Sent again in the moment in which it would be put out for not having been sent again.
#[tokio::test]
async fn what_is_being_taken_is_not_put_out_meanwhile() {
    let app = watched().await;
    let program = program(&app);
    post(&program, &[alert(&app, "Slow", "warning", 64)]).await;
    awake(&app, 1);
    let mut taking = app.db.connect_superuser();
    taking
        .batch_execute("BEGIN; UPDATE outside_alert SET ends_at = ends_at + interval '4 minutes'")
        .unwrap();
    std::thread::scope(|scope| {
        let ticking = scope.spawn(|| {
            for _ in 0..3 {
                tick(&app);
            }
        });
        let waits = "SELECT count(*) AS count FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut looking = app.db.connect_superuser();
        while !ticking.is_finished() {
            let waiting: Count = sql_query(waits).get_result(&mut looking).unwrap();
            if waiting.count > 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        taking.batch_execute("COMMIT").unwrap();
        ticking.join().unwrap();
    });
    assert!(open(&app).iter().all(|it| it.firing));
    assert_eq!(open(&app).len(), 1);
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}
