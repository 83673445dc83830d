//! Counters and histograms in Prometheus's text format.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds in seconds; the same ones that probe results are kept in.
pub const LATENCY_BUCKETS: [f64; 15] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts collecting. A second call finds the first one's collector.
pub fn start() -> &'static PrometheusHandle {
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)
            .expect("the list of buckets is not empty"); // start-up
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

/// The text that a scraper reads.
#[must_use]
pub fn render() -> String {
    let handle = start();
    handle.run_upkeep();
    handle.render()
}

pub fn observe_request(method: &str, route: &str, status: u16, took: Duration) {
    let method = closed_method(method);
    counter!(
        "http_requests_total",
        "method" => method, "route" => route.to_owned(), "status" => status.to_string(),
    )
    .increment(1);
    histogram!("http_request_duration_seconds", "route" => route.to_owned())
        .record(took.as_secs_f64());
}

/// A method that a client made up must not become a series of its own.
fn closed_method(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// What each series means, wherever it is set. A series that is missing here has no HELP, which a test tells.
fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("http_requests_total", "Requests answered.");
    describe_histogram!(
        "http_request_duration_seconds",
        "Time from the request's head to its answer's head."
    );
    describe_gauge!("db_pool_connections", "Open connections of a pool.");
    describe_gauge!("db_pool_idle", "Connections of a pool that wait for work.");
    describe_gauge!("db_pool_limit", "Most connections that a pool may open.");
    describe_gauge!("jobs", "Jobs that wait for their turn or are running.");
    describe_counter!("jobs_total", "Jobs that ended, by how.");
    describe_histogram!(
        "job_duration_seconds",
        "Time from a job's claim to its end."
    );
    describe_counter!(
        "notices_total",
        "Attempts to deliver a notice, by channel and by what came of them."
    );
    describe_gauge!(
        "breaker_state",
        "State of the circuit breaker before a call: 0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open."
    );
    describe_counter!(
        "breaker_calls_total",
        "Calls that a breaker let through, by what came of them."
    );
    describe_counter!(
        "breaker_short_circuited_total",
        "Calls that a breaker kept back."
    );
    describe_gauge!(
        "ingestion_lag",
        "Seconds since the oldest record that was taken in and is not yet read and assessed; 0 when nothing waits."
    );
    describe_gauge!(
        "audit_lag_seconds",
        "Age of the oldest audit event that is not sealed."
    );
    describe_gauge!(
        "audit_unanchored_seconds",
        "Age of the oldest checkpoint of the audit log that no anchor reaches."
    );
}
