//! Notices: what leaves the house, to whom, and whether it got there.
//!
//! Invariants:
//! - whoever wants something told queues it in the transaction that causes it ([`actions::enqueue`]): either both
//!   happen or neither, and nothing is sent for what was rolled back;
//! - a notice is a row until it is delivered, given up or cancelled, and stays on record afterwards. Its key is queued
//!   once, ever;
//! - it is sent outside of any transaction, by whoever holds its row's lease; who has lost the lease changes nothing;
//! - delivery is at least once. Whoever stops between the receiver's answer and our note of it sends again, with the
//!   same id: receivers of webhooks drop what they have seen, mailboxes by the Message-ID.
//!
//! Deliberately absent: who is to be told of what; that is for those who call.

pub mod actions;
pub mod endpoint;
pub mod notice;
pub mod store;
