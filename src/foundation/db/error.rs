use diesel::result::{DatabaseErrorKind, Error as Diesel};

use crate::foundation::crypto::CryptoError;

pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between us and the database, sorted by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection in time, or it broke: try again later.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The connection broke while the transaction was being committed: it may have been, or not.
    #[error("the database went away during a commit, which may have happened: {0}")]
    OutcomeUnknown(String),
    #[error("no such row")]
    NotFound,
    /// A unique constraint held; often the other one of two at once.
    #[error("{constraint} allows one only")]
    Unique { constraint: String },
    /// A rule of the database held.
    #[error("{constraint} refuses this")]
    Check { constraint: String },
    /// The same form was posted before; its answer is at `location`.
    #[error("already done, see {location}")]
    Replayed { location: String },
    /// The same form was posted before, with something else in it.
    #[error("this form was sent before with something else in it")]
    Altered,
    /// A text with a character that PostgreSQL cannot hold, which is NUL alone.
    #[error("a text holds a NUL character")]
    Nul,
    /// A writing transaction that records nothing would be a second path around the log.
    #[error("a state change without an audit event")]
    NoEvent,
    /// An event that breaks the rules of the log: too long, a float, a number too large.
    #[error("the audit event cannot be written: {0}")]
    Event(String),
    /// What is stored cannot be what was written.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Query(Diesel),
}

impl Error {
    /// Whether this comes from what a row holds, and not from the database as a whole: a full disk or a missing
    /// grant must not cost the log an event.
    #[must_use]
    pub fn is_about_a_row(&self) -> bool {
        use DatabaseErrorKind as Kind;
        match self {
            Self::Check { .. } | Self::Unique { .. } | Self::Nul | Self::Event(_) => true,
            Self::Query(Diesel::DatabaseError(kind, info)) => match kind {
                Kind::NotNullViolation
                | Kind::ForeignKeyViolation
                | Kind::RestrictViolation
                | Kind::ExclusionViolation => true,
                Kind::Unknown => is_about_a_value(info.message()),
                _ => false,
            },
            Self::Query(Diesel::SerializationError(_)) => true,
            _ => false,
        }
    }
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        use DatabaseErrorKind as Kind;
        match error {
            Diesel::NotFound => Self::NotFound,
            Diesel::DatabaseError(Kind::UniqueViolation, info) => Self::Unique {
                constraint: info.constraint_name().unwrap_or("a constraint").to_owned(),
            },
            // One without a name is no rule about what a row holds: a partition is missing.
            Diesel::DatabaseError(Kind::CheckViolation, info)
                if info.constraint_name().is_some() =>
            {
                Self::Check {
                    constraint: info.constraint_name().unwrap_or_default().to_owned(),
                }
            }
            Diesel::DatabaseError(Kind::Unknown, info) if holds_nul(info.message()) => Self::Nul,
            error if is_broken_link(&error) || is_overdue(&error) || is_lost_race(&error) => {
                Self::Unavailable(error.to_string())
            }
            error => Self::Query(error),
        }
    }
}

/// Whether PostgreSQL could not take a value (class 22, and what is too large to be indexed). These have no kind
/// of their own in diesel, and the message is all that is left.
fn is_about_a_value(message: &str) -> bool {
    [
        "invalid byte sequence",
        "invalid input syntax",
        "value too long",
        "unsupported Unicode escape sequence",
    ]
    .iter()
    .any(|sign| message.starts_with(sign))
        || message.ends_with("out of range")
        || (message.starts_with("index row ") && message.contains("exceeds"))
}

fn holds_nul(message: &str) -> bool {
    // 22021, of which libpq's text is all that is left.
    message == "invalid byte sequence for encoding \"UTF8\": 0x00"
}

/// Whether the server gave the statement up because it took too long: the same later may well work.
fn is_overdue(error: &Diesel) -> bool {
    matches!(error, Diesel::DatabaseError(DatabaseErrorKind::Unknown, info)
        if info.message().starts_with("canceling statement due to")
            && info.message().ends_with(" timeout"))
}

/// Whether two transactions stood in each other's way and this one was given up: the same again works.
fn is_lost_race(error: &Diesel) -> bool {
    match error {
        Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true, // 40001
        // 40P01 has no kind of its own, and libpq's text is all that is left of it.
        Diesel::DatabaseError(DatabaseErrorKind::Unknown, info) => {
            info.message() == "deadlock detected"
        }
        _ => false,
    }
}

/// Whether the connection, not the statement, failed. libpq tells by text alone.
pub(super) fn is_broken_link(error: &Diesel) -> bool {
    use DatabaseErrorKind as Kind;
    match error {
        Diesel::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand, _) => true,
        Diesel::DatabaseError(Kind::Unknown, info) => [
            "server closed the connection",
            "terminating connection",
            "no connection to the server",
            "could not receive data from server",
            "the database system is",
            "SSL connection has been closed",
            "connection not open",
        ]
        .iter()
        .any(|sign| info.message().contains(sign)),
        Diesel::BrokenTransactionManager => true,
        Diesel::RollbackErrorOnCommit { rollback_error, .. } => is_broken_link(rollback_error),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: DatabaseErrorKind, message: &str) -> Error {
        Error::from(Diesel::DatabaseError(kind, Box::new(message.to_owned())))
    }

    #[test]
    fn only_what_a_row_holds_is_a_rows_fault() {
        use DatabaseErrorKind as Kind;
        for (kind, message, is_a_rows) in [
            (Kind::UniqueViolation, "duplicate key value", true),
            (Kind::NotNullViolation, "null value in column", true),
            (Kind::ForeignKeyViolation, "violates foreign key", true),
            (
                Kind::Unknown,
                "invalid byte sequence for encoding \"UTF8\": 0x00",
                true,
            ),
            (Kind::Unknown, "timestamp out of range", true),
            (
                Kind::Unknown,
                "index row size 2968 exceeds btree version 4 maximum 2704 for index \"i\"",
                true,
            ),
            (
                Kind::CheckViolation,
                "no partition of relation \"audit_log\" found for row",
                false,
            ),
            (
                Kind::ReadOnlyTransaction,
                "cannot execute INSERT in a read-only transaction",
                false,
            ),
            (
                Kind::Unknown,
                "permission denied for table audit_log",
                false,
            ),
            (
                Kind::Unknown,
                "could not extend file \"base/5/16384\": No space left on device",
                false,
            ),
            (Kind::Unknown, "out of memory", false),
            (
                Kind::Unknown,
                "relation \"audit_log\" does not exist",
                false,
            ),
        ] {
            assert_eq!(said(kind, message).is_about_a_row(), is_a_rows, "{message}");
        }
    }
}
