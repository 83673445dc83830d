use chrono::Duration;
use sha2::{Digest, Sha256};

use super::store::{self, NewRow};
use super::{CHUNK_BYTES, FileError, FileId, chunk_place, key_place, name_place, sniff};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Unaudited};
use crate::foundation::crypto::DataKey;
use crate::foundation::db::{self, Conn};

/// Chunks between two looks at the quota: several large files may come in at once.
const ROOM_EVERY_CHUNKS: u64 = 64;

/// What is about to be stored.
pub struct NewFile<'a> {
    /// What it is for: `intake`, `export`.
    pub purpose: &'static str,
    /// The name it came under.
    pub name: &'a str,
    pub created_by: &'a Actor,
    pub limit_bytes: u64,
    pub keep: Duration,
}

/// Takes a file in, chunk by chunk.
pub struct FileWriter {
    services: Services,
    id: FileId,
    key: DataKey,
    limit_bytes: u64,
    pending: Vec<u8>,
    position: u64,
    bytes: u64,
    digest: Sha256,
    head: Vec<u8>,
}

/// A file whose bytes are all in, waiting for its registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: FileId,
    pub bytes: u64,
    pub sha256: [u8; 32],
    pub content_type: &'static str,
}

impl Stored {
    /// Registers the file, in the audited transaction that says what it is for.
    pub fn keep(&self, conn: &mut Conn) -> db::Result<()> {
        store::complete(conn, self.id, self.content_type, self.bytes, &self.sha256)
    }

    /// Drops the bytes of a file that is not needed after all, as when it was there already.
    pub fn discard(&self, services: &Services) -> db::Result<()> {
        services
            .audit
            .write_unaudited(Unaudited::FileChunk, |conn| store::discard(conn, self.id))
    }
}

impl FileWriter {
    pub fn create(services: &Services, new: &NewFile<'_>) -> Result<Self, FileError> {
        let id = FileId::from(uuid::Uuid::new_v4());
        let key = DataKey::generate();
        let keyring = &services.keyring;
        let now = services.clock.now();
        let created_by = new.created_by.to_string();
        let row = NewRow {
            id,
            purpose: new.purpose,
            name: keyring.seal(&name_place(id), new.name.as_bytes()),
            wrapped: key.wrap(keyring, &key_place(id)),
            created_by: &created_by,
            created_at: now,
            expires_at: now + new.keep,
        };
        services
            .audit
            .write_unaudited(Unaudited::FileChunk, |conn| store::insert(conn, &row))?;
        Ok(Self {
            services: services.clone(),
            id,
            key,
            limit_bytes: new.limit_bytes,
            pending: Vec::with_capacity(CHUNK_BYTES),
            position: 0,
            bytes: 0,
            digest: Sha256::new(),
            head: Vec::new(),
        })
    }

    /// Takes more bytes. It blocks while a chunk is stored. A file that cannot be taken leaves nothing.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let taken = self.take(bytes);
        self.or_discard(taken)
    }

    fn or_discard<T>(&self, outcome: Result<T, FileError>) -> Result<T, FileError> {
        if let Err(FileError::TooLarge { .. } | FileError::QuotaFull) = outcome {
            let drop = |conn: &mut _| store::discard(conn, self.id);
            self.services
                .audit
                .write_unaudited(Unaudited::FileChunk, drop)?;
        }
        outcome
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit_bytes {
            return Err(FileError::TooLarge {
                limit_bytes: self.limit_bytes,
            });
        }
        self.digest.update(bytes);
        let wanted = sniff::HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(wanted));
        let mut rest = bytes;
        while self.pending.len() + rest.len() > CHUNK_BYTES {
            let (now, later) = rest.split_at(CHUNK_BYTES - self.pending.len());
            self.pending.extend_from_slice(now);
            self.flush(false)?;
            rest = later;
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Stores the last chunk. The file does not count before [`Stored::keep`].
    pub fn finish(mut self) -> Result<Stored, FileError> {
        let stored = self.flush(true);
        self.or_discard(stored)?;
        Ok(Stored {
            id: self.id,
            bytes: self.bytes,
            sha256: self.digest.finalize().into(),
            content_type: sniff::content_type(&self.head),
        })
    }

    fn flush(&mut self, last: bool) -> Result<(), FileError> {
        let place = chunk_place(self.id, self.position, last);
        let sealed = self.key.seal(&place, &self.pending);
        let look = self.position > 0 && self.position.is_multiple_of(ROOM_EVERY_CHUNKS);
        self.services
            .audit
            .write_unaudited(Unaudited::FileChunk, |conn| {
                if look {
                    store::check_room(conn)?;
                }
                store::insert_chunk(conn, self.id, self.position, &sealed)?;
                Ok::<_, FileError>(())
            })?;
        self.position += 1;
        self.pending.clear();
        Ok(())
    }
}
