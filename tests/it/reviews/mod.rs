//! The KYC desk: cases open, are claimed by one, decided, and approved by somebody else.

mod desk;
mod judging;
mod races;
mod standing;

use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use signalbox::features::intake;
use signalbox::features::reviews::actions::{self, Decide, ReviewError};
use signalbox::features::reviews::assess::{self, Ground};
use signalbox::features::reviews::case::{Case, CaseId, CaseRefusal, Effect, OpenedFor};
use signalbox::features::reviews::hit_actions;
use signalbox::features::reviews::store::queue::{self, Wanted};
use signalbox::features::reviews::store::{assessments, cases, decisions};
use signalbox::features::reviews::verdict::{Status, Verdict};
use signalbox::features::screening::actions::Judgement;
use signalbox::features::screening::hit::{Hit, HitRefusal, HitStatus, Outcome};
use signalbox::features::screening::index::Scratch;
use signalbox::features::screening::{dispositions, hits, lists};
use signalbox::foundation::audit::{Actor, Event, Subject, Tx};
use signalbox::foundation::auth::Role;
use signalbox::foundation::config::Mode;
use signalbox::foundation::db::{self, PoolKind};
use signalbox::foundation::kernel::{PersonId, PlatformId, Scope, SubjectId};

use crate::support::app::TestApp;
use crate::support::personas::Client;
use crate::support::subjects::{load_demo_list, take_in};

const HEADER: &str = "external_id,kind,name,date_of_birth,country,nationality,occupation,id_number";
const LISTED: &str = "DEMO-7,person,Zoltan Fakename-Demo,1971-03-14,HU,HU,accountant,X1";
const RISKY: &str = "DEMO-41,person,Sample Risky-Demo,1980-01-02,IR,IR,teacher,X2";
const PLAIN: &str = "DEMO-1,person,Plain Sample-Demo,1990-05-06,CZ,CZ,nurse,X3";

