use std::io;

use crate::foundation::crypto::CryptoError;
use crate::foundation::db;
use crate::foundation::files::FileError;
use crate::foundation::jobs::{Interrupted, JobError};
use crate::foundation::policy::PolicyError;
use crate::foundation::web;

/// Why a file could not be read to its end. What has been taken in so far stays, and reading
/// goes on from there when it is started again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("somebody else has started to read this file again and goes on with it")]
    TakenOver,
    #[error("the batch is not open any more")]
    Closed,
    #[error(
        "the file was changed while it was being read, so the batch does not count as its reading; \
         what was taken in stays. Hand the file in again when nobody writes to it"
    )]
    Changed,
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("a document cannot be written or read: {0}")]
    Document(#[from] serde_json::Error),
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Database(error.into())
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::Interrupted(why) => why.into(),
            Error::Database(error) | Error::File(FileError::Database(error)) => error.into(),
            error @ (Error::TakenOver | Error::Closed | Error::Changed | Error::File(_)) => {
                Self::Hopeless(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<Error> for web::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error.into(),
            Error::File(error) => error.into(),
            Error::Closed => Self::Refused(web::Refusal::new(
                "batch_ended",
                "This file is not being read any more.",
                "Look at what became of its rows; there is nothing left to cancel.",
            )),
            error => Self::internal(error),
        }
    }
}
