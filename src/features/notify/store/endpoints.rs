//! The places that take webhooks, and their secrets.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::notify::endpoint::{Failures, Kind, OVERLAP, Standing};
use crate::features::notify::notice::EndpointId;
use crate::features::notify::signing;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::notice_endpoint;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::Secret;

/// An endpoint without its secrets.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    pub name: String,
    pub kind: Kind,
    pub host: String,
    pub standing: Standing,
    pub why: Option<String>,
    pub changed_at: DateTime<Utc>,
    pub made_at: DateTime<Utc>,
    pub made_by: String,
    pub secret_made_at: Option<DateTime<Utc>>,
    pub previous_until: Option<DateTime<Utc>>,
    pub failures: Failures,
    pub succeeded_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = notice_endpoint)]
struct Row {
    id: Uuid,
    name: String,
    kind: String,
    host: String,
    state: String,
    why: Option<String>,
    changed_at: DateTime<Utc>,
    made_at: DateTime<Utc>,
    made_by: String,
    secret_made_at: Option<DateTime<Utc>>,
    previous_until: Option<DateTime<Utc>>,
    failures: i32,
    failing_since: Option<DateTime<Utc>>,
    succeeded_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Endpoint {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = |_| Error::Damaged("an endpoint's row");
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            kind: row.kind.parse().map_err(damaged)?,
            host: row.host,
            standing: row.state.parse().map_err(damaged)?,
            why: row.why,
            changed_at: row.changed_at,
            made_at: row.made_at,
            made_by: row.made_by,
            secret_made_at: row.secret_made_at,
            previous_until: row.previous_until,
            failures: Failures {
                count: row.failures,
                since: row.failing_since,
            },
            succeeded_at: row.succeeded_at,
        })
    }
}

/// What to set up. A standard endpoint has a secret; of the other kind the address is one.
#[derive(Clone, Debug)]
pub struct New<'a> {
    pub name: &'a str,
    pub kind: Kind,
    pub host: &'a str,
    pub url: &'a str,
    pub secret: Option<&'a [u8]>,
}

