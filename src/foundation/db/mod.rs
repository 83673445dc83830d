//! The database: pools, read-only transactions, the generated schema; the private cluster, the roles
//! and the migrations.
//!
//! Invariants:
//! - whatever a pool's connection does is READ ONLY unless it begins a writing transaction, so PostgreSQL itself
//!   refuses a stray write;
//! - writing goes through [`crate::foundation::audit`], the only module that asks a pool for a
//!   writing transaction;
//! - a transaction that touches customers' data says on whose behalf, and to one that does not, row security shows
//!   nothing of it;
//! - each kind of work has its own pool, and sign-in keeps a reserve;
//! - a connection is taken for a transaction and given back: none is held while hashing, calling
//!   out or streaming to a browser.

pub mod cluster;
mod connect;
mod error;
pub mod inspect;
mod joins;
pub mod migrate;
mod planned;
mod pool;
pub mod rights;
pub mod roles;
pub mod schema;

pub use connect::connect;
pub use diesel::PgConnection as Conn;
pub use error::{Error, Result};
pub use planned::{first_rows, fixed};
pub use pool::{Db, PoolKind, PoolState};
