//! Strings that have broken other people's programs, typed into every field of every form.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use signalbox::features::intake::actions::{self as intake, Order, Received};
use signalbox::features::intake::desk::Shell;
use signalbox::features::intake::{reading, store};
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;

use super::crawl::{Form, forms_of};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;
use crate::support::reference;

const FILE: &str = "strings/blns.json";

/// Each form meets one string of so many, beginning elsewhere than the form before it: each kind of string comes in
/// families, and each form meets every family. All of them with all forms take four minutes.
const TURNS: usize = 3;

/// Rows that reach the review queue, with a hostile string for a name.
const CASES: usize = 40;

fn strings() -> Option<Vec<String>> {
    let mut strings: Vec<String> = serde_json::from_value(reference::json(FILE)?).unwrap();
    strings.push("a\0b".to_owned());
    Some(strings)
}

/// What a page of ours must never repeat as it was typed: it would open a tag or leave an attribute.
fn is_mark_up(text: &str) -> bool {
    let opens =
        |after: &str| after.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
    let opens_a_tag = text.split('<').skip(1).any(opens);
    opens_a_tag || (text.len() > 5 && (text.contains('"') && text.contains('=')))
}

fn check(page: &Page, form: &Form, field: Option<&str>, text: &str) {
    let place = format!("{} with {text:?}", form.action);
    if page.status == 422 && !text.trim().is_empty() {
        // No page can hold a NUL; whoever reads one puts U+FFFD in its place.
        let lost = form.lost(page, field, &text.replace('\0', "\u{fffd}"));
        assert_eq!(lost, None, "{place} has to be corrected, and this is lost");
    }
    assert!(page.status < 500, "{place} is answered {}", page.status);
    let is_html = page
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"));
    if is_html && is_mark_up(text) {
        assert!(!page.body.contains(text), "{place} comes back as it was");
    }
}

/// Packs, so that there are services and rules, and customers whose names are hostile.
fn furnish(app: &TestApp, strings: &[String]) {
    let actor = Actor::command_line("test");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    for file in fs::read_dir(root).unwrap().flatten() {
        if file.path().extension().is_some_and(|end| end == "toml") {
            let source = fs::read_to_string(file.path()).unwrap();
            packs::apply(&app.services, &actor, &source, &Given::default()).unwrap();
        }
    }
    let platform = app.services.db.read(store::platforms).unwrap().remove(0);
    let text = customers(strings);
    let (sha256, _) = intake::survey(text.as_slice()).unwrap();
    let shell = Shell {
        services: &app.services,
        actor,
        view: &|_| (),
    };
    let order = Order {
        platform: &platform,
        name: "<script>alert(1)</script>.csv",
        ignore_unknown: false,
        lines_total: None,
    };
    let received = intake::receive(&shell, &order, Some(sha256)).unwrap();
    let Received::New(batch) = received else {
        panic!("a file that was never seen is new");
    };
    reading::read(
        &shell,
        batch,
        std::io::BufReader::new(text.as_slice()),
        || None,
    )
    .unwrap();
    app.run_jobs();
}

fn customers(strings: &[String]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = [
        "external_id",
        "kind",
        "name",
        "country",
        "occupation",
        "street",
        "pep",
    ];
    writer.write_record(columns).unwrap();
    let usable = strings.iter().filter(|text| text.trim().len() > 3);
    for (number, text) in usable.enumerate().take(CASES * 4).step_by(4) {
        let id = format!("H-{number}");
        writer
            .write_record([&id, "person", text, "IR", text, text, "yes"])
            .unwrap();
    }
    writer.into_inner().unwrap()
}

/// Everybody's forms; where two people have the same one, once is enough.
async fn all_forms(app: &TestApp) -> BTreeMap<String, (Client, Form)> {
    let mut all = BTreeMap::new();
    for role in Role::ALL {
        let client = app.as_role(role);
        // The form that decides a case is shown to whoever has claimed it.
        let claimed = client.post_form("/reviews/next", &[]).await;
        let start = ["/", claimed.header("location").unwrap_or("/")];
        for (name, form) in forms_of(&client, &start).await {
            all.entry(name).or_insert_with(|| (client.clone(), form));
        }
    }
    all
}

#[actix_web::test]
async fn hostile_strings_break_no_form_and_come_back_escaped() {
    let Some(strings) = strings() else {
        return;
    };
    let app = TestApp::start().await;
    furnish(&app, &strings);
    let forms = all_forms(&app).await;
    let (mut sent, mut corrected, mut files_taken) = (0, 0, 0);
    for (turn, (client, form)) in forms.values().enumerate() {
        if form.typed.is_empty() || form.action.starts_with("/sign-out") {
            continue;
        }
        let mine = strings.iter().skip(turn % TURNS).step_by(TURNS);
        for (number, text) in mine.enumerate() {
            // A file is stored each time, so some strings stand for all.
            if form.is_multipart && number % 8 != 0 {
                continue;
            }
            let page = form.send(client, None, text).await;
            check(&page, form, None, text);
            corrected += usize::from(page.status == 422);
            // What is searched for is shown where the search leads to.
            if page.status == 303 && form.action == "/subjects" {
                check(&client.get(page.location()).await, form, None, text);
            }
            sent += 1;
            // All at once, only the first field that is refused is looked at; so some have their turn.
            if number % 4 == 0 {
                let field = form.typed.iter().nth(number / 4 % form.typed.len());
                let field = field.map(String::as_str);
                let page = form.send(client, field, text).await;
                check(&page, form, field, text);
                files_taken += usize::from(form.is_multipart && page.status == 303);
                sent += 1;
            }
        }
    }
    println!("{sent} posts and searches over {} forms", forms.len());
    assert!(corrected > 0, "no form came back to be corrected");
    assert!(files_taken > 0, "no file was taken in");
    for expected in [
        "POST /subjects",
        "POST /intake",
        "POST /policy/…/proposal",
        "POST /screening/lists",
        "POST /reviews/…/proposal",
        "POST /reviews/…/notes",
    ] {
        let found = forms.keys().any(|name| name.starts_with(expected));
        assert!(found, "{expected} was not found, only {:?}", forms.keys());
    }
}

#[actix_web::test]
async fn hostile_strings_at_the_door_come_back_escaped() {
    let Some(strings) = strings() else {
        return;
    };
    let app = TestApp::start().await;
    let outsider = app.as_outsider();
    let form = Form {
        action: "/sign-in".to_owned(),
        is_post: true,
        fields: ["email", "password", "next"]
            .map(|name| (name.to_owned(), "x".to_owned()))
            .into(),
        is_multipart: false,
        typed: ["email", "password", "next"].map(str::to_owned).into(),
        texts: ["email"].map(str::to_owned).into(),
    };
    for text in &strings {
        // Past the throttle, which would answer everything after the first few.
        app.advance(chrono::Duration::hours(1));
        let page = form.send(&outsider, None, text).await;
        check(&page, &form, None, text);
        assert_ne!(page.status, 303, "nobody is let in with {text:?}");
    }
}
