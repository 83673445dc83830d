//! A database in which every kind of page has something to show, and where those pages are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use actix_web::http::Method;
use diesel::prelude::*;
use scraper::{Html, Selector};
use signalbox::app::routes;
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store::{self as lit, Alert};
use signalbox::features::capacity::demo as capacity;
use signalbox::features::checklists::sweep as checklists;
use signalbox::features::connectors::runner as connectors;
use signalbox::features::digests::sweep as digests;
use signalbox::features::health::actions as health;
use signalbox::features::heartbeats::actions as heartbeats;
use signalbox::features::heartbeats::store as beats;
use signalbox::features::hooks::actions as hooks;
use signalbox::features::hooks::store as sources;
use signalbox::features::keys::actions as keys;
use signalbox::features::logs::actions as logs;
use signalbox::features::notify::actions as outbox;
use signalbox::features::notify::delivery::deliver_due;
use signalbox::features::notify::endpoint::{Kind, Standing};
use signalbox::features::notify::notice::{About, Destination, EndpointId, Notice};
use signalbox::features::notify::signing;
use signalbox::features::notify::store::endpoints;
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::Heartbeat;
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store::{self as packed, live};
use signalbox::features::slo::{actions as levels, demo as slo};
use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::{Actor, Log};
use signalbox::foundation::auth::keys::{KeyScope, NewKey};
use signalbox::foundation::auth::{Role, identities};
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role as DbRole;
use signalbox::foundation::db::schema::{job, passkey};
use signalbox::foundation::kernel::{Level, Scope};

use crate::support::app::TestApp;
use crate::support::personas::Client;
use crate::support::subjects;

/// Packs, customers of whom some are on a list, a lit lamp, an export, and a sealed log.
/// Answers where pages are that only an act leads to.
pub async fn furnish(app: &TestApp) -> Vec<String> {
    let actor = Actor::command_line("test");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(root.join("packs")).unwrap().flatten() {
        if file.path().extension().is_some_and(|end| end == "toml") {
            let source = std::fs::read_to_string(file.path()).unwrap();
            packs::apply(&app.services, &actor, &source, &addresses()).unwrap();
        }
    }
    ping_heartbeats(app).await;
    call_connectors(app).await;
    write_logs(app);
    slo::fill(&app.services).unwrap();
    levels::freeze(&app.services, &actor).unwrap();
    capacity::fill(&app.services).unwrap();
    put_in(app).await;
    subjects::load_demo_list(&app.services);
    let examples = std::fs::read_to_string(root.join("examples/subjects.csv")).unwrap();
    subjects::take_in(&app.services, &app.db, &examples);
    app.run_jobs();
    give_passkey(app);
    connect(app);
    health::report_indicator(&app.services, &actor, "ncc_qos", 97.4, None).unwrap();
    app.advance(chrono::Duration::seconds(5));
    evaluate::tick(&app.services).unwrap();
    let changed = change_packs(app).await;
    silence(app).await;
    announce(app).await;
    go_through_lists(app).await;
    release(app).await;
    digests::make_last(&app.services).unwrap();
    declare(app).await;
    let asked = app
        .as_auditor()
        .post_form("/audit/exports", &[("format", "csv")])
        .await;
    let list = "reference,kind,name,strong_aliases,weak_aliases,dates_of_birth,countries,programs,remarks\n\
                1,person,Nobody Uploaded,,,,,,\n";
    let uploaded = app
        .as_compliance()
        .upload(
            "/screening/lists",
            &[
                ("format", "plain"),
                ("source", "test-list"),
                ("published", "2026-03-01"),
            ],
            &[("list", list)],
        )
        .await;
    let invited = [
        ("email", "newcomer@test.example"),
        ("name", "Newcomer"),
        ("role", "reviewer"),
        ("platform", "all"),
        ("queue", "all"),
        ("ends", "2027-01-31"),
        ("reason", "Covers for a colleague on leave"),
    ];
    app.as_admin()
        .post_form("/people/invitation", &invited)
        .await;
    app.as_admin().post_form("/people/reviews", &[]).await;
    app.run_jobs();
    make_keys(app);
    notify(app).await;
    take_events(app).await;
    seal(app);
    let asked = [asked.location().to_owned(), uploaded.location().to_owned()];
    asked.into_iter().chain(changed).collect()
}

