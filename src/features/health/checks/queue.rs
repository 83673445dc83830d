use chrono::{DateTime, Utc};

use super::postgres;
use super::redis::{Talk, good, talk_to, wrong};
use crate::features::health::probe::Outcome;
use crate::features::health::queue;
use crate::features::health::resp::Reply;
use crate::features::packs::pack::{Measure, Queue, Redis};

/// Counts what waits in a queue, and looks at how long.
pub async fn check(of: &Queue, at: DateTime<Utc>) -> Outcome {
    match (&of.redis, &of.postgres) {
        (Some(redis), _) => in_redis(of, redis, at)
            .await
            .map_or_else(|outcome| outcome, Outcome::Good),
        (None, Some(pg)) => postgres::figures(pg, &of.query, &QUEUE).await,
        (None, None) => Outcome::Unknown("the pack names neither Redis nor a database".to_owned()),
    }
}

/// What a query may tell.
const QUEUE: [Measure; 5] = [
    Measure::Waiting,
    Measure::Delayed,
    Measure::Reserved,
    Measure::Failed,
    Measure::Oldest,
];

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
    if let Some(oldest) = oldest(&mut talk, of, at).await? {
        figures.push((Measure::Oldest, oldest));
    }
    Ok(figures)
}

/// Nothing waits no time; what does not say since when it waits has no figure.
async fn oldest(talk: &mut Talk, of: &Queue, at: DateTime<Utc>) -> Result<Option<f64>, Outcome> {
    let Some(command) = queue::next(of) else {
        return Ok(None);
    };
    let Reply::Bulk(message) = ask(talk, &command).await? else {
        return Ok(Some(0.0));
    };
    let since = match queue::moment_of(of, &message) {
        Some(command) => queue::millis(&ask(talk, &command).await?),
        None => queue::pushed_at(&message),
    };
    Ok(since.map(|since| queue::waited(since, at)))
}

async fn ask(talk: &mut Talk, command: &[String]) -> Result<Reply, Outcome> {
    let parts: Vec<&str> = command.iter().map(String::as_str).collect();
    good(talk.say(&parts).await?)
}
