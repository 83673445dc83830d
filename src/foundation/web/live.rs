//! Live updates: pages hear that something changed, and fetch what it is.
//!
//! One poll of the sealed log for each process feeds every stream, so a hundred open pages cost the
//! database what one does. A message names a topic and nothing else: what it means to the reader is
//! decided when the page is fetched again, by that reader's permissions.
//!
//! Invariants:
//! - nothing that is sealed after a page was made goes unsaid: the page names the last entry that it can
//!   have seen, the stream begins after that one, and every message names its own, so that a browser that
//!   comes back begins where it was;
//! - somebody hears of a topic only if they may read what it is about;
//! - a stream ends with its session, whatever ended that, and when the server stops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{Error, block};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed, sessions};
use crate::foundation::db::schema::audit_log;
use crate::foundation::db::{self, Conn, PoolKind};

const POLL: Duration = Duration::from_millis(400);
/// Keeps proxies from closing a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// A stream ends after this; the browser comes back, and the guard looks at its permissions anew.
const LONGEST: Duration = Duration::from_mins(2);
/// More than this at once is told as "anything may have changed".
const BATCH: i64 = 500;
const BACKLOG: usize = 256;
/// A session's streams; more of them are the tabs of a browser that does not share one.
const STREAMS_PER_SESSION: usize = 12;

/// What changes on open pages: blocks listen for its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: &'static str,
    /// Who may know that it changed.
    pub needs: Permission,
}

/// What a kind of event changes.
pub type Topics = fn(&str) -> Option<Topic>;

/// What was sealed up to an entry of the log.
#[derive(Clone, Debug, Default)]
struct News {
    /// The last entry that this tells of; -1 before the first.
    head: i64,
    topics: Vec<Topic>,
    /// Too much to say what: everything may have changed.
    is_too_much: bool,
}

/// The one source of changes in this process.
#[derive(Clone)]
pub struct Hub {
    topics: Topics,
    news: broadcast::Sender<Arc<News>>,
    /// How many streams each session has open.
    listening: Arc<Mutex<HashMap<Uuid, usize>>>,
    /// What the first listener after a silence has been told.
    begin: Arc<Mutex<Option<i64>>>,
    /// Sessions that turned out to be over.
    over: broadcast::Sender<Uuid>,
    closing: Arc<watch::Sender<bool>>,
}

impl Hub {
    /// Starts following the sealed log. The task ends when the hub is closed.
    #[must_use]
    pub fn start(services: &Services, topics: Topics) -> Self {
        let hub = Self {
            topics,
            news: broadcast::channel(BACKLOG).0,
            listening: Arc::default(),
            begin: Arc::default(),
            over: broadcast::channel(BACKLOG).0,
            closing: Arc::new(watch::channel(false).0),
        };
        tokio::spawn(follow(hub.clone(), services.clone()));
        hub
    }

    /// Ends every stream, and lets nobody in any more.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Nothing where a session has too many streams already.
    fn subscribe(&self, session: Uuid) -> Option<Listener> {
        let mut listening = self.sessions();
        let streams = listening.entry(session).or_default();
        if *streams >= STREAMS_PER_SESSION {
            return None;
        }
        *streams += 1;
        drop(listening);
        Some(Listener {
            session,
            news: self.news.subscribe(),
            over: self.over.subscribe(),
            closing: self.closing.subscribe(),
            hub: self.clone(),
        })
    }

    fn begin(&self) -> MutexGuard<'_, Option<i64>> {
        self.begin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Uuid, usize>> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn topics_of(&self, kinds: &[String]) -> Vec<Topic> {
        let mut topics: Vec<Topic> = kinds
            .iter()
            .filter_map(|kind| (self.topics)(kind))
            .collect();
        topics.sort_unstable_by_key(|topic| topic.name);
        topics.dedup();
        topics
    }
}

struct Listener {
    session: Uuid,
    news: broadcast::Receiver<Arc<News>>,
    over: broadcast::Receiver<Uuid>,
    closing: watch::Receiver<bool>,
    hub: Hub,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listening = self.hub.sessions();
        if let Some(streams) = listening.get_mut(&self.session) {
            *streams -= 1;
            if *streams == 0 {
                listening.remove(&self.session);
            }
        }
    }
}

/// What a listener waits for.
enum Heard {
    News(Arc<News>),
    /// It fell behind and missed something.
    Missed,
    Silence,
    End,
}

impl Listener {
    async fn hear(&mut self, ends: Instant) -> Heard {
        let quiet_until = Instant::now() + HEARTBEAT;
        loop {
            tokio::select! {
                _ = self.closing.wait_for(|closing| *closing) => return Heard::End,
                () = sleep_until(ends) => return Heard::End,
                over = self.over.recv() => match over {
                    Ok(session) if session != self.session => {}
                    // Told, or too far behind to know: the guard knows, when the browser comes back.
                    _ => return Heard::End,
                },
                news = self.news.recv() => return match news {
                    Ok(news) => Heard::News(news),
                    Err(broadcast::error::RecvError::Lagged(_)) => Heard::Missed,
                    Err(broadcast::error::RecvError::Closed) => Heard::End,
                },
                () = sleep_until(quiet_until) => return Heard::Silence,
            }
        }
    }
}

#[derive(Deserialize)]
pub struct Since {
    /// The last entry of the log that the page can have seen.
    after: Option<i64>,
}