/// Endpoints of both kinds, one of them switched off, and notices in every state.
async fn notify(app: &TestApp) {
    let platform = app.services.db.read(packed::platforms).unwrap().remove(0);
    let notice = |to, key: &str| Notice {
        gather: None,
        platform: Some(platform.id),
        to,
        about: About::new("alert", key),
        title: "Balances are not synchronised".to_owned(),
        text: "Nothing came by its deadline.\nThe last run ended at 10:03.".to_owned(),
        link: "/alerts".to_owned(),
        level: Some(Level::Red),
        key: key.to_owned(),
    };
    let mail = |name: &str| Destination::Email(format!("{name}@bank.example"));
    app.services
        .audit
        .write::<_, db::Error>(&Actor::command_line("test"), |tx| {
            let ends = [
                ("Operations", Kind::Standard),
                ("Channel of the operators", Kind::Slack),
                ("Old pager", Kind::Standard),
            ]
            .map(|(name, kind)| (EndpointId::new(), name, kind));
            for (id, name, kind) in ends {
                let new = endpoints::New {
                    name,
                    kind,
                    host: "127.0.0.1:9",
                    url: "http://127.0.0.1:9/in",
                    secret: (kind == Kind::Standard).then_some(&b"a secret of before"[..]),
                };
                endpoints::insert(tx, id, &new)?;
                outbox::enqueue(tx, &notice(Destination::Endpoint(id), name))?;
            }
            endpoints::rotate(tx, ends[0].0, b"a secret from now on")?;
            let (why, now) = ("It answered 410: it is gone, and wants no more.", tx.now());
            endpoints::set_standing(tx, ends[2].0, Standing::Disabled, Some(why), now)?;
            outbox::enqueue(tx, &notice(mail("nobody at all"), "given up"))?;
            outbox::enqueue(tx, &notice(mail("ada"), "taken back"))?;
            outbox::cancel_queued(tx, &About::new("alert", "taken back"), "Ada took it.")
        })
        .unwrap();
    deliver_due(&app.services).await.unwrap();
}

/// A source of events, with one that a pack names and one that none does.
async fn take_events(app: &TestApp) {
    let fields = [("name", "Invoices of production"), ("platform", "lait")];
    let made = app.as_admin().post_form("/event-sources", &fields).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let sources = app.services.db.read(sources::all).unwrap();
    let read = |conn: &mut _| sources::open(conn, &app.services.keyring, sources[0].id, app.now());
    let open = app.services.db.read(read).unwrap().unwrap();
    for (id, kind) in [
        ("msg_1", "invoice.processed"),
        ("msg_2", "invoice.unheard_of"),
    ] {
        let body = format!(
            r#"{{"type":"{kind}","data":{{"note":"<b>{}</b>"}}}}"#,
            "x".repeat(300)
        );
        let at = app.now().timestamp();
        let signatures = signing::sign(open.secrets[0].expose(), id, at, body.as_bytes());
        let message = hooks::Message {
            id: id.to_owned(),
            timestamp: at.to_string(),
            signatures,
            body: body.into(),
        };
        hooks::take(&app.services, Some(open.id), &message).unwrap();
    }
}

/// One alert that nobody is told of, and a silence that waits for a second person.
async fn silence(app: &TestApp) {
    for (matchers, lasts) in [
        ("alertname=ncc-qos-breach", "1h"),
        ("alertname=~\".+\"", "8h"),
    ] {
        let fields = [
            ("platform", "regtech-horizon"),
            ("matchers", matchers),
            ("lasts", lasts),
            ("reason", "Deploying the reporting service"),
        ];
        app.as_operator().post_form("/silences", &fields).await;
    }
}

/// A list that opened by itself, one that is half done, and one that waits for its review.
async fn go_through_lists(app: &TestApp) {
    checklists::open_last(&app.services).unwrap();
    let operator = app.as_operator();
    let list = operator
        .get("/checklists")
        .await
        .link("Before a deployment");
    for version in ["Release 2.4.0", "Release 2.5.0"] {
        let start = format!("{list}/runs");
        let sent = operator.post_form(&start, &[("subject", version)]).await;
        let run = sent.location().to_owned();
        let fails = [
            ("outcome", "fail"),
            (
                "note",
                "The 95th percentile is 8 % above the release before.",
            ),
            ("reference", "CHG-1042"),
        ];
        let performance = format!("{run}/items/performance");
        operator.post_form(&performance, &fails).await;
        let file = [("file", "p95,812\n")];
        let evidence = format!("{performance}/evidence");
        operator.upload(&evidence, &[], &file).await;
        if version == "Release 2.4.0" {
            for item in [
                "tests",
                "security-scans",
                "documentation",
                "rollback-plan",
                "stakeholders",
            ] {
                let item = format!("{run}/items/{item}");
                operator.post_form(&item, &[("outcome", "pass")]).await;
            }
            let at = format!("{run}/signature");
            let read = operator.get(&run).await.given(&at, "read");
            let sent = operator.post_form(&at, &[("read", &read)]).await;
            assert_eq!(sent.status, 303, "{}", sent.text());
        }
    }
}