fn csv(rows: &[&str]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// An application with the invented list, these customers, and what followed.
async fn app_with(rows: &[&str]) -> TestApp {
    let app = TestApp::start().await;
    load_demo_list(&app.services);
    take_in(&app.services, &app.db, &csv(rows));
    let drained = app.run_jobs();
    assert_eq!(drained.failed, 0);
    app
}

fn open_cases(app: &TestApp) -> Vec<Case> {
    let wanted = Wanted::open(Scope::All);
    let page = app
        .services
        .db
        .read(|conn| queue::page(conn, &wanted, None));
    page.unwrap().items
}

fn the_case(app: &TestApp) -> Case {
    let mut cases = open_cases(app);
    assert_eq!(cases.len(), 1, "one case is open");
    cases.remove(0)
}

fn reread(app: &TestApp, id: CaseId) -> Case {
    app.services.db.read(|conn| cases::find(conn, id)).unwrap()
}

fn hits_of(app: &TestApp, case: &Case) -> Vec<Hit> {
    let read = app
        .services
        .db
        .read(|conn| hits::of_subjects(conn, &[case.subject]));
    read.unwrap()
}

fn act<T>(
    app: &TestApp,
    by: PersonId,
    action: impl FnOnce(&mut Tx<'_>) -> Result<T, ReviewError>,
) -> Result<T, ReviewError> {
    app.services.audit.write(&Actor::person(by), action)
}

fn events(app: &TestApp, kind: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let query = "SELECT count(*) AS count FROM audit_inbox \
                 WHERE convert_from(body, 'UTF8')::jsonb ->> 'kind' = $1";
    diesel::sql_query(query)
        .bind::<Text, _>(kind)
        .get_result::<Count>(&mut app.db.connect_superuser())
        .unwrap()
        .count
}

/// The disposition that is proposed on a hit.
fn proposal_of(app: &TestApp, hit: &Hit) -> String {
    let read = app
        .services
        .db
        .read(|conn| dispositions::of_subject(conn, hit.subject));
    read.unwrap()[&hit.id].id.to_string()
}

fn standing_of(app: &TestApp, subject: SubjectId) -> intake::Status {
    let keyring = &app.services.keyring;
    let read = app.services.db.read_for(PoolKind::Web, &"test", |conn| {
        intake::store::records(conn, keyring, &[subject])
    });
    read.unwrap().pop().unwrap().status
}

/// What is said about a hit by one person, and agreed to by another.
fn judge_by_two(app: &TestApp, case: &Case, outcome: Outcome) {
    let (ann, ben) = (app.as_reviewer().person, app.as_second_reviewer().person);
    let hit = hits_of(app, case).remove(0);
    act(app, ann, |tx| actions::claim(tx, case.id, ann)).unwrap();
    let judgement = Judgement {
        by: ann,
        outcome,
        reason: "identifiers_agree",
        note: "compared",
        seen: hit.version,
    };
    let holds = act(app, ann, |tx| {
        hit_actions::judge(tx, case.id, hit.id, &judgement)
    });
    assert!(!holds.unwrap(), "two people are needed");
    let seen = proposal_of(app, &hit).parse().unwrap();
    act(app, ben, |tx| {
        hit_actions::second(tx, case.id, hit.id, ben, seen)
    })
    .unwrap();
}

/// One person decides a case that they claim.
fn decide_alone(app: &TestApp, case: CaseId, verdict: Verdict) -> Result<Effect, ReviewError> {
    let ann = app.as_reviewer().person;
    act(app, ann, |tx| actions::claim(tx, case, ann))?;
    let decide = Decide {
        by: ann,
        verdict,
        reasons: &["outside_appetite".to_owned()],
        note: "seen",
        seen: reread(app, case).version,
    };
    act(app, ann, |tx| actions::decide(tx, case, &decide))
}

fn run(app: &TestApp, statement: &str) {
    app.db.connect_superuser().batch_execute(statement).unwrap();
}

/// Signs somebody in who holds a role on one platform only.
fn as_reviewer_of(app: &TestApp, email: &str, scope: Scope) -> Client {
    app.as_limited(email, Role::Reviewer, scope)
}

async fn decide(
    client: &Client,
    case: &Case,
    fields: &[(&str, &str)],
) -> crate::support::page::Page {
    let version = case.version.to_string();
    let mut all = vec![("version", version.as_str())];
    all.extend_from_slice(fields);
    client
        .post_form(&format!("/reviews/{}/decision", case.id), &all)
        .await
}

fn propose(
    app: &TestApp,
    case: CaseId,
    by: PersonId,
) -> signalbox::features::reviews::case::DecisionId {
    act(app, by, |tx| actions::claim(tx, case, by)).unwrap();
    let seen = reread(app, case).version;
    let decide = Decide {
        by,
        verdict: Verdict::Approve,
        reasons: &["risk_understood".to_owned()],
        note: "fine",
        seen,
    };
    let effect = act(app, by, |tx| actions::decide(tx, case, &decide)).unwrap();
    assert_eq!(effect, Effect::Proposed);
    let read = app.services.db.read(|conn| decisions::of_case(conn, case));
    read.unwrap().pop().unwrap().id
}

/// What the jobs do, for these subjects.
fn reassess(app: &TestApp, subjects: &[SubjectId]) -> assess::Tally {
    let (ground, records) = ground(app, subjects);
    let mut scratch = Scratch::default();
    let compared = ground.compare(records, &mut scratch);
    write(app, &ground, &compared, &mut scratch)
}

fn ground(app: &TestApp, subjects: &[SubjectId]) -> (Ground, Vec<intake::store::SubjectRecord>) {
    let (keyring, now) = (&app.services.keyring, app.now());
    let read = app
        .services
        .db
        .read_for::<_, ReviewError>(PoolKind::Jobs, &"test", |conn| {
            Ok(Ground::of(conn, keyring, subjects, now, true)?)
        });
    read.unwrap()
}

fn write(
    app: &TestApp,
    ground: &Ground,
    compared: &[assess::Compared<'_>],
    scratch: &mut Scratch,
) -> assess::Tally {
    let written = app
        .services
        .audit
        .write::<_, ReviewError>(&Actor::command_line("test"), |tx| {
            let tally = assess::write(tx, ground, compared, scratch)?;
            tx.record(Event::new(
                "kyc.subjects_assessed",
                Subject::new("job", "test"),
            ))?;
            Ok(tally)
        });
    written.unwrap()
}

/// One listed person, published on a day.
fn load_list(app: &TestApp, remarks: &str, published: &str) {
    load_namesakes(app, &[remarks], published);
}

/// Listed people of one name, each with remarks of their own, published on a day.
fn load_namesakes(app: &TestApp, remarks: &[&str], published: &str) {
    let nulls = "-0- ,".repeat(7);
    let row = |(number, remarks): (u32, &&str)| {
        format!("{number},\"FAKENAME, Ana\",individual,DEMO,{nulls}\"{remarks}\"\r\n")
    };
    let rows: Vec<String> = (1..).zip(remarks).map(row).collect();
    let sdn = format!("{}\u{1a}", rows.concat());
    let published = published.parse().unwrap();
    let none = || &b""[..];
    let list = lists::read_ofac(sdn.as_bytes(), none(), none(), published).unwrap();
    let actor = Actor::command_line("test");
    lists::load(&app.services, &actor, &list, &lists::Order::default()).unwrap();
    assert_eq!(app.run_jobs().failed, 0);
}

fn subjects(app: &TestApp) -> Vec<SubjectId> {
    let read = app
        .services
        .db
        .read(|conn| intake::store::ids_after(conn, None, 100));
    read.unwrap()
}

fn the_case_of(app: &TestApp, external_id: &str) -> Case {
    open_cases(app)
        .into_iter()
        .find(|case| case.external_id == external_id)
        .unwrap()
}