/// One open stream.
struct Stream {
    listener: Listener,
    signed: Signed,
    ends: Instant,
    /// The last entry that this browser was told of.
    told: i64,
    opening: Option<News>,
}

/// `GET /live?after=INDEX`: an event stream of topics, from there on.
pub async fn stream_changes(
    hub: Data<Hub>,
    services: Data<Services>,
    signed: Signed,
    since: Query<Since>,
    request: HttpRequest,
) -> super::Result {
    let session = signed.session;
    let Some(listener) = hub.subscribe(session) else {
        return Err(Error::TooMany {
            retry_after_secs: 10,
        });
    };
    // A browser that comes back by itself says how far it was.
    let last = request.headers().get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let after = last.or(since.after);
    // After the subscription: what is sealed from here on comes through it.
    let missed = services.clone();
    let (head, kinds) = block(move || {
        missed
            .db
            .read(|conn| poll(conn, after).map_err(Error::from))
    })
    .await?;
    hub.begin().get_or_insert(head);
    let now = services.clock.now();
    let session_lasts = (signed.session_ends_at - now).to_std().unwrap_or_default();
    let opening = News {
        head,
        is_too_much: after.is_none() || kinds.len() as i64 == BATCH,
        topics: hub.topics_of(&kinds),
    };
    let stream = Stream {
        listener,
        signed,
        ends: Instant::now() + LONGEST.min(session_lasts),
        told: head,
        opening: Some(opening),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream::unfold(stream, Stream::next)))
}

impl Stream {
    async fn next(mut self) -> Option<(Result<Bytes, actix_web::Error>, Self)> {
        if let Some(news) = self.opening.take() {
            // It tells a browser that hears nothing more where to begin again.
            let mut text = format!(
                "retry: 1000\nid: {head}\nevent: head\ndata: {head}\n\n",
                head = news.head
            );
            text.push_str(&self.tell(&news));
            return Some((Ok(text.into()), self));
        }
        loop {
            let text = match self.listener.hear(self.ends).await {
                Heard::End => return None,
                Heard::Silence => ": still here\n\n".to_owned(),
                Heard::Missed => message(self.told, "*"),
                Heard::News(news) if news.head <= self.told => continue,
                Heard::News(news) => {
                    self.told = news.head;
                    self.tell(&news)
                }
            };
            if !text.is_empty() {
                return Some((Ok(text.into()), self));
            }
        }
    }

    fn tell(&self, news: &News) -> String {
        if news.is_too_much {
            return message(news.head, "*");
        }
        let theirs = news.topics.iter();
        theirs
            .filter(|topic| self.signed.may(topic.needs))
            .map(|topic| message(news.head, topic.name))
            .collect()
    }
}

fn message(head: i64, topic: &str) -> String {
    format!("id: {head}\nevent: change\ndata: {topic}\n\n")
}

async fn follow(hub: Hub, services: Services) {
    let mut closing = hub.closing.subscribe();
    let mut seen: Option<i64> = None;
    loop {
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(POLL) => {}
        }
        let sessions: Vec<Uuid> = hub.sessions().keys().copied().collect();
        // Nobody listens. Whoever comes is told what they missed when they open their stream.
        if sessions.is_empty() {
            seen = None;
            *hub.begin() = None;
            continue;
        }
        let from = seen.or_else(|| *hub.begin());
        let (services, asked) = (services.clone(), sessions.clone());
        let polled = tokio::task::spawn_blocking(move || {
            let now = services.clock.now();
            services
                .db
                .read_on(PoolKind::Jobs, |conn| look(conn, from, &asked, now))
        })
        .await;
        let Ok(Ok(((head, kinds), alive))) = polled else {
            continue;
        };
        let news = News {
            head,
            // From nothing, a listener may have come a moment before: better once too often.
            is_too_much: from.is_none() || kinds.len() as i64 == BATCH,
            topics: hub.topics_of(&kinds),
        };
        if seen != Some(head) {
            seen = Some(head);
            let _ = hub.news.send(Arc::new(news));
        }
        for session in sessions {
            if !alive.contains(&session) {
                let _ = hub.over.send(session);
            }
        }
    }
}

type Look = ((i64, Vec<String>), Vec<Uuid>);

fn look(
    conn: &mut Conn,
    from: Option<i64>,
    listening: &[Uuid],
    now: DateTime<Utc>,
) -> db::Result<Look> {
    Ok((poll(conn, from)?, sessions::alive(conn, listening, now)?))
}

/// The last entry that is sealed; -1 where none is.
pub fn head(conn: &mut Conn) -> db::Result<i64> {
    let head: Option<i64> = audit_log::table
        .select(audit_log::idx)
        .order(audit_log::idx.desc())
        .first(conn)
        .optional()?;
    Ok(head.unwrap_or(-1))
}

/// The sealed head, and the kinds of the events after `from`; at most [`BATCH`].
fn poll(conn: &mut Conn, from: Option<i64>) -> db::Result<(i64, Vec<String>)> {
    let head = head(conn)?;
    let Some(from) = from.filter(|from| *from < head) else {
        return Ok((head, Vec::new()));
    };
    let kinds = audit_log::table
        .filter(audit_log::idx.gt(from))
        .order(audit_log::idx)
        .limit(BATCH)
        .select(audit_log::kind)
        .load(conn)?;
    Ok((head, kinds))
}
