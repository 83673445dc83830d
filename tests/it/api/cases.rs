//! Review cases for programs.

use signalbox::foundation::auth::keys::KeyScope::CasesRead;
use signalbox::foundation::auth::keys::NewKey;
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::support::app::TestApp;
use crate::support::keys::new_key;
use crate::support::subjects::{load_demo_list, take_in};

pub const CUSTOMERS: &str = "external_id,kind,name,date_of_birth,country,nationality,occupation,id_number\n\
    DEMO-7,person,Zoltan Fakename-Demo,1971-03-14,HU,HU,accountant,X1\n\
    DEMO-41,person,Sample Risky-Demo,1980-01-02,IR,IR,teacher,X2\n";

async fn app_with_cases() -> TestApp {
    let app = TestApp::start().await;
    load_demo_list(&app.services);
    take_in(&app.services, &app.db, CUSTOMERS);
    app.run_jobs();
    app
}

#[actix_web::test]
async fn cases_are_read_without_anything_personal() {
    let app = app_with_cases().await;
    let program = app.program(&[CasesRead]);
    let list = program.get("/api/v1/cases").await;
    let items = list.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 2, "{}", list.body);
    for item in &items {
        assert_eq!(item["platform"], "demo");
        assert_eq!(item["status"], "open");
        let path = format!("/api/v1/cases/{}", item["id"].as_str().unwrap());
        let one = program.get(&path).await;
        let detail = one.json();
        assert_eq!(detail["number"], item["number"]);
        let contributions = detail["contributions"].as_array().unwrap();
        assert!(
            contributions
                .iter()
                .any(|it| it["points"].as_u64() > Some(0)),
            "{detail}"
        );
        for personal in [
            "Zoltan",
            "Fakename",
            "Sample",
            "1971",
            "1980",
            "accountant",
            "X1",
            "X2",
        ] {
            assert!(
                !list.body.contains(personal) && !one.body.contains(personal),
                "{personal}"
            );
        }
    }
    // What is not personal is not logged as a reading of a person's record.
    assert!(app.events_of("kyc.case_read").is_empty());
}

#[actix_web::test]
async fn a_filter_is_known_or_refused() {
    let app = app_with_cases().await;
    let program = app.program(&[CasesRead]);
    let count = async |query: &str| {
        let list = program.get(&format!("/api/v1/cases?{query}")).await.json();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!(count("status=open&platform=demo").await, 2);
    assert_eq!(count("status=approved").await, 0);
    assert_eq!(count("band=low").await, 0);
    for query in [
        "status=closed",
        "band=huge",
        "platform=nowhere",
        "cursor=nonsense",
        "stauts=open",
        "status=open&status=open",
    ] {
        let refused = program.get(&format!("/api/v1/cases?{query}")).await;
        assert_eq!(refused.problem(), (400, "malformed".to_owned()), "{query}");
    }
}

#[actix_web::test]
async fn cases_of_other_platforms_are_not_there() {
    let app = app_with_cases().await;
    let id = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{id}', 'other', 'Other', now())"
    );
    use diesel::connection::SimpleConnection as _;
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let all = app.program(&[CasesRead]).get("/api/v1/cases").await.json();
    let one = all["items"][0]["id"].as_str().unwrap().to_owned();
    let made = app.make_key(NewKey {
        reach: Scope::one(id),
        ..new_key(&[CasesRead])
    });
    let program = app.program_with(made.text.expose());
    let list = program.get("/api/v1/cases").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 0);
    let hidden = program.get(&format!("/api/v1/cases/{one}")).await;
    assert_eq!(hidden.problem(), (404, "not_found".to_owned()));
}