/// A release that waits for its gates, and one that was abandoned.
async fn release(app: &TestApp) {
    let operator = app.as_operator();
    for to in ["2.5.0", "2.6.0"] {
        let fields = [
            ("platform", "finchat"),
            ("from", "2.4.0"),
            ("to", to),
            ("what", "Answers quote the filing that they rest on."),
            ("planned", "2026-03-03T10:00"),
        ];
        let sent = operator.post_form("/releases", &fields).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        let path = sent.location().to_owned();
        if to == "2.5.0" {
            operator.post_form(&format!("{path}/gates"), &[]).await;
            app.as_admin()
                .post_form(&format!("{path}/approval"), &[])
                .await;
        } else {
            let why = [("why", "It comes with the next one")];
            operator
                .post_form(&format!("{path}/abandonment"), &why)
                .await;
        }
    }
}

/// A window in three days.
async fn announce(app: &TestApp) {
    let at = |hours: i64| {
        let at = app.now() + chrono::Duration::hours(hours);
        at.format("%Y-%m-%dT%H:%M").to_string()
    };
    let (from, to) = (at(72), at(74));
    let fields = [
        ("platform", "regtech-horizon"),
        ("name", "New disks"),
        ("starts", from.as_str()),
        ("ends", to.as_str()),
    ];
    app.as_operator().post_form("/maintenance", &fields).await;
}

/// An incident of the lit alert with everything that one can have, and one that waits for its review's approval.
async fn declare(app: &TestApp) {
    let operator = app.as_operator();
    let lit = |conn: &mut _| lit::open(conn, &Scope::All);
    let alerts = app.services.db.read(lit).unwrap();
    let platforms = app.services.db.read(packed::platforms).unwrap();
    let horizon = platforms.iter().find(|it| it.slug == "regtech-horizon");
    let of_horizon = |it: &&Alert| it.rule.is_some() && it.platform == horizon.unwrap().id;
    let alert = alerts.iter().find(of_horizon).unwrap();
    let alert_id = alert.id.to_string();
    let person = operator.person.to_string();
    let long = format!("<b>{}</b>\nA second line.", "reports ".repeat(60));
    for (title, alert) in [
        ("Quality of service is in breach", alert_id.as_str()),
        ("Nobody could sign in", ""),
    ] {
        let opened = [
            ("platform", "regtech-horizon"),
            ("title", title),
            ("level", "red"),
            ("note", "Two customers have called."),
            ("alert", alert),
            ("leads", "yes"),
        ];
        let at = operator.post_form("/incidents", &opened).await;
        assert_eq!(at.status, 303, "{}", at.text());
        let at = at.location().to_owned();
        let mut acts: Vec<(&str, Vec<(&str, &str)>)> = vec![
            ("updates", vec![("audience", "team"), ("text", &long)]),
            (
                "updates",
                vec![
                    ("audience", "everybody"),
                    ("text", "Reports are late today."),
                ],
            ),
        ];
        if alert.is_empty() {
            acts.push((
                "state",
                vec![("to", "resolved"), ("note", "The door opens again.")],
            ));
        }
        let written = vec![
            ("summary", "It stood still for an hour."),
            ("cause", "A disk was full."),
            ("went_well", "The alert came at once."),
            ("went_badly", &long),
        ];
        acts.push(("review", written));
        let action = |text| {
            vec![
                ("action", text),
                ("owner", person.as_str()),
                ("due", "2026-04-01"),
            ]
        };
        acts.push(("actions", action("Watch the disk")));
        for (what, fields) in acts {
            let done = operator.post_form(&format!("{at}/{what}"), &fields).await;
            assert_eq!(done.status, 303, "{what}: {}", done.text());
        }
        if alert.is_empty() {
            let path = format!("{at}/review/signature");
            let review = operator.get(&format!("{at}/review")).await;
            let read = review.given(&path, "digest");
            let sent = operator.post_form(&path, &[("digest", &read)]).await;
            assert_eq!(sent.status, 303, "{}", sent.text());
        }
    }
}

