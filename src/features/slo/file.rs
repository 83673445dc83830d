//! A frozen month for a spreadsheet.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::budget::Standing;
use super::store::months::{Figure, Month};
use super::views::word;
use crate::foundation::web::csv;

/// A whole file.
pub fn text(platform: &str, month: &Month, figures: &[Figure]) -> Result<String, ::csv::Error> {
    let mut bytes = csv::line(COLUMNS)?;
    for figure in figures {
        let cells = cells(platform, month, figure);
        bytes.extend(csv::line(cells.iter().map(String::as_str))?);
    }
    // It is made of texts.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The head of the file, and the lines below it.
const COLUMNS: [&str; 24] = [
    "platform",
    "month",
    "zone",
    "target_id",
    "name",
    "service",
    "measured",
    "target",
    "verdict",
    "achieved",
    "budget_used",
    "good",
    "bad",
    "good_seconds",
    "bad_seconds",
    "unknown_seconds",
    "planned_seconds",
    "days_from",
    "days_until",
    "invented",
    "target_least",
    "target_most",
    "changed_at",
    "retired_at",
];

fn cells(platform: &str, month: &Month, figure: &Figure) -> Vec<String> {
    let target = figure.target(month);
    let standing = Standing::of(&target, &figure.tally);
    let tally = target.whole(&figure.tally);
    // As the sheet that names the file says them.
    let zone: Tz = month.zone.parse().unwrap_or(Tz::UTC);
    let at = |at: Option<DateTime<Utc>>| {
        at.map(|at| at.with_timezone(&zone).to_rfc3339())
            .unwrap_or_default()
    };
    let seconds = |ms: i64| (ms / 1_000).to_string();
    let promised = |share: Option<f64>| share.map(|it| it.to_string()).unwrap_or_default();
    let shared = |share: Option<f64>| share.map(|it| format!("{it:.6}")).unwrap_or_default();
    vec![
        platform.to_owned(),
        month.month.format("%Y-%m").to_string(),
        month.zone.clone(),
        figure.slug.clone(),
        figure.name.clone(),
        figure.service.clone(),
        figure.measured.clone(),
        figure.share.to_string(),
        word(standing.verdict).to_owned(),
        shared(standing.achieved),
        shared(standing.used()),
        tally.good.to_string(),
        tally.bad.to_string(),
        seconds(tally.good_ms),
        seconds(tally.bad_ms),
        seconds(tally.unknown_ms),
        seconds(tally.planned_ms),
        at(figure.days_from),
        at(figure.days_until),
        if tally.demo { "yes" } else { "no" }.to_owned(),
        promised(figure.shares.map(|(least, _)| least)),
        promised(figure.shares.map(|(_, most)| most)),
        at(figure.changed_at),
        at(figure.retired_at),
    ]
}
