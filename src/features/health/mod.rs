pub mod latency;
pub mod probe;
