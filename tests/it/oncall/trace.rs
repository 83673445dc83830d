//! The trace of an alert may become long; what is read of it at once may not.

use chrono::TimeDelta;
use signalbox::features::alerts::store::decisions::{self, AT_MOST, Decision, Kind, News, Way};
use signalbox::features::health::actions as health;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::db;
use uuid::Uuid;

use super::escalation::{lit, look};
use super::staffed;
use crate::notify::write;

#[actix_web::test]
async fn of_a_long_trace_the_newest_lines_are_read() {
    let app = staffed().await;
    let actor = Actor::command_line("tester");
    health::report_indicator(&app.services, &actor, "ncc_qos", 97.0, None).unwrap();
    look(&app);
    let alert = lit(&app).id;
    let line = |number: i64| Decision {
        at: app.now() + TimeDelta::seconds(number),
        kind: Kind::Told,
        news: News::Again,
        who: number.to_string(),
        why: String::new(),
        way: Some(Way {
            channel: "email".to_owned(),
            address: format!("{number}@test.example"),
            notice: Uuid::now_v7(),
        }),
    };
    write(&app, |tx| {
        (0..=AT_MOST).try_for_each(|number| decisions::insert(tx, alert, &line(number)))
    });
    let read = |conn: &mut _| {
        let told = decisions::told(conn, alert)?;
        let again = decisions::told_that_it_fires(conn, alert)?;
        Ok::<_, db::Error>((told, again))
    };
    let (told, again) = app.services.db.read(read).unwrap();
    let most = usize::try_from(AT_MOST).unwrap();
    assert_eq!((told.len(), again.len()), (most, most));
    assert_eq!(told[0].0, "1");
    assert_eq!(told[most - 1].0, AT_MOST.to_string());
}
