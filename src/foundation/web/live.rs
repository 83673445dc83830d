//! Live updates: pages hear that something changed, and fetch what it is.
//!
//! One poll of the sealed log for each process feeds every stream, so a hundred open pages cost the
//! database what one does. A message names a topic and nothing else: what it means to the reader is
//! decided when the page is fetched again, by that reader's permissions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use diesel::prelude::*;
use futures_util::stream;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};

use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db::schema::audit_log;
use crate::foundation::db::{self, Conn, PoolKind};

const POLL: Duration = Duration::from_millis(400);
/// Keeps proxies from closing a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// A stream ends after this; the browser comes back, and the guard looks at its session anew.
const LONGEST: Duration = Duration::from_mins(2);
const BATCH: i64 = 500;
const BACKLOG: usize = 256;

/// The one source of changes in this process.
#[derive(Clone)]
pub struct Hub {
    changes: broadcast::Sender<&'static str>,
    listeners: Arc<AtomicUsize>,
}

impl Hub {
    /// Starts following the sealed log. The task ends with the runtime.
    #[must_use]
    pub fn start(services: &Services, topics: fn(&str) -> Option<&'static str>) -> Self {
        let (changes, _) = broadcast::channel(BACKLOG);
        let hub = Self {
            changes,
            listeners: Arc::default(),
        };
        tokio::spawn(follow(hub.clone(), services.clone(), topics));
        hub
    }

    fn subscribe(&self) -> Listener {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Listener {
            changes: self.changes.subscribe(),
            listeners: self.listeners.clone(),
        }
    }
}

struct Listener {
    changes: broadcast::Receiver<&'static str>,
    listeners: Arc<AtomicUsize>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /live`: an event stream of topics.
pub async fn stream_changes(hub: Data<Hub>, _signed: Signed) -> super::Result {
    let ends = Instant::now() + LONGEST;
    let listener = hub.subscribe();
    let opening = Bytes::from_static(b"retry: 1000\n\n");
    let messages = stream::unfold(
        (listener, Some(opening)),
        move |(mut listener, opening)| async move {
            if let Some(opening) = opening {
                return Some((Ok::<_, actix_web::Error>(opening), (listener, None)));
            }
            if Instant::now() >= ends {
                return None;
            }
            let message = match timeout(HEARTBEAT, listener.changes.recv()).await {
                Ok(Ok(topic)) => Bytes::from(format!("event: change\ndata: {topic}\n\n")),
                // Too far behind to say what changed: everything may have.
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => {
                    Bytes::from_static(b"event: change\ndata: *\n\n")
                }
                Ok(Err(broadcast::error::RecvError::Closed)) => return None,
                Err(_) => Bytes::from_static(b": still here\n\n"),
            };
            Some((Ok(message), (listener, None)))
        },
    );
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(messages))
}

async fn follow(hub: Hub, services: Services, topics: fn(&str) -> Option<&'static str>) {
    let mut seen: Option<i64> = None;
    loop {
        tokio::time::sleep(POLL).await;
        if hub.listeners.load(Ordering::Relaxed) == 0 {
            // Nobody listens: begin at the head again when somebody does.
            seen = None;
            continue;
        }
        let services = services.clone();
        let from = seen;
        let polled = tokio::task::spawn_blocking(move || {
            services.db.read_on(PoolKind::Jobs, |conn| poll(conn, from))
        })
        .await;
        let Ok(Ok((head, kinds))) = polled else {
            continue;
        };
        seen = Some(head);
        let mut told: Vec<&'static str> = kinds.iter().filter_map(|kind| topics(kind)).collect();
        told.sort_unstable();
        told.dedup();
        for topic in told {
            let _ = hub.changes.send(topic);
        }
    }
}

/// The sealed head, and the kinds of the events after `from`.
fn poll(conn: &mut Conn, from: Option<i64>) -> db::Result<(i64, Vec<String>)> {
    let Some(from) = from else {
        let head: Option<i64> = audit_log::table
            .select(audit_log::idx)
            .order(audit_log::idx.desc())
            .first(conn)
            .optional()?;
        return Ok((head.unwrap_or(-1), Vec::new()));
    };
    let rows: Vec<(i64, String)> = audit_log::table
        .filter(audit_log::idx.gt(from))
        .order(audit_log::idx)
        .limit(BATCH)
        .select((audit_log::idx, audit_log::kind))
        .load(conn)?;
    let head = rows.last().map_or(from, |(idx, _)| *idx);
    Ok((head, rows.into_iter().map(|(_, kind)| kind).collect()))
}
