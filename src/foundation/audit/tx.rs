use std::ops::{Deref, DerefMut};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diesel::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::projection::{MAX_BODY_BYTES, MAX_FIELD_BYTES, fits_a_column};
use super::{Actor, Audit, Event, Log, NewJob, jcs};
use crate::foundation::crypto::{Keyring, random, subject_keys};
use crate::foundation::db::schema::{audit_detail, audit_inbox, idempotency, sar_audit_inbox};
use crate::foundation::db::{self, Conn, Error};
use crate::foundation::kernel::{PlatformId, SubjectId};

/// The longest personal detail. Its line of an export has room for twice as much.
const MAX_DETAIL_BYTES: usize = 65_536;

/// What makes two posts of one form one act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormKey {
    /// The form was shown with it.
    pub id: Uuid,
    /// SHA-256 of what was typed, where it is known.
    pub digest: Option<[u8; 32]>,
}

impl FormKey {
    fn is_of(&self, first: Option<&[u8]>) -> bool {
        match (first, &self.digest) {
            (Some(first), Some(digest)) => first == digest,
            _ => true,
        }
    }
}

impl From<Uuid> for FormKey {
    fn from(id: Uuid) -> Self {
        Self { id, digest: None }
    }
}

/// A writing transaction. It derefs to the connection, so that whatever reads can be given it.
pub struct Tx<'a> {
    conn: &'a mut Conn,
    actor: &'a Actor,
    audit: &'a Audit,
    now: DateTime<Utc>,
    recorded: i64,
    /// The event recorded last: it goes to the database together with COMMIT.
    last: Option<Entry>,
}

/// A row of an inbox.
struct Entry {
    id: Uuid,
    at: DateTime<Utc>,
    log: Log,
    body: Vec<u8>,
}

impl Entry {
    /// As SQL text. Every part is spelled by us: digits, hexadecimals, and a time.
    fn to_sql(&self) -> String {
        let inbox = match self.log {
            Log::Main => "audit_inbox",
            Log::Sar => "sar_audit_inbox",
        };
        format!(
            "INSERT INTO {inbox} (id, recorded_at, body) VALUES ('{}', '{}', '\\x{}')",
            self.id,
            self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            hex::encode(&self.body),
        )
    }
}

impl<'a> Tx<'a> {
    pub(super) fn new(conn: &'a mut Conn, actor: &'a Actor, audit: &'a Audit) -> Self {
        Self {
            conn,
            actor,
            now: audit.clock.now(),
            audit,
            recorded: 0,
            last: None,
        }
    }

