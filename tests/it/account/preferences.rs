//! How somebody wants the pages, on the next page of every session of theirs.

use scraper::{Html, Selector};

use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

const HERE: &str = "/account/preferences";

/// The form as it stands for somebody new, with some fields filled in otherwise. An empty box is not sent.
async fn save(client: &Client, changes: &[(&str, &str)]) -> Page {
    let mut fields = vec![
        ("zone", "UTC"),
        ("theme", "system"),
        ("shortcuts", "on"),
        ("live", "on"),
    ];
    for (name, value) in changes {
        let field = fields.iter_mut().find(|(field, _)| field == name).unwrap();
        field.1 = value;
    }
    fields.retain(|(_, value)| !value.is_empty());
    client.post_form(HERE, &fields).await
}

fn attribute(page: &Page, element: &str, name: &str) -> Option<String> {
    let html = Html::parse_document(&page.body);
    let found = html.select(&Selector::parse(element).unwrap()).next();
    found.unwrap().attr(name).map(str::to_owned)
}

fn theme(page: &Page) -> Option<String> {
    attribute(page, "html", "data-theme")
}

#[actix_web::test]
async fn moments_are_told_in_the_zone_that_was_chosen_in_every_session() {
    let app = TestApp::start().await;
    let (here, elsewhere, somebody) = (app.as_operator(), app.as_operator(), app.as_reviewer());
    let clock = |page: &Page| page.texts(".topbar-clock").concat();
    assert_eq!(clock(&here.get("/account").await), "Mon 2 Mar, 09:00 UTC");
    let saved = save(&here, &[("zone", "Asia/Tokyo")]).await;
    assert_eq!(saved.location(), "/account/preferences?done=saved");
    let page = here.get(saved.location()).await;
    assert!(page.says("Your preferences are saved"));
    assert!(page.says("It is now Monday 2 March 2026, 18:00:00 JST there."));
    assert!(
        page.body
            .contains(r#"<option value="Asia/Tokyo" selected>Asia/Tokyo, 18:00</option>"#)
    );
    for session in [&here, &elsewhere] {
        let account = session.get("/account").await;
        assert_eq!(clock(&account), "Mon 2 Mar, 18:00 JST");
        assert_eq!(account.definition("Time zone"), "Asia/Tokyo");
        assert!(account.body.contains("Monday 2 March 2026, 18:00:00 JST"));
    }
    assert_eq!(
        clock(&somebody.get("/account").await),
        "Mon 2 Mar, 09:00 UTC"
    );
}

#[actix_web::test]
async fn the_page_itself_says_its_theme() {
    let app = TestApp::start().await;
    let operator = app.as_operator();
    assert_eq!(theme(&operator.get("/account").await), None);
    for chosen in ["dark", "light"] {
        save(&operator, &[("theme", chosen)]).await.location();
        for path in ["/", "/account", HERE, "/alerts", "/nowhere", "/audit"] {
            let page = operator.get(path).await;
            assert_eq!(theme(&page).as_deref(), Some(chosen), "{path}");
        }
    }
    save(&operator, &[]).await.location();
    assert_eq!(theme(&operator.get("/account").await), None);
    assert_eq!(theme(&app.as_outsider().get("/sign-in").await), None);
}

#[actix_web::test]
async fn shortcuts_and_renewal_can_be_turned_off() {
    let app = TestApp::start().await;
    let operator = app.as_operator();
    let asks = |page: &Page| attribute(page, "body", "data-enhance").unwrap();
    let before = operator.get("/alerts").await;
    assert_eq!(asks(&before), "keyboard submit-once");
    assert_eq!(attribute(&before, "body", "data-still"), None);
    save(&operator, &[("shortcuts", ""), ("live", "")])
        .await
        .location();
    let after = operator.get("/alerts").await;
    assert_eq!(asks(&after), "submit-once");
    assert_eq!(attribute(&after, "body", "data-still").as_deref(), Some(""));
    assert_eq!(after.link("Refresh"), "", "the page itself");
    let form = operator.get(HERE).await;
    for name in ["shortcuts", "live"] {
        let box_ = format!("input[name={name}]");
        assert_eq!(attribute(&form, &box_, "checked"), None, "{name}");
    }
    assert!(
        form.says("cannot be turned off"),
        "what protects the account"
    );
}

#[actix_web::test]
async fn what_cannot_be_read_comes_back_as_it_was_typed() {
    let app = TestApp::start().await;
    let operator = app.as_operator();
    let refused = save(&operator, &[("zone", "Mars/Base"), ("theme", "dark")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.says("This is no time zone of the list."));
    assert!(
        refused
            .body
            .contains(r#"<option value="Mars/Base" selected>Mars/Base</option>"#)
    );
    let dark = "input[name=theme][value=dark]";
    assert_eq!(attribute(&refused, dark, "checked").as_deref(), Some(""));
    assert_eq!(theme(&refused), None, "nothing was saved");
    let refused = save(&operator, &[("theme", "sepia"), ("shortcuts", "")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.says("Choose one of the three themes."));
    let shortcuts = "input[name=shortcuts]";
    assert_eq!(attribute(&refused, shortcuts, "checked"), None);
    assert_eq!(app.events_of("preferences.changed").len(), 0);
    assert_eq!(
        operator.get("/account").await.definition("Time zone"),
        "UTC"
    );
}

#[actix_web::test]
async fn a_change_is_an_event_and_what_is_so_already_is_none() {
    let app = TestApp::start().await;
    let operator = app.as_operator();
    let wanted = [
        ("zone", "Africa/Lagos"),
        ("theme", "dark"),
        ("shortcuts", ""),
    ];
    save(&operator, &wanted).await.location();
    save(&operator, &wanted).await.location();
    let events = app.events_of("preferences.changed");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        events[0]["details"],
        serde_json::json!({
            "zone": "Africa/Lagos",
            "zone_before": "UTC",
            "theme": "dark",
            "theme_before": "system",
            "shortcuts": false,
        })
    );
    let person = operator.person.to_string();
    assert_eq!(events[0]["subject"]["id"], person.as_str());
    assert_eq!(events[0]["actor"]["id"], person.as_str());
}

#[actix_web::test]
async fn both_ways_lead_there() {
    let app = TestApp::start().await;
    let account = app.as_auditor().get("/account").await;
    assert_eq!(account.link("Preferences"), HERE, "the menu");
    assert_eq!(account.link("Change your preferences"), HERE);
}
