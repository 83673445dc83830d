//! Two installations that differ by what is in the compartment, and by nothing else: whoever holds no grant gets the
//! same from both, byte for byte.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use reqwest::Method;
use signalbox::app::routes;
use signalbox::foundation::audit::Log;
use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::db::roles::Role as DbRole;

use super::concrete;
use super::furnish::{self, Places};
use crate::support::app::TestApp;
use crate::support::page::{Page, without_keys};
use crate::support::personas::Client;

/// Answers that are of the moment, each with why they are left out.
const OF_THE_MOMENT: &[(&str, &str)] = &[
    ("/live", "a stream without an end"),
    ("/assets/{digest}/{path:.*}", "files of the program"),
];

struct Twins {
    without: TestApp,
    with: TestApp,
    /// Every address, and those who ask.
    paths: Vec<String>,
    askers: Vec<Client>,
    holder: Client,
}

impl Twins {
    async fn new() -> Self {
        let without = TestApp::start().await;
        let acted = furnish::furnish(&without).await;
        let pages: Vec<_> = furnish::pages()
            .into_iter()
            .filter(|page| !page.starts_with("/sar"))
            .collect();
        let places = Places::find(&without, &pages, &acted).await;
        assert!(places.missing.is_empty(), "{:?}", places.missing);
        let mut askers = vec![
            without.as_outsider(),
            without.as_half_signed(Stage::SecondFactor),
        ];
        askers.extend(Role::ALL.map(|role| without.as_role(role)));
        let holder = without.sign_in_as("sar@test.example", "Test officer", &[Role::Compliance]);
        let with = TestApp::start_on(without.db.twin()).await;
        with.advance(without.now() - with.now());
        let twins = Self {
            paths: paths(&places),
            askers,
            holder,
            without,
            with,
        };
        twins.fill_compartment().await;
        twins
    }

    /// What no grant shows: people with grants, a proposal, a look, and a log of it that is sealed.
    async fn fill_compartment(&self) {
        self.with.give_sar_grants("sar@test.example");
        let holder = self.holder.at(&self.with);
        let opened = holder
            .post_form("/sar/grants/opening", &[("purpose", "case 7")])
            .await;
        assert_eq!(opened.location(), "/sar/grants", "{}", opened.text());
        let proposed = holder
            .post_form(
                "/sar/grants",
                &[
                    ("email", "reviewer@test.example"),
                    ("grant", "sar.read"),
                    ("purpose", "reading along"),
                    ("from", "2026-03-02"),
                    ("until", "2026-04-30"),
                ],
            )
            .await;
        assert_eq!(proposed.location(), "/sar/grants", "{}", proposed.text());
        assert_eq!(holder.get("/sar/grants").await.status, 200);
        let signer = CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap();
        let mut conn = self.with.db.connect(DbRole::Sealer);
        let now = self.with.now();
        let mut sealer = LogSealer::resume(&mut conn, Log::Sar, &signer, now).unwrap();
        sealer.seal(&mut conn, &signer, now, 10_000).unwrap();
        assert!(sealer.size() > 3);
    }

    /// The addresses at which one of the askers gets two answers.
    async fn differences(&self, askers: &[Client]) -> Vec<String> {
        let mut found = Vec::new();
        for client in askers {
            for path in &self.paths {
                let one = observe(&client.at(&self.without), path).await;
                let other = observe(&client.at(&self.with), path).await;
                if one != other {
                    found.push(format!(
                        "{path} as {:?}: {}",
                        client.email,
                        first_difference(&one, &other)
                    ));
                }
            }
        }
        found
    }
}

/// A page of each kind with something on it, every other address of the table, and some that are not there.
fn paths(places: &Places) -> Vec<String> {
    let mut paths: BTreeSet<String> = BTreeSet::new();
    for place in places.found.values() {
        paths.insert(place.path.clone());
    }
    for route in routes()
        .iter()
        .filter(|route| route.method == Method::GET.as_str())
    {
        if !OF_THE_MOMENT.iter().any(|(path, _)| *path == route.path) {
            paths.insert(concrete(route.path));
        }
    }
    for path in [
        "/sar",
        "/sar/grants/opening",
        "/nowhere",
        "/audit?log=sar",
        "/audit?kind=sar.opened",
    ] {
        paths.insert(path.to_owned());
    }
    // Exports and downloads of what was found.
    let files: Vec<String> = paths
        .iter()
        .filter(|path| path.starts_with("/audit/exports/"))
        .map(|path| format!("{path}/file"))
        .collect();
    paths.extend(files);
    paths.into_iter().collect()
}

/// Status, headers and body, without the request's id, the forms' keys and the twin's own address.
async fn observe(client: &Client, path: &str) -> String {
    let answer = client.request(Method::GET, path).send().await.unwrap();
    let page = Page::read(answer).await;
    let id = page.header("x-request-id").unwrap_or("none").to_owned();
    let mut headers: Vec<String> = page
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    let body = without_keys(&page.body);
    let text = format!("{}\n{}\n{body}", page.status, headers.concat());
    text.replace(&id, "REQUEST")
        .replace(client.url().trim_start_matches("http://"), "BASE")
}

fn first_difference(one: &str, other: &str) -> String {
    let lines = one.lines().zip(other.lines());
    let mut different = lines.filter(|(one, other)| one != other);
    different.next().map_or_else(
        || "one goes on where the other ends".to_owned(),
        |(one, other)| format!("\n  without: {one}\n  with:    {other}"),
    )
}

#[actix_web::test]
async fn without_a_grant_nothing_tells_what_is_in_the_compartment() {
    let twins = Twins::new().await;
    assert!(twins.paths.len() > 40, "{}", twins.paths.len());
    let found = twins.differences(&twins.askers).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
    // The test does see what differs, where somebody may see it.
    let holder = std::slice::from_ref(&twins.holder);
    assert!(!twins.differences(holder).await.is_empty());

    // And nothing of the compartment is asked for: where the application may not read it at all, nobody notices.
    let shut = "DO $$ DECLARE name text; BEGIN \
                FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ '^sar_' LOOP \
                    EXECUTE format('REVOKE ALL ON %s FROM signalbox_app', name); \
                END LOOP; END $$";
    let mut conn = twins.with.db.connect_superuser();
    conn.batch_execute(shut).unwrap();
    let found = twins.differences(&twins.askers).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
    let holder = twins.holder.at(&twins.with);
    assert_eq!(
        holder.get("/sar/grants").await.status,
        500,
        "it is shut indeed"
    );
}
