//! Jobs as a crontab runs them: each calls its address when it has run, over HTTP and from outside.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::hand::Behaves;
use crate::foundation::kernel::Timetable;

/// A job to stand in for, as the demo names it on the simulator's standard input: one a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub platform: String,
    pub name: String,
    /// Where it pings.
    pub address: String,
    pub every_secs: Option<u64>,
    pub cron: Option<String>,
    pub zone: String,
}

/// How a job behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Runs when it should and says so.
    Running,
    /// Runs and says that it failed.
    Failing,
    /// Does not run, and so says nothing.
    Stopped,
}

impl Habit {
    pub const ALL: [Self; 3] = [Self::Running, Self::Failing, Self::Stopped];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Stopped => "stopped",
        }
    }
}

impl FromStr for Habit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|habit| habit.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a habit of a job"))
    }
}

/// How long a run takes here.
const RUN_TAKES: Duration = Duration::from_secs(2);

/// How soon a call that did not get through is made again, as `curl --retry` does.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
const TRIES: usize = 5;

/// A job that is stood in for. Clones are the same job.
#[derive(Clone)]
pub struct Cron {
    pub job: Arc<Job>,
    habit: Arc<Behaves<Habit>>,
}

impl Cron {
    /// Runs it once now, and then whenever it should.
    pub fn start(job: Job, client: reqwest::Client) -> Self {
        let (habit, watched) = Behaves::new(Habit::Running);
        let job = Arc::new(job);
        tokio::spawn(keep(Arc::clone(&job), client, watched));
        Self {
            job,
            habit: Arc::new(habit),
        }
    }

    pub fn habit(&self) -> Habit {
        self.habit.now()
    }

    pub fn is_by_hand(&self) -> bool {
        self.habit.is_by_hand()
    }

    /// A person says so, and it stays so.
    pub fn set(&self, habit: Habit) -> bool {
        self.habit.set(habit)
    }

    /// The schedule does. True if that changed anything.
    pub fn follow(&self, habit: Habit) -> bool {
        self.habit.follow(habit)
    }
}

impl Job {
    /// How long until its next run; a job that is never due waits for a day and is looked at again.
    fn pause(&self) -> Duration {
        const DAY: Duration = Duration::from_hours(24);
        if let Some(secs) = self.every_secs {
            return Duration::from_secs(secs).saturating_sub(RUN_TAKES);
        }
        let zone = self.zone.parse::<Tz>().unwrap_or_default();
        let timetable = self.cron.as_ref().map(|cron| Timetable::new(cron, zone));
        let now = Utc::now();
        let next = timetable.and_then(Result::ok).and_then(|it| it.next(now));
        next.and_then(|next| (next - now).to_std().ok())
            .unwrap_or(DAY)
    }
}

/// Told to behave otherwise, it does so at once, so that nobody has to wait for the night.
async fn keep(job: Arc<Job>, client: reqwest::Client, mut habit: watch::Receiver<Habit>) {
    loop {
        let now = *habit.borrow_and_update();
        if now != Habit::Stopped {
            run(&job, &client, now).await;
        }
        tokio::select! {
            () = tokio::time::sleep(job.pause()) => {}
            changed = habit.changed() => if changed.is_err() { return },
        }
    }
}

async fn run(job: &Job, client: &reqwest::Client, habit: Habit) {
    let run = uuid::Uuid::new_v4();
    call(client, format!("{}/start?rid={run}", job.address), "").await;
    tokio::time::sleep(RUN_TAKES).await;
    let (code, said) = match habit {
        Habit::Failing => (1, "Simulated: the other side refused the connection.\n"),
        _ => (0, "Simulated: done, nothing to complain about.\n"),
    };
    call(client, format!("{}/{code}?rid={run}", job.address), said).await;
}

async fn call(client: &reqwest::Client, address: String, said: &'static str) {
    for _ in 0..TRIES {
        match client.post(&address).body(said).send().await {
            Ok(_) => return,
            Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
        }
    }
}
