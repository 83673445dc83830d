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
//! - somebody hears of a topic only if they may read what it is about, on the platform that it happened to;
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
use crate::foundation::kernel::{PlatformId, Scope};

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
    /// Whether an event that names no platform is about something that all have in common, and so concerns
    /// whoever has the permission. Else only those who have it for every platform hear of such an event.
    pub is_shared: bool,
}

/// What a kind of event changes.
pub type Topics = fn(&str) -> Option<Topic>;

/// The kind of an event, and the platform that it happened to.
type Happened = (String, Option<Uuid>);

/// A topic, on one platform or on none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Placed {
    topic: Topic,
    platform: Option<PlatformId>,
}

impl Placed {
    fn concerns(&self, signed: &Signed) -> bool {
        let Topic {
            needs, is_shared, ..
        } = self.topic;
        match self.platform {
            Some(platform) => signed.may_at(needs, platform),
            None if is_shared => signed.may(needs),
            None => signed.reach_for(needs) == Scope::All,
        }
    }
}

/// What was sealed up to an entry of the log.
#[derive(Clone, Debug, Default)]
struct News {
    /// The last entry that this tells of; -1 before the first.
    head: i64,
    topics: Vec<Placed>,
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

    /// By name, so that those of one name stand together.
    fn topics_of(&self, happened: &[Happened]) -> Vec<Placed> {
        let placed = |(kind, platform): &Happened| {
            let topic = (self.topics)(kind)?;
            let platform = platform.map(PlatformId::from);
            Some(Placed { topic, platform })
        };
        let mut topics: Vec<Placed> = happened.iter().filter_map(placed).collect();
        topics.sort_unstable_by_key(|placed| (placed.topic.name, placed.platform));
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
    let (head, happened) = block(move || {
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
        is_too_much: after.is_none() || happened.len() as i64 == BATCH,
        topics: hub.topics_of(&happened),
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
        let mut names: Vec<&str> = theirs
            .filter(|placed| placed.concerns(&self.signed))
            .map(|placed| placed.topic.name)
            .collect();
        names.dedup();
        let messages = names.into_iter().map(|name| message(news.head, name));
        messages.collect()
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
        let Ok(Ok(((head, happened), alive))) = polled else {
            continue;
        };
        let news = News {
            head,
            // From nothing, a listener may have come a moment before: better once too often.
            is_too_much: from.is_none() || happened.len() as i64 == BATCH,
            topics: hub.topics_of(&happened),
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

type Look = ((i64, Vec<Happened>), Vec<Uuid>);

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

/// The sealed head, and what happened after `from`; at most [`BATCH`].
fn poll(conn: &mut Conn, from: Option<i64>) -> db::Result<(i64, Vec<Happened>)> {
    let head = head(conn)?;
    let Some(from) = from.filter(|from| *from < head) else {
        return Ok((head, Vec::new()));
    };
    let happened = audit_log::table
        .filter(audit_log::idx.gt(from))
        .order(audit_log::idx)
        .limit(BATCH)
        .select((audit_log::kind, audit_log::platform_id))
        .load(conn)?;
    Ok((head, happened))
}
