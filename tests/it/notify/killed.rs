//! The real program, killed while it delivers: whatever it had begun is sent by the next, and under the same id.

use signalbox::features::notify::delivery::deliver_due;
use signalbox::features::notify::notice::{Destination, State};

use super::delivering::end_leases;
use super::receivers::{Habit, MailServer, Manner, Receiver};
use super::{endpoint_at, enqueue, mail, mailing, to, told};
use crate::program::{free_port, serve_over};
use crate::support::app::TestApp;
use crate::support::waiting::until;

/// Lets the program run over the test's database until something has happened, and kills it in that moment.
async fn killed_when(app: &TestApp, mail: Option<&MailServer>, happened: impl Fn() -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve_over(app, &folder, free_port());
    if let Some(server) = mail {
        command
            .env(
                "SIGNALBOX_SMTP_URL",
                format!("smtp://127.0.0.1:{}", server.port),
            )
            .env("SIGNALBOX_MAIL_FROM", "Signalbox <signalbox@bank.example>");
    }
    let mut program = command.spawn().unwrap();
    until("it sends", async || {
        assert_eq!(program.try_wait().unwrap(), None, "it ended");
        happened()
    })
    .await;
    // On Unix this is SIGKILL.
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(told(app)[0].state, State::Queued);
    assert!(told(app)[0].attempts.is_empty(), "it said nothing any more");
}

/// Nobody begins while the lease of the dead holds; then the next does.
async fn the_next_delivers(app: &TestApp) {
    assert_eq!(deliver_due(&app.services).await.unwrap(), 0);
    end_leases(app);
    assert_eq!(deliver_due(&app.services).await.unwrap(), 1);
    assert_eq!(told(app)[0].state, State::Delivered);
}

#[actix_web::test]
async fn kill_9_between_commit_and_answer_loses_no_notice() {
    let receiver = Receiver::start(Habit::Silent);
    let app = TestApp::start().await;
    let id = endpoint_at(&app, &receiver.url());
    let notice = enqueue(&app, &to(Destination::Endpoint(id), "one")).unwrap();
    killed_when(&app, None, || !receiver.seen().is_empty()).await;

    receiver.set(Habit::Answer(200));
    the_next_delivers(&app).await;
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2, "at least once");
    for request in seen {
        assert_eq!(request.header("webhook-id"), notice.to_string());
    }
}

/// The server has the mail, and nobody ever heard that it has.
#[actix_web::test]
async fn kill_9_before_a_mail_is_taken_loses_no_notice() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    enqueue(&app, &mail("one"));
    server.set(Manner::Silent);
    killed_when(&app, Some(&server), || !server.taken().is_empty()).await;

    server.set(Manner::Takes);
    the_next_delivers(&app).await;
    let ids: Vec<String> = server
        .taken()
        .iter()
        .map(|it| it.header("Message-ID"))
        .collect();
    assert_eq!(ids.len(), 2, "at least once");
    assert_eq!(ids[0], ids[1], "a mailbox knows it again");
}

/// Claimed, and not a word of it had been sent.
#[actix_web::test]
async fn kill_9_right_after_the_claim_loses_no_notice() {
    let server = MailServer::start();
    let app = mailing(&server).await;
    enqueue(&app, &mail("one"));
    server.set(Manner::Mute);
    killed_when(&app, Some(&server), || told(&app)[0].is_being_sent).await;
    assert!(server.taken().is_empty());

    server.set(Manner::Takes);
    the_next_delivers(&app).await;
    assert_eq!(server.taken().len(), 1);
}
