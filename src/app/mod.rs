//! Wires the floors together: the route table, the order of middleware, what follows from what.

mod board;
mod expiry;
mod health_routes;
mod home;
mod jobs;
mod openapi;
mod own_events;
pub mod own_queues;
mod policies;
mod reactions;
mod routes;
mod sealed;
mod server;
pub mod simulator;
mod start;
pub mod supervisor;
mod topics;
pub mod watched;

pub use jobs::registry;
pub use openapi::Document;
pub use policies::policies;
pub use reactions::reactions;
pub use routes::routes;
pub use sealed::SEALED;
pub use server::{Running, serve, serve_metrics};
pub use start::{Application, start};