    /// One time for everything in the transaction.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.actor
    }

    /// Whether the actor reaches an object of `platform`. Asked on the locked row; elsewhere the object does
    /// not exist for them.
    pub fn reach(&self, platform: PlatformId) -> db::Result<()> {
        if self.actor.reach().allows(platform) {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    #[must_use]
    pub fn keyring(&self) -> &'a Keyring {
        &self.audit.keyring
    }

    /// Writes the event, and enqueues what follows from it. Returns the event's id.
    pub fn record(&mut self, event: Event) -> db::Result<Uuid> {
        let id = Uuid::from_bytes(random());
        // A microsecond apart, so that the seal keeps the order within a transaction.
        let at = self.now + TimeDelta::microseconds(self.recorded);
        hold_to_columns(&event, self.actor)?;
        let commitments = self.seal_personal(id, &event)?;
        let value = event.to_json(id, at, self.actor, &commitments);
        let body = jcs::to_vec(&value).map_err(|error| Error::Event(error.to_string()))?;
        if body.len() >= MAX_BODY_BYTES {
            return Err(Error::Event(format!(
                "it has {} bytes, and {MAX_BODY_BYTES} are too many",
                body.len()
            )));
        }
        let entry = Entry {
            id,
            at,
            log: event.log,
            body,
        };
        if let Some(before) = self.last.replace(entry) {
            self.insert(&before)?;
        }
        self.recorded += 1;
        for job in (self.audit.reactions)(&event) {
            self.enqueue(&job)?;
        }
        Ok(id)
    }

    /// Puts a job into the queue; it becomes visible when this transaction commits.
    pub fn enqueue(&mut self, job: &NewJob) -> db::Result<Uuid> {
        job.insert(self.conn, self.now)?;
        Ok(job.id())
    }

    /// Claims a form's idempotency key. A second post of the same form fails with [`Error::Replayed`], which becomes
    /// a redirect to where the first one led. With something else in it, or from somebody else, it fails with
    /// [`Error::Altered`]: what was typed is not what was done.
    pub fn once(&mut self, key: impl Into<FormKey>, location: &str) -> db::Result<()> {
        let key = key.into();
        let claimed = diesel::insert_into(idempotency::table)
            .values((
                idempotency::key.eq(key.id),
                idempotency::actor.eq(self.actor.to_string()),
                idempotency::location.eq(location),
                idempotency::made_at.eq(self.now),
                idempotency::digest.eq(key.digest.map(|digest| digest.to_vec())),
            ))
            .on_conflict_do_nothing()
            .execute(self.conn)?;
        if claimed == 1 {
            return Ok(());
        }
        let first: Option<(String, Option<Vec<u8>>)> = idempotency::table
            .find(key.id)
            .filter(idempotency::actor.eq(self.actor.to_string()))
            .select((idempotency::location, idempotency::digest))
            .first(self.conn)
            .optional()?;
        Err(match first {
            Some((location, digest)) if key.is_of(digest.as_deref()) => {
                Error::Replayed { location }
            }
            _ => Error::Altered,
        })
    }

    /// What is still to be said, for the commit to say it.
    pub(super) fn finish(self) -> db::Result<String> {
        self.last.map(|entry| entry.to_sql()).ok_or(Error::NoEvent)
    }

    fn insert(&mut self, entry: &Entry) -> db::Result<()> {
        let Entry { id, at, log, body } = entry;
        match log {
            Log::Main => diesel::insert_into(audit_inbox::table)
                .values((
                    audit_inbox::id.eq(id),
                    audit_inbox::recorded_at.eq(at),
                    audit_inbox::body.eq(body),
                ))
                .execute(self.conn)?,
            Log::Sar => diesel::insert_into(sar_audit_inbox::table)
                .values((
                    sar_audit_inbox::id.eq(id),
                    sar_audit_inbox::recorded_at.eq(at),
                    sar_audit_inbox::body.eq(body),
                ))
                .execute(self.conn)?,
        };
        Ok(())
    }

    fn seal_personal(&mut self, id: Uuid, event: &Event) -> db::Result<Vec<(SubjectId, [u8; 32])>> {
        let mut commitments = Vec::with_capacity(event.personal.len());
        for (position, (subject, value)) in event.personal.iter().enumerate() {
            let hash = self.seal_detail(id, position, *subject, value)?;
            commitments.push((*subject, hash));
        }
        Ok(commitments)
    }

    fn seal_detail(
        &mut self,
        id: Uuid,
        position: usize,
        subject: SubjectId,
        value: &Value,
    ) -> db::Result<[u8; 32]> {
        let position = i16::try_from(position)
            .map_err(|_| Error::Event("too many personal details".to_owned()))?;
        let plaintext = detail_text(value)?;
        let key = subject_keys::load_one(self.conn, &self.audit.keyring, subject)?
            .ok_or_else(|| Error::Event(format!("subject {subject} has been erased")))?;
        let salt: [u8; 32] = random();
        diesel::insert_into(audit_detail::table)
            .values((
                audit_detail::event_id.eq(id),
                audit_detail::position.eq(position),
                audit_detail::subject_id.eq(subject.uuid()),
                audit_detail::salt.eq(salt.as_slice()),
                audit_detail::ciphertext.eq(key.seal(&detail_place(id, position), &plaintext)),
            ))
            .execute(self.conn)?;
        Ok(commitment(&salt, &plaintext))
    }
}

/// What becomes a column has to fit into one. The sealer would set the event aside, so whoever
/// records it is told now.
fn hold_to_columns(event: &Event, actor: &Actor) -> db::Result<()> {
    let fields = [
        ("kind", event.kind),
        ("subject kind", event.subject.kind),
        ("subject id", &event.subject.id),
        ("actor id", actor.id()),
    ];
    match fields.into_iter().find(|(_, text)| !fits_a_column(text)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Event(format!(
            "its {name} has a NUL or more than {MAX_FIELD_BYTES} bytes"
        ))),
    }
}

/// A detail's canonical form. In an export it stands one level deeper, and has to fit there too.
fn detail_text(value: &Value) -> db::Result<Vec<u8>> {
    let nested = serde_json::json!({ "value": value });
    let refused = |error: jcs::Error| Error::Event(format!("a personal detail: {error}"));
    jcs::to_vec(&nested).map_err(refused)?;
    let text = jcs::to_vec(value).map_err(refused)?;
    if text.len() > MAX_DETAIL_BYTES {
        return Err(Error::Event(format!(
            "a personal detail has {} bytes, more than {MAX_DETAIL_BYTES}",
            text.len()
        )));
    }
    Ok(text)
}

/// Where a detail's ciphertext belongs, for whoever opens it.
#[must_use]
pub fn detail_place(event: Uuid, position: i16) -> String {
    format!("audit_detail:ciphertext:{event}:{position}")
}

/// What an event keeps of a personal detail.
#[must_use]
pub fn commitment(salt: &[u8; 32], canonical: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(salt)
        .chain_update(canonical)
        .finalize()
        .into()
}

impl Deref for Tx<'_> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn
    }
}
