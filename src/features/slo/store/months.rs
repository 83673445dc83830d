//! Frozen months as rows. They are written once and read.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::features::health::slice::Tally;
use crate::features::packs::pack::ItemId;
use crate::features::slo::MonthId;
use crate::features::slo::budget::Target;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{slo_figure, slo_month, slo_month_file};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::{PlatformId, Scope};

/// A month of a platform that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    pub id: MonthId,
    pub platform: PlatformId,
    pub month: NaiveDate,
    pub zone: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub frozen_at: DateTime<Utc>,
}

/// What a file is known by on paper and in the audit log.
#[must_use]
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// What became of a target in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub slo: ItemId,
    pub slug: String,
    pub name: String,
    pub service: String,
    pub measured: String,
    pub of_time: bool,
    /// What was promised, by how long each promise was in force.
    pub share: f64,
    /// The lowest and the highest of them.
    pub shares: Option<(f64, f64)>,
    /// When its definition last changed, where that was after the month began.
    pub changed_at: Option<DateTime<Utc>>,
    /// When its pack took it away, where it is gone.
    pub retired_at: Option<DateTime<Utc>>,
    pub least: i32,
    pub tally: Tally,
    pub days: i32,
    pub days_from: Option<DateTime<Utc>>,
    pub days_until: Option<DateTime<Utc>>,
}

impl Figure {
    /// Whether all the time of the month was counted. Its days may be those of the whole month and yet lack some: one that
    /// began at noon, or all those after a target was taken out and before it came back.
    #[must_use]
    pub fn is_whole(&self, month: &Month) -> bool {
        self.tally.all_ms() >= self.target(month).window_ms
    }

    /// What was promised of the month.
    #[must_use]
    pub fn target(&self, month: &Month) -> Target {
        let lasts = (month.ends_at - month.starts_at).num_milliseconds();
        Target {
            share: self.share,
            window_ms: lasts,
            passed_ms: lasts,
            least: self.least.into(),
            of_time: self.of_time,
        }
    }
}

/// The file of a month, byte for byte the same from when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub text: String,
    pub sha256: String,
    pub made_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = slo_month)]
struct MonthRow {
    id: Uuid,
    platform_id: Uuid,
    month: NaiveDate,
    zone: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    frozen_at: DateTime<Utc>,
}

impl From<MonthRow> for Month {
    fn from(row: MonthRow) -> Self {
        Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            month: row.month,
            zone: row.zone,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            frozen_at: row.frozen_at,
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = slo_figure)]
struct FigureRow {
    month_id: Uuid,
    slo_id: Uuid,
    position: i32,
    slug: String,
    name: String,
    service: String,
    measured: String,
    of_time: bool,
    target: f64,
    least: i32,
    good: i64,
    bad: i64,
    good_ms: i64,
    bad_ms: i64,
    unknown_ms: i64,
    planned_ms: i64,
    days: i32,
    days_from: Option<DateTime<Utc>>,
    days_until: Option<DateTime<Utc>>,
    demo: bool,
    target_least: Option<f64>,
    target_most: Option<f64>,
    changed_at: Option<DateTime<Utc>>,
    retired_at: Option<DateTime<Utc>>,
}

impl FigureRow {
    fn of(month: MonthId, position: usize, figure: &Figure) -> Self {
        let figure = figure.clone();
        Self {
            month_id: month.uuid(),
            slo_id: figure.slo.uuid(),
            position: i32::try_from(position).unwrap_or(i32::MAX),
            slug: figure.slug,
            name: figure.name,
            service: figure.service,
            measured: figure.measured,
            of_time: figure.of_time,
            target: figure.share,
            least: figure.least,
            good: figure.tally.good,
            bad: figure.tally.bad,
            good_ms: figure.tally.good_ms,
            bad_ms: figure.tally.bad_ms,
            unknown_ms: figure.tally.unknown_ms,
            planned_ms: figure.tally.planned_ms,
            days: figure.days,
            days_from: figure.days_from,
            days_until: figure.days_until,
            demo: figure.tally.demo,
            target_least: figure.shares.map(|(least, _)| least),
            target_most: figure.shares.map(|(_, most)| most),
            changed_at: figure.changed_at,
            retired_at: figure.retired_at,
        }
    }
}

