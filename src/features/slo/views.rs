//! What the pages of service levels show.

use std::fmt::Write as _;
use std::time::Duration;

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::MonthId;
use super::budget::{Standing, Target, Verdict};
use super::store::months::{Figure, Kept, Month};
use crate::features::alerts::burn::Burn;
use crate::features::health::slice::Tally;
use crate::features::packs::pack::ItemId;
use crate::foundation::web::chart::Drawing;
use crate::foundation::web::format::{When, counted, decimal, duration, percent};
use crate::foundation::web::spark::Spark;
use crate::foundation::web::{Chrome, Lamp};

/// From so much of the budget on it is worth a look.
const SCARCE: f64 = 0.75;

/// A target in a list, over its window or over a month.
pub struct Row {
    pub id: ItemId,
    pub name: String,
    pub place: String,
    pub measured: String,
    pub lamp: Lamp,
    pub verdict: Verdict,
    pub word: &'static str,
    pub target: String,
    /// Between which shares it was promised, where it was changed.
    pub between: Option<(String, String)>,
    pub changed_at: Option<DateTime<Utc>>,
    pub retired_at: Option<DateTime<Utc>>,
    pub achieved: Option<String>,
    pub used: Option<f64>,
    pub budget: Budget,
    pub time: Time,
    pub least: String,
    pub demo: bool,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// How much time was counted, where that is not the whole month.
    pub counted: Option<String>,
}

/// What is left of a budget, in words.
pub struct Budget {
    pub used: Option<String>,
    pub left: Option<String>,
    pub whole: String,
}

/// How the time divides, in words.
pub struct Time {
    pub good: String,
    pub bad: String,
    pub unknown: String,
    pub planned: String,
    pub has_planned: bool,
    pub is_known: bool,
}

impl Row {
    /// A target with what was counted for it.
    pub fn new(id: ItemId, name: &str, target: &Target, tally: &Tally) -> Self {
        let standing = Standing::of(target, tally);
        let used = standing.used();
        Self {
            id,
            name: name.to_owned(),
            place: String::new(),
            measured: String::new(),
            lamp: lamp(standing.verdict, used),
            verdict: standing.verdict,
            word: word(standing.verdict),
            target: share(target.share),
            between: None,
            changed_at: None,
            retired_at: None,
            achieved: standing.achieved.map(share),
            used,
            budget: Budget::of(target, &standing),
            time: Time::of(tally, &target.whole(tally)),
            least: counted(target.least.unsigned_abs(), "result", "results"),
            demo: tally.demo,
            since: None,
            until: None,
            counted: None,
        }
    }

    pub fn of_month(month: &Month, figure: &Figure) -> Self {
        let row = Self::new(
            figure.slo,
            &figure.name,
            &figure.target(month),
            &figure.tally,
        );
        Self {
            place: figure.service.clone(),
            measured: figure.measured.clone(),
            between: figure
                .shares
                .filter(|(least, most)| least < most)
                .map(|(least, most)| (share(least), share(most))),
            changed_at: figure.changed_at,
            retired_at: figure.retired_at,
            since: figure.days_from,
            until: figure.days_until,
            counted: (!figure.is_whole(month)).then(|| millis(figure.tally.all_ms())),
            ..row
        }
    }

    fn is_met(&self) -> bool {
        self.verdict == Verdict::Met
    }

    const fn is_unknown(&self) -> bool {
        matches!(self.verdict, Verdict::NotEnough | Verdict::AsFarAsKnown)
    }
}

#[must_use]
pub fn lamp(verdict: Verdict, used: Option<f64>) -> Lamp {
    match verdict {
        Verdict::Missed => Lamp::Red,
        Verdict::NotEnough | Verdict::AsFarAsKnown => Lamp::Unknown,
        Verdict::Met if used.is_some_and(|used| used >= SCARCE) => Lamp::Yellow,
        Verdict::Met => Lamp::Clear,
    }
}

#[must_use]
pub const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Missed => "Missed",
        Verdict::NotEnough => "Not enough data",
        Verdict::AsFarAsKnown => "Met as far as is known",
        Verdict::Met => "Met",
    }
}

/// "99.95 %". It is rounded down: what is not all is not called 100 %.
fn share(share: f64) -> String {
    percent((share * 100_000.0 + 1e-6).floor() / 100_000.0, 3)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths of time are far below 2^53 and not negative"
)]
fn span(ms: f64) -> String {
    let ms = ms.max(0.0);
    if ms < 60_000.0 {
        return format!("{} s", decimal((ms / 1_000.0).round(), 0));
    }
    duration(Duration::from_secs((ms / 60_000.0).round() as u64 * 60))
}