/// A change of a pack that is in force, one that waits for a second person, and one that was overtaken. Answers where they
/// stand.
async fn change_packs(app: &TestApp) -> Vec<String> {
    let rule = "\n# Asked for <b>by</b> the auditors.\n[[rule]]\nid = \"qos-low\"\nname = \"Quality is low\"\n\
                on.indicator = \"ncc_qos\"\nblue = { below = 50 }\n";
    let acts: [fn(&str, &str) -> String; 3] = [
        |source, _| source.replacen("below = 98", "below = 90", 1),
        |source, rule| format!("{source}{rule}"),
        |source, _| source.replacen("below = 98", "below = 91", 1),
    ];
    let (admin, slug) = (app.as_admin(), "regtech-horizon");
    let mut places = Vec::new();
    for change in acts {
        let running = app.services.db.read(|conn| {
            let platform = packed::find(conn, slug)?.unwrap();
            packed::revisions::last(conn, platform.id, 1)
        });
        let running = running.unwrap().remove(0);
        let (source, base) = (change(&running.source, rule), running.revision.to_string());
        assert_ne!(source, running.source);
        let fields = [
            ("source", source.as_str()),
            ("base", base.as_str()),
            ("reason", "As was agreed on Monday"),
        ];
        let sent = admin
            .post_form(&format!("/packs/{slug}/change"), &fields)
            .await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        places.push(sent.location().to_owned());
    }
    places.retain(|place| place.contains("/changes/"));
    places
}

/// Where some of those are reached who are told.
fn addresses() -> Given {
    let reached = [
        ("ONCALL_FIRST_NAME", "Ada Night"),
        ("ONCALL_FIRST_EMAIL", "operator@test.example"),
        ("ONCALL_FIRST_PHONE", "+1 555 0100"),
        ("ONCALL_SECOND_EMAIL", "second@test.example"),
        ("OPERATIONS_EMAIL", "operations@test.example"),
        ("EDGAR_URL", "http://127.0.0.1:9"),
    ];
    reached.into_iter().collect()
}

/// Somebody who stands in for somebody else.
async fn put_in(app: &TestApp) {
    let operator = app.as_operator();
    let list = operator.get("/on-call").await;
    let rota = list.link("Primary");
    let cover = [
        ("contact", "second"),
        ("from", "2026-03-03T10:00"),
        ("until", "2026-03-04T10:00"),
        ("reason", "Swapped for a day"),
    ];
    let sent = operator
        .post_form(&format!("{rota}/overrides"), &cover)
        .await;
    assert_eq!(sent.status, 303, "{}", sent.text());
}

/// Lines of every level, with what makes a page of them hard to show.
fn write_logs(app: &TestApp) {
    let sources = logs::enrol(&app.services).unwrap();
    let long = "x".repeat(300);
    let text = format!(
        "2026-11-20 10:00:00 - api - ERROR - LEGAL_001 {long} latency_ms=12000\n  at somewhere (a.py:1)\n\
         {{\"level\":\"warn\",\"msg\":\"<b>slow</b>\",\"context\":{{\"component\":\"search\",\"scanId\":\"{long}\"}}}}\n\
         level=info msg=\"it goes on\"\nno level at all\n"
    );
    for source in &sources {
        logs::hand_in(&app.services, source.item.clone(), &text, None).unwrap();
    }
}

/// Jobs that have run and said so: some in time, one with a failure, one that began and never ended.
async fn ping_heartbeats(app: &TestApp) {
    heartbeats::enrol(&app.services).unwrap();
    let live = |conn: &mut _| live::<Heartbeat>(conn);
    let mut named = app.services.db.read(live).unwrap();
    named.truncate(3);
    let said = "Read 1204 balances.\nWrote 1204 balances.\n<b>Done</b> in 4 s.\n";
    for (item, ends) in named
        .iter()
        .zip([&["/start", ""][..], &["", "/3"], &["/start"]])
    {
        let read = |conn: &mut _| beats::secret(conn, &app.services.keyring, item.id);
        let secret = app.services.db.read(read).unwrap();
        for end in ends {
            let url = format!("{}/ping/{}{end}", app.url, secret.expose());
            let sent = app.http.post(url).body(said).send().await.unwrap();
            assert_eq!(sent.status(), 200);
            app.advance(chrono::Duration::seconds(4));
        }
    }
}

