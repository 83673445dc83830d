use chrono::{DateTime, Utc};

use super::postgres;
use super::redis::{Talk, good, is_not_allowed, talk_to, wrong};
use crate::features::health::probe::Outcome;
use crate::features::health::queue;
use crate::features::health::resp::Reply;
use crate::features::packs::pack::{Measure, OF_QUERY, Queue, Redis};

/// Counts what waits in a queue, and looks at how long.
pub async fn check(of: &Queue, at: DateTime<Utc>) -> Outcome {
    match (&of.redis, &of.postgres) {
        (Some(redis), _) => in_redis(of, redis, at)
            .await
            .map_or_else(|outcome| outcome, Outcome::Good),
        (None, Some(pg)) => postgres::figures(pg, &of.query, &OF_QUERY).await,
        (None, None) => Outcome::Unknown("the pack names neither Redis nor a database".to_owned()),
    }
}

async fn in_redis(
    of: &Queue,
    redis: &Redis,
    at: DateTime<Utc>,
) -> Result<Vec<(Measure, f64)>, Outcome> {
    let mut talk = talk_to(redis).await?;
    let mut figures: Vec<(Measure, f64)> = Vec::new();
    for (measure, command) in queue::lengths(of) {
        let Reply::Integer(length) = ask(&mut talk, &command).await? else {
            return Err(wrong("a length was not answered with a number"));
        };
        #[allow(
            clippy::cast_precision_loss,
            reason = "lengths of queues are far below 2^53"
        )]
        let length = length as f64;
        match figures.iter_mut().find(|(known, _)| *known == measure) {
            Some((_, sum)) => *sum += length,
            None => figures.push((measure, length)),
        }
    }
    let waiting = figures
        .iter()
        .any(|(measure, length)| *measure == Measure::Waiting && *length > 0.0);
    if let Some(oldest) = oldest(&mut talk, of, at, waiting).await? {
        figures.push((Measure::Oldest, oldest));
    }
    for (measure, command) in queue::ended(of) {
        let reply = say(&mut talk, &command).await?;
        // A role that may count what waits, and no more, still counts what waits.
        if is_not_allowed(&reply) {
            continue;
        }
        let since = queue::ended_at(&good(reply)?);
        // Where none is kept, none is kept for long.
        figures.push((measure, since.map_or(0.0, |since| queue::waited(since, at))));
    }
    Ok(figures)
}

/// Where nothing waits, nothing waits long; what does not say since when it waits has no figure.
async fn oldest(
    talk: &mut Talk,
    of: &Queue,
    at: DateTime<Utc>,
    waiting: bool,
) -> Result<Option<f64>, Outcome> {
    let places = queue::next(of);
    if !waiting && !places.is_empty() {
        return Ok(Some(0.0));
    }
    for command in places {
        let Reply::Bulk(message) = ask(talk, &command).await? else {
            continue;
        };
        let since = match queue::moment_of(of, &message) {
            Some(command) => queue::waits_since(&ask(talk, &command).await?),
            None => queue::pushed_at(&message),
        };
        return Ok(since.map(|since| queue::waited(since, at)));
    }
    Ok(None)
}

async fn ask(talk: &mut Talk, command: &[String]) -> Result<Reply, Outcome> {
    good(say(talk, command).await?)
}

async fn say(talk: &mut Talk, command: &[String]) -> Result<Reply, Outcome> {
    let parts: Vec<&str> = command.iter().map(String::as_str).collect();
    talk.say(&parts).await
}