#[allow(
    clippy::cast_precision_loss,
    reason = "lengths of time are far below 2^53 ms"
)]
fn millis(ms: i64) -> String {
    if ms == 0 {
        return "none".to_owned();
    }
    span(ms as f64)
}

impl Budget {
    fn of(target: &Target, standing: &Standing) -> Self {
        let said = |amount: f64| {
            if target.of_time {
                span(amount)
            } else {
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "results are far below 2^53"
                )]
                let whole = amount.max(0.0).floor() as i64;
                counted(whole.unsigned_abs(), "result", "results")
            }
        };
        let left = standing.left();
        let known = standing.used().is_some();
        Self {
            used: standing.used().map(|used| percent(used, 0)),
            left: known.then(|| {
                if left < 0.0 {
                    format!("none: {} too many", said(-left))
                } else {
                    said(left)
                }
            }),
            whole: said(standing.budget),
        }
    }
}

impl Time {
    fn of(counted: &Tally, whole: &Tally) -> Self {
        Self {
            good: millis(whole.good_ms),
            bad: millis(whole.bad_ms),
            unknown: millis(whole.unknown_ms),
            planned: millis(whole.planned_ms),
            has_planned: whole.planned_ms > 0,
            is_known: counted.all_ms() > 0,
        }
    }
}

/// All targets in one sentence.
pub struct Sentence {
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
}

impl Sentence {
    /// As they stand.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        Self::told(rows, ["is", "are"])
    }

    /// As they stood in a month that is over.
    #[must_use]
    pub fn of_month(rows: &[Row]) -> Self {
        Self::told(rows, ["was", "were"])
    }

    fn told(rows: &[Row], [is, are]: [&str; 2]) -> Self {
        let met = rows.iter().filter(|row| row.is_met()).count() as u64;
        let all = rows.len() as u64;
        let worst = rows
            .iter()
            .filter(|row| row.used.is_some_and(|used| used > 0.0))
            .max_by(|a, b| {
                a.used
                    .partial_cmp(&b.used)
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
        let verb = if met == 1 { is } else { are };
        let targets = counted(all, "target", "targets");
        let mut sentence = match (met, all) {
            (1, 1) => format!("The one target {is} met"),
            (met, all) if met == all => format!("All {targets} {are} met"),
            (0, _) => format!("None of {targets} {is} known to be met"),
            (met, _) => format!("{met} of {targets} {verb} met"),
        };
        if let Some(row) = worst {
            let used = row.budget.used.as_deref().unwrap_or_default();
            let _ = write!(sentence, "; {} has used {used} of its budget", row.name);
        }
        let unknown = rows.iter().filter(|row| row.is_unknown()).count() as u64;
        let detail = match unknown {
            0 => String::new(),
            some => format!(
                "Of {} not enough is known to say so.",
                counted(some, "target", "targets")
            ),
        };
        // What is not known outweighs what is well.
        let order = [Lamp::Red, Lamp::Yellow, Lamp::Unknown];
        let worst = order
            .into_iter()
            .find(|lamp| rows.iter().any(|row| row.lamp == *lamp));
        Self {
            lamp: worst.unwrap_or(Lamp::Clear),
            sentence,
            detail,
        }
    }
}

/// `GET /service-levels`
#[derive(Template)]
#[template(path = "slo/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub verdict: Sentence,
    pub rows: Vec<(Row, Spark)>,
    pub months: Vec<MonthRow>,
}

impl List {
    fn demo(&self) -> bool {
        self.rows.iter().any(|(row, _)| row.demo)
    }
}

/// A month of a platform in a list: frozen, or missing.
pub struct MonthRow {
    pub platform: String,
    pub name: String,
    pub frozen: Option<(MonthId, DateTime<Utc>)>,
    /// It has only just ended.
    pub waits: bool,
}

/// "February 2026"
#[must_use]
pub fn month_name(month: NaiveDate) -> String {
    month.format("%B %Y").to_string()
}

/// `GET /service-levels/{id}`
#[derive(Template)]
#[template(path = "slo/one.html")]
pub struct One {
    pub chrome: Chrome,
    pub row: Row,
    pub about: String,
    pub window: String,
    pub service: Option<(ItemId, String)>,
    pub running: (String, Row),
    pub chart: Drawing,
    pub pace: Option<String>,
    pub promise: Promise,
    pub changed_at: Option<DateTime<Utc>>,
    pub months: Vec<(Month, Row)>,
}