/// Connectors that nobody answers for, one of which somebody wants to be called all the same.
async fn call_connectors(app: &TestApp) {
    connectors::call_due(&app.services).await.unwrap();
    let operator = app.as_operator();
    let list = operator.get("/connectors").await;
    let bank = list.link("First custodian bank: accounts");
    for (change, reason) in [
        (
            "force_open",
            "The bank told us of its outage <b>until noon</b>",
        ),
        ("disable", "The bank counts our retries, and wants them"),
    ] {
        let fields = [("change", change), ("lasts", "8h"), ("reason", reason)];
        let sent = operator.post_form(&format!("{bank}/change"), &fields).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
    }
}

/// A passkey that nobody can use, for its page.
fn give_passkey(app: &TestApp) {
    let owner = app.as_operator().person;
    diesel::insert_into(passkey::table)
        .values((
            passkey::id.eq(uuid::Uuid::now_v7()),
            passkey::person_id.eq(owner.uuid()),
            passkey::credential_id.eq(vec![7; 16]),
            passkey::credential.eq(serde_json::json!({})),
            passkey::name.eq("Work laptop"),
            passkey::made_at.eq(app.now()),
        ))
        .execute(&mut app.db.connect_superuser())
        .unwrap();
}

/// Connects the same person with the provider.
fn connect(app: &TestApp) {
    let owner = app.as_operator().person;
    let provider = app.services.provider.as_ref().unwrap();
    let email = Some("operator@bank.example");
    app.services
        .audit
        .write::<_, db::Error>(&Actor::person(owner), |tx| {
            identities::connect(tx, owner, provider.issuer(), "248289761001", email)
        })
        .unwrap();
}

/// One that is in use, and one that was rotated, ends soon and may be used from one network only.
fn make_keys(app: &TestApp) {
    let actor = Actor::command_line("test");
    let new = |name: &str, networks: &str, days: i64| NewKey {
        name: name.to_owned(),
        scopes: [KeyScope::SubjectsWrite, KeyScope::AlertsRead].into(),
        networks: networks.parse().unwrap(),
        reach: Scope::All,
        lives: chrono::Duration::days(days),
    };
    let add = |new| keys::add(&app.services, &actor, new, None).unwrap();
    add(new("Nightly intake", "", 90));
    let soon = add(new("Pager bridge", "10.0.0.0/8", 7)).key.id;
    keys::rotate(
        &app.services,
        &actor,
        &soon,
        chrono::Duration::hours(24),
        None,
    )
    .unwrap();
}

fn seal(app: &TestApp) {
    let signer = CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap();
    let mut conn = app.db.connect(DbRole::Sealer);
    let now = app.now();
    let mut sealer = LogSealer::resume(&mut conn, Log::Main, &signer, now).unwrap();
    sealer.seal(&mut conn, &signer, now, 10_000).unwrap();
}

/// Somebody, and an address that they can open.
pub struct Place {
    pub client: Client,
    pub path: String,
}

/// An address for each page of the route table, found by following links as each role; the others are named as
/// missing.
pub struct Places {
    pub found: BTreeMap<&'static str, Place>,
    pub missing: Vec<&'static str>,
}