impl From<FigureRow> for Figure {
    fn from(row: FigureRow) -> Self {
        Self {
            slo: row.slo_id.into(),
            slug: row.slug,
            name: row.name,
            service: row.service,
            measured: row.measured,
            of_time: row.of_time,
            share: row.target,
            shares: row.target_least.zip(row.target_most),
            changed_at: row.changed_at,
            retired_at: row.retired_at,
            least: row.least,
            tally: Tally {
                good: row.good,
                bad: row.bad,
                good_ms: row.good_ms,
                bad_ms: row.bad_ms,
                unknown_ms: row.unknown_ms,
                planned_ms: row.planned_ms,
                demo: row.demo,
            },
            days: row.days,
            days_from: row.days_from,
            days_until: row.days_until,
        }
    }
}

/// False where somebody else has frozen it.
pub fn insert(tx: &mut Tx<'_>, month: &Month, figures: &[Figure]) -> Result<bool> {
    let inserted = diesel::insert_into(slo_month::table)
        .values((
            slo_month::id.eq(month.id.uuid()),
            slo_month::platform_id.eq(month.platform.uuid()),
            slo_month::month.eq(month.month),
            slo_month::zone.eq(&month.zone),
            slo_month::starts_at.eq(month.starts_at),
            slo_month::ends_at.eq(month.ends_at),
            slo_month::frozen_at.eq(month.frozen_at),
        ))
        .on_conflict((slo_month::platform_id, slo_month::month))
        .do_nothing()
        .execute(&mut **tx)?;
    if inserted == 0 {
        return Ok(false);
    }
    let rows: Vec<FigureRow> = figures
        .iter()
        .enumerate()
        .map(|(position, figure)| FigureRow::of(month.id, position, figure))
        .collect();
    diesel::insert_into(slo_figure::table)
        .values(rows)
        .execute(&mut **tx)?;
    Ok(true)
}

/// Keeps the file of a month; one that is kept already stays as it is.
pub fn keep(tx: &mut Tx<'_>, month: MonthId, text: &str, made_at: DateTime<Utc>) -> Result<()> {
    diesel::insert_into(slo_month_file::table)
        .values((
            slo_month_file::month_id.eq(month.uuid()),
            slo_month_file::text.eq(text),
            slo_month_file::made_at.eq(made_at),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    Ok(())
}

pub fn kept(conn: &mut Conn, month: MonthId) -> Result<Option<Kept>> {
    let row: Option<(String, DateTime<Utc>)> = slo_month_file::table
        .find(month.uuid())
        .select((slo_month_file::text, slo_month_file::made_at))
        .first(conn)
        .optional()?;
    Ok(row.map(|(text, made_at)| Kept {
        sha256: digest(&text),
        text,
        made_at,
    }))
}

/// The months of these platforms, newest first.
pub fn all(conn: &mut Conn, scope: &Scope) -> Result<Vec<Month>> {
    let mut query = slo_month::table
        .order((slo_month::month.desc(), slo_month::platform_id))
        .select(MonthRow::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(slo_month::platform_id.eq_any(platforms));
    }
    Ok(query.load(conn)?.into_iter().map(Month::from).collect())
}

pub fn one(conn: &mut Conn, id: MonthId) -> Result<Month> {
    let row: MonthRow = slo_month::table
        .find(id.uuid())
        .select(MonthRow::as_select())
        .first(conn)?;
    Ok(row.into())
}

pub fn figures(conn: &mut Conn, id: MonthId) -> Result<Vec<Figure>> {
    let rows: Vec<FigureRow> = slo_figure::table
        .filter(slo_figure::month_id.eq(id.uuid()))
        .order(slo_figure::position)
        .select(FigureRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Figure::from).collect())
}

/// The months in which a target is, newest first.
pub fn of_slo(conn: &mut Conn, slo: ItemId) -> Result<Vec<(Month, Figure)>> {
    let rows: Vec<(MonthRow, FigureRow)> = slo_month::table
        .inner_join(slo_figure::table)
        .filter(slo_figure::slo_id.eq(slo.uuid()))
        .order(slo_month::month.desc())
        .select((MonthRow::as_select(), FigureRow::as_select()))
        .load(conn)?;
    let pair = |(month, figure): (MonthRow, FigureRow)| (month.into(), figure.into());
    Ok(rows.into_iter().map(pair).collect())
}
