use std::io::{self, Read};

use super::store::{self, FileInfo};
use super::{FileError, FileId, chunk_count, chunk_place};
use crate::foundation::Services;
use crate::foundation::crypto::DataKey;
use crate::foundation::db::{self, PoolKind};

/// Gives a stored file back, chunk by chunk. Between chunks it holds no connection.
pub struct FileReader {
    services: Services,
    pool: PoolKind,
    pub info: FileInfo,
    key: DataKey,
    position: u64,
    /// What `Read` has decrypted but not yet given out.
    rest: io::Cursor<Vec<u8>>,
}

impl FileReader {
    pub fn open(services: &Services, pool: PoolKind, id: FileId) -> Result<Self, FileError> {
        let now = services.clock.now();
        let (info, key) = services
            .db
            .read_on(pool, |conn| store::open(conn, &services.keyring, id, now))?;
        Ok(Self {
            services: services.clone(),
            pool,
            info,
            key,
            position: 0,
            rest: io::Cursor::default(),
        })
    }

    /// The next chunk in the clear; `None` at the end.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let count = chunk_count(self.info.bytes);
        if self.position >= count {
            return Ok(None);
        }
        let (id, position) = (self.info.id, self.position);
        let sealed = self
            .services
            .db
            .read_on(self.pool, |conn| store::chunk(conn, id, position))
            .map_err(|error| match error {
                db::Error::NotFound => FileError::Gone,
                error => error.into(),
            })?;
        let place = chunk_place(id, position, position + 1 == count);
        let plain = self.key.open(&place, &sealed).map_err(db::Error::from)?;
        self.position += 1;
        Ok(Some(plain))
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.rest.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.next_chunk().map_err(io::Error::other)? {
                Some(chunk) => self.rest = io::Cursor::new(chunk),
                None => return Ok(0),
            }
        }
    }
}