impl Places {
    pub async fn find(app: &TestApp, pages: &[&'static str], acted: &[String]) -> Self {
        let mut found = BTreeMap::new();
        for role in Role::ALL {
            let client = app.as_role(role);
            // A case that one has claimed shows its forms.
            let claimed = client.post_form("/reviews/next", &[]).await;
            let mut start = jobs(app);
            start.extend_from_slice(acted);
            start.extend(claimed.header("location").map(str::to_owned));
            walk(&client, start, pages, &mut found).await;
        }
        if pages.contains(&"/sar/grants") {
            let holder = app.as_sar_holder();
            let purpose = [("purpose", "looking at the page")];
            holder.post_form("/sar/grants/opening", &purpose).await;
            walk(&holder, vec!["/sar/grants".to_owned()], pages, &mut found).await;
        }
        add_screens(app, pages, &mut found);
        let missing = pages
            .iter()
            .copied()
            .filter(|page| !found.contains_key(page))
            .collect();
        Self { found, missing }
    }
}

/// What only a wall screen opens, and the link that makes one.
fn add_screens(app: &TestApp, pages: &[&'static str], found: &mut BTreeMap<&'static str, Place>) {
    let key = app.screen_key(Scope::All);
    let link = format!("/display/link/{}", app.link_of(&key).expose());
    let places = [
        ("/display", app.screen_of(&key), "/display".to_owned()),
        ("/display/link/{token}", app.as_admin(), link),
    ];
    for (page, client, path) in places {
        if pages.contains(&page) {
            found.insert(page, Place { client, path });
        }
    }
}

/// Pages of jobs: whoever starts one is sent there, and nothing else leads there.
fn jobs(app: &TestApp) -> Vec<String> {
    let id: Option<uuid::Uuid> = job::table
        .select(job::id)
        .first(&mut app.db.connect_superuser())
        .optional()
        .unwrap();
    id.map(|id| format!("/jobs/{id}")).into_iter().collect()
}

/// Opens what is linked, two pages of each kind, and keeps the first that opens.
async fn walk(
    client: &Client,
    start: Vec<String>,
    pages: &[&'static str],
    found: &mut BTreeMap<&'static str, Place>,
) {
    const OF_A_KIND: usize = 2;
    let mut visited = BTreeSet::new();
    let mut visits: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waiting = VecDeque::from(start);
    waiting.push_back("/".to_owned());
    while let Some(path) = waiting.pop_front() {
        let plain = path.split(['?', '#']).next().unwrap_or_default().to_owned();
        let Some(page) = pages.iter().copied().find(|page| matches(page, &plain)) else {
            continue;
        };
        let count = visits.entry(page).or_default();
        if *count >= OF_A_KIND || !visited.insert(plain.clone()) {
            continue;
        }
        *count += 1;
        let answer = client.get(&plain).await;
        if answer.status != 200 {
            continue;
        }
        waiting.extend(links(&answer.body));
        found.entry(page).or_insert_with(|| Place {
            client: client.clone(),
            path: plain,
        });
    }
}

fn links(body: &str) -> Vec<String> {
    let selector = Selector::parse("a[href^='/']").unwrap();
    Html::parse_document(body)
        .select(&selector)
        .filter_map(|link| link.attr("href"))
        .map(str::to_owned)
        .collect()
}

/// Whether a path is an instance of a pattern. Literal patterns stand before those with parameters.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut parts, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || part.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// Every address of the route table that shows a page, those without parameters first.
pub fn pages() -> Vec<&'static str> {
    /// Answers of GET that are no pages, each with what it is.
    const NOT_PAGES: [(&str, &str); 16] = [
        ("/ping/{secret}", "what a job calls"),
        ("/ping/{secret}/{word}", "what a job calls"),
        ("/sign-in/provider", "leads to the provider"),
        ("/sign-in/provider/back", "leads on from it"),
        ("/account/provider/go", "leads to the provider"),
        ("/health", "JSON"),
        ("/assets/{digest}/{path:.*}", "files"),
        ("/live", "a stream of events"),
        ("/audit/exports/{id}/file", "a file"),
        ("/intake/{id}/rejected", "a file"),
        ("/people/reviews/{id}/file", "a file"),
        ("/checklists/runs/{id}/csv", "a file"),
        ("/checklists/runs/{id}/json", "a file"),
        ("/checklists/evidence/{id}", "a file"),
        ("/indicators/{id}/reports/{claim}/file", "a file"),
        (
            "/account/parked/{id}",
            "a page that needs a form; see `forms_that_come_back`",
        ),
    ];
    let mut pages: Vec<&'static str> = routes()
        .iter()
        .filter(|route| route.method == Method::GET)
        .map(|route| route.path)
        .filter(|path| !NOT_PAGES.iter().any(|(other, _)| other == path))
        // What is for programs answers JSON.
        .filter(|path| !path.starts_with("/api/"))
        .filter(|path| !AT_THE_DOOR.contains(path))
        .collect();
    pages.sort_by_key(|path| path.contains('{'));
    pages
}

/// What leads in, and is looked at in the order in which people meet it: see `the_way_in`.
const AT_THE_DOOR: [&str; 6] = [
    "/step-up",
    "/sign-in",
    "/sign-in/code",
    "/sign-in/recovery",
    "/enrol/link/{token}",
    "/enrol/authenticator",
];