pub fn insert(tx: &mut Tx<'_>, id: EndpointId, new: &New<'_>) -> Result<()> {
    let (now, keyring) = (tx.now(), tx.keyring().clone());
    let by = tx.actor().to_string();
    let secret = new
        .secret
        .map(|secret| keyring.seal(&place("secret", id), secret));
    diesel::insert_into(notice_endpoint::table)
        .values((
            notice_endpoint::id.eq(id.uuid()),
            notice_endpoint::name.eq(new.name),
            notice_endpoint::kind.eq(new.kind.as_str()),
            notice_endpoint::host.eq(new.host),
            notice_endpoint::url.eq(keyring.seal(&place("url", id), new.url.as_bytes())),
            notice_endpoint::secret_made_at.eq(secret.is_some().then_some(now)),
            notice_endpoint::secret.eq(secret),
            notice_endpoint::state.eq(Standing::Active.as_str()),
            notice_endpoint::changed_at.eq(now),
            notice_endpoint::made_at.eq(now),
            notice_endpoint::made_by.eq(by),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Leads it elsewhere. People make another endpoint instead; the demo's own address changes with its ports.
pub fn set_address(tx: &mut Tx<'_>, id: EndpointId, host: &str, url: &str) -> Result<()> {
    let sealed = tx.keyring().seal(&place("url", id), url.as_bytes());
    diesel::update(notice_endpoint::table.find(id.uuid()))
        .set((
            notice_endpoint::host.eq(host),
            notice_endpoint::url.eq(sealed),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// All of them, the retired ones last.
pub fn all(conn: &mut Conn) -> Result<Vec<Endpoint>> {
    let rows: Vec<Row> = notice_endpoint::table
        .order((
            notice_endpoint::state.eq(Standing::Retired.as_str()),
            notice_endpoint::name,
            notice_endpoint::id,
        ))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Endpoint::try_from).collect()
}

pub fn find(conn: &mut Conn, id: EndpointId) -> Result<Endpoint> {
    let row: Row = notice_endpoint::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?;
    row.try_into()
}

/// The one that is called so, whatever the case of its letters, unless it is retired.
pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<Endpoint>> {
    let wanted = name.trim().to_lowercase();
    let found = all(conn)?
        .into_iter()
        .filter(|it| it.standing != Standing::Retired)
        .find(|it| it.name.to_lowercase() == wanted);
    Ok(found)
}

/// [`find`], with the row locked to the end of the transaction.
pub fn lock(conn: &mut Conn, id: EndpointId) -> Result<Endpoint> {
    let row: Row = notice_endpoint::table
        .find(id.uuid())
        .for_update()
        .select(Row::as_select())
        .first(conn)?;
    row.try_into()
}

type Rotated = (Option<Vec<u8>>, Option<Vec<u8>>, Option<DateTime<Utc>>);

/// Puts a secret in the place of the one before, which goes on signing for the time of the overlap. So do those before it
/// whose overlap runs.
pub fn rotate(tx: &mut Tx<'_>, id: EndpointId, secret: &[u8]) -> Result<()> {
    let (now, keyring) = (tx.now(), tx.keyring().clone());
    let (newest, before, until): Rotated = notice_endpoint::table
        .find(id.uuid())
        .select((
            notice_endpoint::secret,
            notice_endpoint::previous_secret,
            notice_endpoint::previous_until,
        ))
        .first(&mut **tx)?;
    let Some(newest) = newest else {
        return Err(Error::NotFound);
    };
    let newest = keyring.open(&place("secret", id), &newest)?;
    let before = match before.filter(|_| until.is_some_and(|until| until > now)) {
        Some(before) => keyring.open(&place("previous_secret", id), &before)?,
        None => Vec::new(),
    };
    let before = signing::earlier(&newest, &before);
    diesel::update(notice_endpoint::table.find(id.uuid()))
        .set((
            notice_endpoint::secret.eq(keyring.seal(&place("secret", id), secret)),
            notice_endpoint::secret_made_at.eq(now),
            notice_endpoint::previous_secret
                .eq(keyring.seal(&place("previous_secret", id), &before)),
            notice_endpoint::previous_until.eq(now + OVERLAP),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// `why` stands wherever it is not active.
pub fn set_standing(
    conn: &mut Conn,
    id: EndpointId,
    standing: Standing,
    why: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    diesel::update(notice_endpoint::table.find(id.uuid()))
        .set((
            notice_endpoint::state.eq(standing.as_str()),
            notice_endpoint::why.eq(why),
            notice_endpoint::changed_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn set_failures(conn: &mut Conn, id: EndpointId, failures: Failures) -> Result<()> {
    diesel::update(notice_endpoint::table.find(id.uuid()))
        .set((
            notice_endpoint::failures.eq(failures.count),
            notice_endpoint::failing_since.eq(failures.since),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn set_succeeded(conn: &mut Conn, id: EndpointId, at: DateTime<Utc>) -> Result<()> {
    set_failures(conn, id, Failures::default())?;
    diesel::update(notice_endpoint::table.find(id.uuid()))
        .set(notice_endpoint::succeeded_at.eq(at))
        .execute(conn)?;
    Ok(())
}

/// Where to send to, and what signs it: the newest secret first.
#[derive(Clone, Debug)]
pub struct Line {
    pub kind: Kind,
    pub url: Secret<String>,
    pub secrets: Vec<Secret<Vec<u8>>>,
}

pub fn line(
    conn: &mut Conn,
    keyring: &Keyring,
    id: EndpointId,
    now: DateTime<Utc>,
) -> Result<Line> {
    type Sealed = (
        String,
        Vec<u8>,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Option<DateTime<Utc>>,
    );
    let (kind, url, secret, previous, until): Sealed = notice_endpoint::table
        .find(id.uuid())
        .select((
            notice_endpoint::kind,
            notice_endpoint::url,
            notice_endpoint::secret,
            notice_endpoint::previous_secret,
            notice_endpoint::previous_until,
        ))
        .first(conn)?;
    let mut secrets = Vec::new();
    if let Some(secret) = secret {
        secrets.push(Secret::new(keyring.open(&place("secret", id), &secret)?));
    }
    if let Some(previous) = previous.filter(|_| until.is_some_and(|until| until > now)) {
        let place = place("previous_secret", id);
        let previous = keyring.open(&place, &previous)?;
        secrets.extend(signing::each_earlier(&previous).map(|it| Secret::new(it.to_vec())));
    }
    let url = String::from_utf8(keyring.open(&place("url", id), &url)?)
        .map_err(|_| Error::Damaged("an endpoint's address"))?;
    Ok(Line {
        kind: kind
            .parse()
            .map_err(|_| Error::Damaged("an endpoint's kind"))?,
        url: Secret::new(url),
        secrets,
    })
}

fn place(column: &str, id: EndpointId) -> String {
    format!("notice_endpoint:{column}:{id}")
}
