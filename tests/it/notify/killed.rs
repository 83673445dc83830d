//! The real program, killed while it delivers.

use std::time::{Duration, Instant};

use signalbox::features::notify::delivery::deliver_due;
use signalbox::features::notify::notice::{Destination, State};

use super::delivering::end_leases;
use super::receivers::{Habit, Receiver};
use super::{endpoint_at, enqueue, to, told};
use crate::program::{free_port, serve_over};
use crate::support::app::TestApp;

#[actix_web::test]
async fn kill_9_between_commit_and_answer_loses_no_notice() {
    let receiver = Receiver::start(Habit::Silent);
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    let notice = enqueue(&app, &to(Destination::Endpoint(id), "one")).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let mut program = serve_over(&app, &folder, free_port()).spawn().unwrap();
    let begun = Instant::now();
    while receiver.seen().is_empty() {
        assert_eq!(program.try_wait().unwrap(), None, "it ended");
        assert!(begun.elapsed() < Duration::from_mins(1), "it sends nothing");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // On Unix this is SIGKILL.
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(told(&app)[0].state, State::Queued);
    assert!(
        told(&app)[0].attempts.is_empty(),
        "it said nothing any more"
    );

    receiver.set(Habit::Answer(200));
    assert_eq!(
        deliver_due(&app.services).await.unwrap(),
        0,
        "while the lease holds"
    );
    end_leases(&app);
    assert_eq!(deliver_due(&app.services).await.unwrap(), 1);
    assert_eq!(told(&app)[0].state, State::Delivered);
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2, "at least once");
    for request in seen {
        assert_eq!(request.header("webhook-id"), notice.to_string());
    }
}