impl One {
    /// The rolling window, and the month that is running.
    fn parts(&self) -> [(String, &Row); 2] {
        let (month, so_far) = &self.running;
        [
            (format!("The last {}", self.window), &self.row),
            (format!("{month}, so far"), so_far),
        ]
    }

    fn month_name(month: &Month) -> String {
        month_name(month.month)
    }
}

/// What is promised for the time after something broke.
#[derive(Default)]
pub struct Promise {
    pub rto: Option<String>,
    pub rpo: Option<String>,
    pub dumps: Option<(ItemId, String)>,
    /// Why it cannot be kept, and why the pack lives with that.
    pub not_reachable: Option<(String, String)>,
}

/// "0.4 times the pace that it allows"
#[must_use]
pub fn pace(burn: &Burn) -> String {
    format!(
        "{} times the pace that the target allows, over the last {}",
        decimal(burn.rate, 1),
        duration(burn.long.to_std().unwrap_or_default())
    )
}

/// A frozen month, however it is shown.
pub struct MonthFacts {
    pub month: Month,
    pub platform: String,
    pub verdict: Sentence,
    pub rows: Vec<Row>,
    /// Its CSV; nothing of one that was frozen before files were kept, until somebody takes it.
    pub file: Option<Kept>,
}

impl MonthFacts {
    /// A moment of it: two people who hold the same sheet read the same, wherever they are.
    fn at(&self, at: &DateTime<Utc>) -> When {
        When::zoned(*at, self.month.zone.parse().unwrap_or(Tz::UTC))
    }

    fn name(&self) -> String {
        month_name(self.month.month)
    }

    fn demo(&self) -> bool {
        self.rows.iter().any(|row| row.demo)
    }

    /// The targets of which announced maintenance was not counted.
    fn planned(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.time.has_planned)
    }
}

/// `GET /service-levels/months/{id}`
#[derive(Template)]
#[template(path = "slo/month.html")]
pub struct MonthPage {
    pub chrome: Chrome,
    pub facts: MonthFacts,
}

/// `GET /service-levels/months/{id}/print`
#[derive(Template)]
#[template(path = "slo/print.html")]
pub struct MonthSheet {
    pub chrome: Chrome,
    pub facts: MonthFacts,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn row(name: &str, bad: i64, unknown: i64) -> Row {
        let target = Target {
            share: 0.999,
            window_ms: 30 * 1_440 * MINUTE,
            passed_ms: 30 * 1_440 * MINUTE,
            least: 20,
            of_time: true,
        };
        let tally = Tally {
            good: 80_000,
            bad,
            good_ms: (43_200 - bad - unknown) * MINUTE,
            bad_ms: bad * MINUTE,
            unknown_ms: unknown * MINUTE,
            ..Tally::default()
        };
        Row::new(ItemId::new(), name, &target, &tally)
    }

    fn sentence(rows: &[Row]) -> (Lamp, String) {
        let said = Sentence::of(rows);
        (said.lamp, said.sentence)
    }

    #[test]
    fn the_verdict_counts_what_is_met_and_names_the_tightest() {
        let rows = [row("Search", 0, 0), row("Backend", 31, 0)];
        assert_eq!(
            sentence(&rows)
                .1
                .replace(['\u{a0}', '\u{202f}', '\u{2009}'], " "),
            "All 2 targets are met; Backend has used 72 % of its budget"
        );
        let rows = [
            row("Search", 0, 0),
            row("Backend", 0, 60),
            row("Front end", 50, 0),
        ];
        let (lamp, said) = sentence(&rows);
        assert_eq!(lamp, Lamp::Red);
        assert!(
            said.starts_with("1 of 3 targets is met; Front end has used"),
            "{said}"
        );
        assert_eq!(sentence(&[row("Search", 0, 0)]).1, "The one target is met");
    }

    #[test]
    fn what_is_not_known_is_grey_and_what_is_nearly_gone_yellow() {
        assert_eq!(row("a", 0, 60).lamp, Lamp::Unknown);
        assert_eq!(row("a", 33, 0).lamp, Lamp::Yellow);
        assert_eq!(row("a", 20, 0).lamp, Lamp::Clear);
        assert_eq!(row("a", 44, 600).lamp, Lamp::Red);
    }

    #[test]
    fn a_share_has_the_digits_that_tell_it_from_all() {
        let plain = |it| share(it).replace(['\u{a0}', '\u{202f}', '\u{2009}'], " ");
        assert_eq!(plain(0.999), "99.9 %");
        assert_eq!(plain(0.95), "95 %");
        assert_eq!(plain(0.999_51), "99.951 %");
        assert_eq!(plain(0.999_999_9), "99.999 %");
        assert_eq!(plain(1.0), "100 %");
    }
}
