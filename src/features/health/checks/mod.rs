//! What probes do, over the network and on this host. No shell commands, by design.
//!
//! A run makes one attempt and, while its deadline allows, a few more. Everything that can go wrong
//! is told apart in [`error_kind`]; what only says that our own network is away is no failure of the
//! target.

mod connect;
mod files;
mod host;
mod http;
mod postgres;
mod prometheus;
mod queue;
mod redis;
mod tcp;
mod tls;

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::cache::Tally;
use super::exposition::Value;
use super::probe::{self, ErrorKind, Outcome, Run};
use crate::features::packs::pack::{Check, Probe};
use crate::foundation::web::outgoing;

/// The clients that all runs share.
#[derive(Clone)]
pub struct Checks {
    http: reqwest::Client,
    looks: files::Looks,
}

impl Checks {
    pub fn new() -> Result<Self, reqwest::Error> {
        // Connections are not kept: a probe that reuses one would not see that nobody listens.
        let http = reqwest::Client::builder()
            .user_agent(concat!(
                "Signalbox/",
                env!("CARGO_PKG_VERSION"),
                " (health probe)"
            ))
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            looks: files::Looks::default(),
        })
    }

    /// One run, with its retries, within its deadline. It counts from the tally that the last run left.
    pub async fn run(&self, probe: &Probe, at: DateTime<Utc>, mut tally: Option<Tally>) -> Run {
        let deadline = Instant::now() + millis(probe.deadline().millis());
        let mut attempts = 0;
        let mut scraped = Vec::new();
        loop {
            attempts += 1;
            let started = Instant::now();
            let timeout = millis(probe.timeout().millis()).min(deadline - started);
            let brought = (&mut tally, &mut scraped);
            let outcome = self.attempt(&probe.check, timeout, at, brought).await;
            let took = started.elapsed();
            let done = !matches!(outcome, Outcome::Failed(_)) || attempts > probe.retries;
            if done || !self.pause(deadline).await {
                let latency_us = latency(&probe.check, &outcome, took);
                return Run {
                    at,
                    outcome,
                    latency_us,
                    attempts,
                    tally,
                    scraped,
                };
            }
        }
    }

    async fn attempt(
        &self,
        check: &Check,
        timeout: Duration,
        at: DateTime<Utc>,
        (tally, scraped): (&mut Option<Tally>, &mut Vec<Value>),
    ) -> Outcome {
        let answer = async {
            match check {
                Check::Http(http) => http::check(&self.http, http).await,
                Check::Tcp(tcp) => tcp::check(tcp).await,
                Check::Tls(tls) => tls::check(tls, at).await,
                Check::Postgres(pg) => postgres::check(pg).await,
                Check::Redis(redis) => redis::check(redis, at, tally).await,
                Check::Host(host) => host::check(host).await,
                Check::Prometheus(scrape) => prometheus::check(&self.http, scrape, scraped).await,
                Check::Queue(of) => queue::check(of, at).await,
                Check::File(files) => files::check(files, at, &self.looks).await,
            }
        };
        tokio::time::timeout(timeout, answer)
            .await
            .unwrap_or_else(|_| {
                Outcome::failed(
                    ErrorKind::Timeout,
                    format!("no answer within {} ms", timeout.as_millis()),
                )
            })
    }

    /// Waits before a retry. False when the deadline leaves no room for one.
    async fn pause(&self, deadline: Instant) -> bool {
        const WORTH_TRYING: Duration = Duration::from_millis(50);
        let pause = millis(probe::retry_pause(rand::random()).num_milliseconds());
        if Instant::now() + pause + WORTH_TRYING > deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A refusal, or a name that does not resolve, says nothing about how long answers take; and this host
/// and its files are not asked but looked at.
fn latency(check: &Check, outcome: &Outcome, took: Duration) -> Option<i64> {
    let answered = match outcome {
        _ if !check.is_asked() => false,
        Outcome::Good(_) => true,
        Outcome::Failed(failure) => {
            matches!(
                failure.kind,
                ErrorKind::Timeout | ErrorKind::WrongAnswer | ErrorKind::Authentication
            )
        }
        Outcome::Unknown(_) => false,
    };
    answered.then(|| i64::try_from(took.as_micros()).unwrap_or(i64::MAX))
}

/// What a file of a password holds; nothing where there is no file.
async fn password(file: &str) -> Result<Option<String>, Outcome> {
    if file.is_empty() {
        return Ok(None);
    }
    match tokio::fs::read_to_string(file).await {
        Ok(password) => Ok(Some(password.trim_end_matches(['\r', '\n']).to_owned())),
        // Our own set-up is wrong; that says nothing about the target.
        Err(error) => Err(Outcome::Unknown(format!("{file}: {error}"))),
    }
}

fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Looks along the chain of causes for what it was; `None` if nothing on it is telling.
fn error_kind(error: &(dyn StdError + 'static)) -> Option<Cause> {
    causes(error).find_map(|cause| {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return io_kind(io);
        }
        cause
            .is::<native_tls::Error>()
            .then_some(Cause::Target(ErrorKind::Tls))
    })
}

/// Whose fault it is.
enum Cause {
    Target(ErrorKind),
    OurNetwork,
}

fn io_kind(error: &io::Error) -> Option<Cause> {
    use io::ErrorKind as Io;
    Some(match error.kind() {
        Io::ConnectionRefused => Cause::Target(ErrorKind::Refused),
        // No answer came from that far: for us the same as waiting in vain.
        Io::TimedOut | Io::HostUnreachable => Cause::Target(ErrorKind::Timeout),
        Io::NetworkUnreachable | Io::NetworkDown | Io::AddrNotAvailable => Cause::OurNetwork,
        Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::UnexpectedEof => {
            Cause::Target(ErrorKind::WrongAnswer)
        }
        _ => return None,
    })
}

/// The outcome for an error, with `otherwise` where its chain of causes is silent.
fn outcome_of(error: &(dyn StdError + 'static), otherwise: ErrorKind) -> Outcome {
    let message = innermost(error);
    match error_kind(error) {
        Some(Cause::OurNetwork) => Outcome::Unknown(format!("our own network is away: {message}")),
        Some(Cause::Target(kind)) => Outcome::failed(kind, message),
        None => Outcome::failed(otherwise, message),
    }
}

/// The most telling message is the innermost one; the outer ones repeat the address.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let message = outgoing::innermost(error).to_string();
    message.chars().take(200).collect()
}
