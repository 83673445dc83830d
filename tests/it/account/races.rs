//! What happens beside a change of the password. The other transaction is a connection of the test's, which holds
//! still at the moment that matters.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use signalbox::foundation::audit::Unaudited;
use signalbox::foundation::auth::attempts::{self, Key};
use signalbox::foundation::auth::sessions;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::auth::throttle::Scope;
use signalbox::foundation::db::schema::{password, session, sign_in_throttle as counters};
use signalbox::foundation::kernel::PersonId;

use super::{EMAIL, PASSWORD, give_password, sign_in};
use crate::support::app::TestApp;

/// Long enough for a request to come to the row that it has to wait for.
const A_MOMENT: Duration = Duration::from_millis(700);

fn sessions_of(app: &TestApp, person: PersonId, stage: Stage) -> i64 {
    session::table
        .filter(session::person_id.eq(person.uuid()))
        .filter(session::stage.eq(stage.as_str()))
        .count()
        .get_result(&mut app.db.connect_superuser())
        .unwrap()
}

/// A transaction that has changed the password and ended all sessions, and commits after a moment.
fn changing(app: &TestApp, person: PersonId) -> std::thread::JoinHandle<()> {
    let mut conn = app.db.connect_superuser();
    let hash = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c29tZXRoaW5nIGVsc2U";
    let (begun, has_begun) = std::sync::mpsc::channel();
    let handle = std::thread::spawn(move || {
        conn.transaction::<_, diesel::result::Error, _>(|conn| {
            sessions::hold_still(conn, person).unwrap();
            diesel::update(password::table.find(person.uuid()))
                .set(password::hash.eq(hash))
                .execute(conn)?;
            sessions::end_others(conn, person, None).unwrap();
            begun.send(()).unwrap();
            std::thread::sleep(A_MOMENT);
            Ok(())
        })
        .unwrap();
    });
    has_begun.recv().unwrap();
    handle
}

#[actix_web::test]
async fn a_second_step_beside_a_change_of_the_password_begins_no_session() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let browser = app.browser();
    give_password(&browser, EMAIL, PASSWORD).await;
    let page = browser.get("/sign-in/code").await;
    let code = app.code_of(person);
    let fields = [("code", code.as_str())];
    // The guard has found the half session before it is ended: nobody else's connection sees that yet.
    let change = changing(&app, person);
    let answer = browser.submit(&page, "/sign-in/code", &fields).await;
    change.join().unwrap();
    assert_eq!(answer.location(), "/sign-in");
    assert_eq!(sessions_of(&app, person, Stage::Full), 0);
    assert!(app.events_of("session.signed_in").is_empty());
}

#[actix_web::test]
async fn a_password_that_is_changed_while_it_is_verified_opens_nothing() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let change = changing(&app, person);
    let answer = give_password(&app.browser(), EMAIL, PASSWORD).await;
    change.join().unwrap();
    assert_eq!(answer.status, 422);
    assert_eq!(sessions_of(&app, person, Stage::SecondFactor), 0);
}

/// Each try sweeps away old counters, which are other people's: it must not hold one that somebody waits for while
/// it waits for them.
#[actix_web::test]
async fn a_try_that_sweeps_and_one_whose_counter_is_old_do_not_block_each_other() {
    let app = TestApp::start().await;
    let key = |number: u8| (Scope::Device, [number; 32]);
    let count = |keys: Vec<Key>| {
        app.services
            .audit
            .write_unaudited(Unaudited::Throttle, |conn| {
                attempts::count(conn, keys, app.now())
            })
    };
    let [first, middle, old] = [key(1), key(2), key(3)];
    count(vec![middle, old]).unwrap();
    app.advance(chrono::Duration::days(2));
    let (mut at_middle, mut at_old) = (app.db.connect_superuser(), app.db.connect_superuser());
    std::thread::scope(|scope| {
        // It waits in the middle of its counters, before the old one.
        hold(&mut at_middle, middle);
        hold(&mut at_old, old);
        let one = scope.spawn(|| count(vec![first, middle, old]));
        std::thread::sleep(A_MOMENT);
        release(&mut at_old);
        let other = scope.spawn(|| count(vec![first]));
        std::thread::sleep(A_MOMENT);
        assert!(!one.is_finished() && !other.is_finished());
        release(&mut at_middle);
        one.join().unwrap().expect("no deadlock");
        other.join().unwrap().expect("no deadlock");
    });
    let tries: Vec<i32> = counters::table
        .order(counters::key)
        .select(counters::tries)
        .load(&mut app.db.connect_superuser())
        .unwrap();
    assert_eq!(tries, [2, 1, 1], "each try is counted");
}

#[actix_web::test]
async fn a_try_sweeps_away_counters_of_the_day_before() {
    let app = TestApp::start().await;
    let count = |number: u8| {
        let keys = vec![(Scope::Device, [number; 32])];
        app.services
            .audit
            .write_unaudited(Unaudited::Throttle, |conn| {
                attempts::count(conn, keys, app.now())
            })
            .unwrap();
    };
    (0..25).for_each(count);
    app.advance(chrono::Duration::hours(25));
    count(0);
    let left = || -> i64 {
        let mut conn = app.db.connect_superuser();
        counters::table.count().get_result(&mut conn).unwrap()
    };
    assert_eq!(left(), 5, "twenty at most; its own is of today");
    count(0);
    assert_eq!(left(), 1);
}

fn hold(conn: &mut PgConnection, (scope, key): Key) {
    conn.batch_execute("BEGIN").unwrap();
    let held: i32 = counters::table
        .find((scope.name(), key.as_slice()))
        .select(counters::tries)
        .for_update()
        .first(conn)
        .unwrap();
    assert!(held < 9);
}

fn release(conn: &mut PgConnection) {
    conn.batch_execute("COMMIT").unwrap();
}

/// The same without a script: whatever the order, no session outlives the change but the one it was made in.
#[actix_web::test]
async fn of_sign_ins_and_a_change_at_once_only_the_changer_stays_in() {
    let app = TestApp::start().await;
    let (person, _) = app.enrolled(EMAIL);
    let here = app.browser();
    sign_in(&app, &here, person, EMAIL).await;
    let mut current = PASSWORD.to_owned();
    for round in 0..6 {
        app.next_code();
        let there = app.browser();
        give_password(&there, EMAIL, &current).await;
        let code_page = there.get("/sign-in/code").await;
        let page = here.get("/account/password").await;
        let chosen = format!("copper kettle meadow {round}");
        let code = app.code_of(person);
        let change = [
            ("current", current.as_str()),
            ("password", &chosen),
            ("again", &chosen),
        ];
        let code = [("code", code.as_str())];
        let (changed, _) = futures_util::future::join(
            here.submit(&page, "/account/password", &change),
            there.submit(&code_page, "/sign-in/code", &code),
        )
        .await;
        assert_eq!(changed.location(), "/account?done=password");
        assert_eq!(sessions_of(&app, person, Stage::Full), 1);
        current = chosen;
    }
}
