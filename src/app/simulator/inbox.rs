//! Where the demo's webhooks arrive: one receiver that takes them, and one that is away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};

/// As many as fit on the page.
const KEPT: usize = 20;
const LONGEST: usize = 2_000;

/// What came lately, the newest first.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<Mutex<VecDeque<Message>>>);

#[derive(Clone)]
pub(super) struct Message {
    pub at: DateTime<Utc>,
    pub id: String,
    pub is_signed: bool,
    pub body: String,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.lock().iter().cloned().collect()
    }
}

/// `POST /receivers/taken`
pub(super) async fn take(request: HttpRequest, inbox: Data<Inbox>, body: Bytes) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let text: String = String::from_utf8_lossy(&body)
        .chars()
        .take(LONGEST)
        .collect();
    let mut kept = inbox.lock();
    kept.push_front(Message {
        at: Utc::now(),
        id: header("webhook-id").to_owned(),
        is_signed: header("webhook-signature").starts_with("v1,"),
        body: text,
    });
    kept.truncate(KEPT);
    HttpResponse::Ok().body("taken by the simulator")
}

/// `POST /receivers/away`
pub(super) async fn be_away() -> HttpResponse {
    HttpResponse::ServiceUnavailable().body("the simulated receiver is away")
}
