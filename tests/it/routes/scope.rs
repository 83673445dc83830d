//! Platform scope over the whole route table: for somebody whose grants reach another platform, no object of this
//! one exists, no list shows one, and no form works on one.

use signalbox::foundation::auth::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use super::crawl::forms_of;
use super::furnish::{self, Places};
use crate::support::app::TestApp;
use crate::support::personas::Client;

/// Pages whose objects belong to no platform, each with the reason.
const OF_NO_PLATFORM: &[(&str, &str)] = &[
    ("/display/link/{token}", "its bearer's"),
    ("/jobs/{id}", "work of the installation"),
    ("/account/passkeys/{id}", "its owner's, and nobody else's"),
    ("/people/{id}", "somebody may act on several"),
    ("/people/{id}/grant", "somebody may act on several"),
    ("/people/proposals/{id}", "somebody may act on several"),
    ("/people/reviews/{id}", "somebody may act on several"),
    ("/policy/{key}", "holds for all platforms"),
    ("/webhooks/{id}", "notices of all platforms go there"),
    ("/screening/lists/loads/{id}", "lists are common to all"),
];

/// A platform on which there is nothing, and somebody of each role who is there for it alone.
fn elsewhere(app: &TestApp) -> Vec<(Role, Client)> {
    use diesel::connection::SimpleConnection;
    let id = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) \
         VALUES ('{id}', 'elsewhere', 'Elsewhere', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let limited = |role: Role| {
        let email = format!("elsewhere-{role}@test.example");
        (role, app.as_limited(&email, role, Scope::one(id)))
    };
    Role::ALL.into_iter().map(limited).collect()
}

fn belongs_to_none(page: &str) -> bool {
    OF_NO_PLATFORM.iter().any(|(of_none, _)| *of_none == page)
}

#[actix_web::test]
async fn nothing_of_another_platform_is_shown() {
    let app = TestApp::start().await;
    let acted = furnish::furnish(&app).await;
    let pages = furnish::pages();
    let places = Places::find(&app, &pages, &acted).await;
    assert!(places.missing.is_empty(), "{:?}", places.missing);
    let (objects, lists): (Vec<_>, Vec<_>) = places
        .found
        .iter()
        .partition(|(page, _)| page.contains('{'));
    let objects: Vec<_> = objects
        .into_iter()
        .filter(|(page, _)| !belongs_to_none(page))
        .collect();
    assert!(objects.len() > 8, "there are objects to hide");
    for (page, place) in &objects {
        let status = place.client.get(&place.path).await.status;
        assert_eq!(status, 200, "{page} opens for whoever reaches it");
    }
    for (role, client) in elsewhere(&app) {
        for (page, place) in &objects {
            let status = client.get(&place.path).await.status;
            assert!(
                status == 404 || status == 403,
                "{page} of another platform answers {status} to {role}"
            );
        }
        for (page, _) in &lists {
            let shown = client.get(page).await;
            for (_, place) in &objects {
                let link = format!("\"{}\"", place.path);
                assert!(
                    !shown.body.contains(&link),
                    "{page} leads {role} to {}",
                    place.path
                );
            }
        }
    }
}

#[actix_web::test]
async fn no_form_works_on_another_platform() {
    let app = TestApp::start().await;
    let acted = furnish::furnish(&app).await;
    let there = elsewhere(&app);
    let mut sent = 0;
    for role in [Role::Operator, Role::Reviewer, Role::Compliance] {
        let here = app.as_role(role);
        let claimed = here.post_form("/reviews/next", &[]).await;
        let mut start: Vec<&str> = acted.iter().map(String::as_str).collect();
        start.extend(["/", claimed.header("location").unwrap_or("/")]);
        let forms = forms_of(&here, &start).await;
        let of_objects = forms.iter().filter(|(name, form)| {
            let is_common = ["/jobs/", "/policy/", "/account", "/webhooks"]
                .iter()
                .any(|common| form.action.starts_with(common));
            form.is_post && name.contains('…') && !is_common
        });
        for (name, form) in of_objects {
            let (_, stranger) = there.iter().find(|(held, _)| *held == role).unwrap();
            let answer = form.send(stranger, None, "1").await;
            assert!(
                [400, 403, 404].contains(&answer.status),
                "{name} on another platform answers {} to {role}: {}",
                answer.status,
                answer.text()
            );
            sent += 1;
        }
    }
    assert!(sent > 6, "only {sent} forms were found");
}
