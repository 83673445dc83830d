//! Message queues of the platform, as probes look at them.

use serde::{Deserialize, Serialize};

use super::{Measure, Postgres, Redis};

/// A queue in Redis, or what a query over a table of jobs says: one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<Redis>,
    /// How its keys are laid out.
    #[serde(default)]
    pub layout: Layout,
    /// Of the queue, or of its key.
    #[serde(default)]
    pub name: String,
    /// What stands before its keys.
    #[serde(default)]
    pub prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Postgres>,
    /// One row, whose columns are figures by their names.
    #[serde(default)]
    pub query: String,
}

/// How a queue is kept in Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One list.
    #[default]
    List,
    /// One sorted set.
    Sorted,
    /// `queues:NAME`, and `:delayed` and `:reserved` beside it.
    Laravel,
    /// `bull:NAME:wait` and its siblings.
    BullMq,
}

/// What a query may tell.
pub const OF_QUERY: [Measure; 5] = [
    Measure::Waiting,
    Measure::Delayed,
    Measure::Reserved,
    Measure::Failed,
    Measure::Oldest,
];

impl Queue {
    /// The figures that there are of it: what its layout does not keep, nobody can read.
    #[must_use]
    pub const fn measures(&self) -> &'static [Measure] {
        if self.postgres.is_some() {
            return &OF_QUERY;
        }
        match self.layout {
            Layout::List | Layout::Sorted => &[Measure::Waiting],
            Layout::Laravel => &[
                Measure::Waiting,
                Measure::Delayed,
                Measure::Reserved,
                Measure::Oldest,
            ],
            Layout::BullMq => &[
                Measure::Waiting,
                Measure::Delayed,
                Measure::Reserved,
                Measure::Failed,
                Measure::Oldest,
                Measure::Done,
                Measure::GivenUp,
            ],
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn target(&self) -> String {
        match (&self.redis, &self.postgres) {
            (Some(redis), _) => format!(
                "{}{} in {}/{}",
                self.prefix, self.name, redis.address, redis.database
            ),
            (None, Some(pg)) => format!("a query in {}:{}/{}", pg.host, pg.port, pg.database),
            (None, None) => String::new(),
        }
    }
}
