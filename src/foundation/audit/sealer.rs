//! The sealer's process: one at a time, every 200 ms, until it is told to stop.
//!
//! Invariants:
//! - it alone holds the signing key, and its database role alone may write the log;
//! - a session advisory lock lets one sealer work; any other waits for it to end;
//! - it goes on only from a tree that agrees with the anchors outside the database;
//! - when the database goes away it waits for it, and takes up what the database then says.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Text};

use super::Log;
use super::anchors::{AnchorError, AnchorFile};
use super::note::{self, CheckpointSigner};
use super::seal::LogSealer;
use crate::foundation::crypto::random;
use crate::foundation::db::{self, Conn, Error};
use crate::foundation::kernel::{Clock, Secret};

const TICK: Duration = Duration::from_millis(200);

/// Events in one transaction. More would make a batch slower than it makes it cheaper.
const BATCH_EVENTS: i64 = 10_000;

/// How often a second sealer asks whether it is its turn.
const TURN_CHECK: Duration = Duration::from_millis(500);

/// How often old anchors are thinned in the table.
const THIN_EVERY: Duration = Duration::from_hours(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Any number will do, as long as every sealer of a database uses it.
const TURN_LOCK: i64 = 0x5349_474E_414C;

/// What a sealer needs to know.
pub struct Sealer {
    pub database: Secret<String>,
    pub signer: CheckpointSigner,
    /// The folders of the anchor files; best on other machines.
    pub anchors: Vec<PathBuf>,
    pub anchor_every: Duration,
    pub clock: Clock,
}

#[derive(Debug, thiserror::Error)]
pub enum SealerError {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Anchor(#[from] AnchorError),
}

impl From<diesel::result::Error> for SealerError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl SealerError {
    /// Whether waiting cannot mend it: the log itself is in doubt.
    fn is_final(&self) -> bool {
        match self {
            Self::Database(error) => matches!(error, Error::Damaged(_)),
            Self::Anchor(error) => error.is_final(),
        }
    }
}

/// One log: its sealer, and the places of its anchors.
struct Charge {
    sealer: LogSealer,
    places: Vec<Place>,
}

struct Place {
    file: AnchorFile,
    /// The log was held to what stands here. Before that nothing is added.
    held: bool,
}

/// Told to stop, which is not an error.
struct Stopped;

impl Sealer {
    /// Seals until `stop` speaks or its sender is gone.
    pub fn run(&self, stop: &Receiver<()>) -> Result<(), SealerError> {
        let mut pause = TICK;
        loop {
            let started = Instant::now();
            match self.session(stop) {
                Ok(Stopped) => return Ok(()),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => tracing::warn!(cause = %error, "sealing was interrupted"),
            }
            // A session that worked for a while was no failed attempt.
            pause = if started.elapsed() > LONGEST_PAUSE {
                TICK
            } else {
                (pause * 2).min(LONGEST_PAUSE)
            };
            if should_stop(stop, pause) {
                return Ok(());
            }
        }
    }

    /// One connection's life.
    fn session(&self, stop: &Receiver<()>) -> Result<Stopped, SealerError> {
        let mut conn = self.connect()?;
        if let Some(stopped) = wait_for_turn(&mut conn, stop)? {
            return Ok(stopped);
        }
        let mut logs = Log::ALL
            .into_iter()
            .map(|log| self.take_up(&mut conn, log))
            .collect::<Result<Vec<_>, _>>()?;
        let mut anchored = Instant::now();
        let mut thinned: Option<Instant> = None;
        loop {
            let mut busy = false;
            for charge in &mut logs {
                busy |= self.seal_batch(&mut conn, &mut charge.sealer)?;
            }
            if anchored.elapsed() >= self.anchor_every {
                self.anchor_all(&mut conn, &mut logs)?;
                anchored = Instant::now();
                if thinned.is_none_or(|at| at.elapsed() >= THIN_EVERY) {
                    thin(&mut conn)?;
                    thinned = Some(anchored);
                }
            }
            if should_stop(stop, if busy { Duration::ZERO } else { TICK }) {
                self.anchor_all(&mut conn, &mut logs)?;
                return Ok(Stopped);
            }
        }
    }

    fn connect(&self) -> Result<Conn, SealerError> {
        connect(&self.database)
    }

    /// Goes on only if at least one place could be asked, and none contradicts.
    fn take_up(&self, conn: &mut Conn, log: Log) -> Result<Charge, SealerError> {
        let sealer = LogSealer::resume(conn, log, &self.signer, self.clock.now())?;
        let file = |folder: &PathBuf| AnchorFile::new(folder, log, self.signer.verification_key());
        let mut places: Vec<Place> = self
            .anchors
            .iter()
            .map(|folder| Place {
                file: file(folder),
                held: false,
            })
            .collect();
        let mut refused = None;
        for place in &mut places {
            match place.file.check(conn, sealer.origin(), sealer.size()) {
                Ok(()) => place.held = true,
                Err(error) if error.is_final() => return Err(error.into()),
                Err(error) => {
                    tracing::error!(log = log.as_str(), cause = %error, "an anchor cannot be asked");
                    refused = Some(error);
                }
            }
        }
        if let Some(error) = refused
            && !places.iter().any(|place| place.held)
        {
            return Err(error.into());
        }
        tracing::info!(
            log = log.as_str(),
            origin = sealer.origin(),
            size = sealer.size(),
            "sealing"
        );
        Ok(Charge { sealer, places })
    }

    /// Whether there may be more to do at once.
    fn seal_batch(&self, conn: &mut Conn, sealer: &mut LogSealer) -> Result<bool, SealerError> {
        let started = Instant::now();
        let Some(batch) = sealer.seal(conn, &self.signer, self.clock.now(), BATCH_EVENTS)? else {
            return Ok(false);
        };
        tracing::debug!(
            log = sealer.log().as_str(),
            events = batch.events,
            size = batch.checkpoint.size,
            took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "sealed"
        );
        Ok(batch.more)
    }

    /// A place that cannot be written to does not stop the sealing: it is tried again the next time, and
    /// the alert on what is not anchored tells.
    fn anchor_all(&self, conn: &mut Conn, logs: &mut [Charge]) -> Result<(), SealerError> {
        for Charge { sealer, places } in logs {
            for place in places {
                let anchored = self.anchor(conn, sealer, place);
                match anchored {
                    Ok(Some(size)) => {
                        tracing::info!(log = sealer.log().as_str(), size, "anchored");
                    }
                    Ok(None) => {}
                    Err(AnchorError::Database(error)) => return Err(error.into()),
                    Err(error) if error.is_final() => return Err(error.into()),
                    Err(error) => {
                        tracing::error!(log = sealer.log().as_str(), cause = %error, "not anchored");
                    }
                }
            }
        }
        Ok(())
    }

    fn anchor(
        &self,
        conn: &mut Conn,
        sealer: &LogSealer,
        place: &mut Place,
    ) -> Result<Option<u64>, AnchorError> {
        if !place.held {
            place.file.check(conn, sealer.origin(), sealer.size())?;
            place.held = true;
        }
        place.file.anchor(conn, self.clock.now())
    }
}

/// A connection for sealing, which does not wait for ever for a peer that drops packets.
pub fn connect(database: &Secret<String>) -> Result<Conn, SealerError> {
    let mut conn = db::connect(database).map_err(|error| Error::Unavailable(error.to_string()))?;
    conn.batch_execute(
        "SET application_name = 'signalbox sealer'; SET timezone = 'UTC'; \
         SET statement_timeout = '60s'; SET lock_timeout = '20s'; \
         SET idle_in_transaction_session_timeout = '60s'",
    )?;
    Ok(conn)
}

/// Takes the sealer's turn for a command, which does not wait for it.
pub fn take_turn(conn: &mut Conn) -> Result<bool, SealerError> {
    Ok(try_turn(conn)?)
}

/// Leaves fewer of the old anchors in the table.
fn thin(conn: &mut Conn) -> Result<(), SealerError> {
    for log in Log::ALL {
        sql_query("SELECT audit_thin_anchors($1)")
            .bind::<Text, _>(format!("{}_anchor", log.prefix()))
            .execute(conn)?;
    }
    Ok(())
}

fn try_turn(conn: &mut Conn) -> diesel::QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Turn {
        #[diesel(sql_type = Bool)]
        mine: bool,
    }
    let turn: Turn = sql_query("SELECT pg_try_advisory_lock($1) AS mine")
        .bind::<BigInt, _>(TURN_LOCK)
        .get_result(conn)?;
    Ok(turn.mine)
}

/// Waits until no other sealer works on this database. The lock goes with the connection, so a
/// sealer that is killed makes room at once.
fn wait_for_turn(conn: &mut Conn, stop: &Receiver<()>) -> Result<Option<Stopped>, SealerError> {
    let mut told = false;
    loop {
        if try_turn(conn)? {
            return Ok(None);
        }
        if !told {
            tracing::info!("another sealer is at work; waiting");
            told = true;
        }
        if should_stop(stop, TURN_CHECK) {
            return Ok(Some(Stopped));
        }
    }
}

fn should_stop(stop: &Receiver<()>, wait: Duration) -> bool {
    !matches!(stop.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, std::io::Error),
    #[error("{path} is readable by others than its owner: chmod 600 it", path = .0.display())]
    Open(PathBuf),
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Format(PathBuf, note::Error),
    #[error("an instance's name has no white space and no plus sign")]
    Name,
}

/// Reads the signing key.
pub fn read_key(path: &Path) -> Result<CheckpointSigner, KeyError> {
    let failed = |e| KeyError::File(path.to_owned(), e);
    let mode = std::fs::metadata(path)
        .map_err(failed)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    let line = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
    CheckpointSigner::from_secret_line(line.trim_end())
        .map_err(|e| KeyError::Format(path.to_owned(), e))
}

/// Makes a key unless there is one. `instance` names this installation for ever; without it a
/// random name is taken.
pub fn create_key(path: &Path, instance: Option<&str>) -> Result<(), KeyError> {
    if path.exists() {
        return Ok(());
    }
    let failed = |e| KeyError::File(path.to_owned(), e);
    let name = instance.map_or_else(|| hex::encode(random::<4>()), ToOwned::to_owned);
    let seed = zeroize::Zeroizing::new(random::<32>());
    let signer =
        CheckpointSigner::new(&format!("signalbox.{name}"), &seed).ok_or(KeyError::Name)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    writeln!(file, "{}", *signer.to_secret_line())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealer.key");
        create_key(&path, Some("bank")).unwrap();
        let first = read_key(&path).unwrap().verification_key();
        assert_eq!(first.name(), "signalbox.bank");
        create_key(&path, None).unwrap();
        assert_eq!(read_key(&path).unwrap().verification_key(), first);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_key(&path), Err(KeyError::Open(_))));
    }
}
