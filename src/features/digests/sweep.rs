//! Makes the digest of each period that is over, and tells whoever asked for it. Any number of processes may do it at once.

use chrono::{DateTime, TimeDelta, Utc};

use super::compose::compose;
use super::digest::{Digest, DigestId, Kind, Period, over};
use super::store;
use crate::features::notify::actions as notices;
use crate::features::notify::notice::{About, Destination, Notice};
use crate::features::notify::store::endpoints;
use crate::features::packs::pack::{Contact, Service};
use crate::features::packs::store::{self as packs, Watched};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Tx};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{Level, Scope};

/// Samples of the last hour are summed up some minutes after it.
const SETTLES: TimeDelta = TimeDelta::minutes(10);

/// Returns how many digests were made.
pub fn tick(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let due = services.db.read_on(PoolKind::Jobs, |conn| due(conn, now))?;
    let mut made = 0;
    for (platform, kind, period) in due {
        match make(services, &platform, kind, period) {
            Ok(true) => made += 1,
            Ok(false) => {}
            Err(error @ db::Error::Unavailable(_)) => return Err(error),
            // One platform's trouble keeps no other from its digest.
            Err(error) => tracing::error!(%error, platform = platform.slug, "no digest was made"),
        }
    }
    Ok(made)
}

/// For the demo: the day before, of each platform, as if Signalbox had run then.
pub fn make_last(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    let platforms = services.db.read_on(PoolKind::Jobs, packs::platforms)?;
    for platform in platforms {
        let day = over(Kind::Daily, platform.zone, now - TimeDelta::days(1), now);
        if let Some(period) = day.last() {
            make(services, &platform, Kind::Daily, *period)?;
        }
    }
    Ok(())
}

fn due(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<(Watched, Kind, Period)>> {
    let services = packs::live::<Service>(conn)?;
    let mut due = Vec::new();
    for platform in packs::platforms(conn)? {
        let declared = services.iter().filter(|it| it.platform == platform.id);
        // What was before the pack was applied is nobody's.
        let Some(began) = declared.map(|it| it.declared_at).min() else {
            continue;
        };
        for kind in Kind::ALL {
            let last = store::last(conn, platform.id, kind, now)?;
            let after = last.map_or(began, |last| last.period.to.max(began));
            let periods = over(kind, platform.zone, after, now - SETTLES);
            due.extend(periods.into_iter().map(|it| (platform.clone(), kind, it)));
        }
    }
    Ok(due)
}

/// False where somebody else has made it.
fn make(services: &Services, platform: &Watched, kind: Kind, period: Period) -> db::Result<bool> {
    let actor = Actor::job("digests");
    let done = services.audit.write_on(PoolKind::Jobs, &actor, |tx| {
        let now = tx.now();
        let before = store::last(tx, platform.id, kind, period.from)?;
        let digest = Digest {
            id: DigestId::new(),
            platform: platform.id,
            kind,
            period,
            made_at: now,
            contents: compose(tx, platform, period, before.as_ref(), now)?,
        };
        if !store::insert(tx, &digest)? {
            return Err(db::Error::NoEvent);
        }
        tx.record(
            Event::new("digest.made", Subject::new("digest", digest.id))
                .platform(platform.id)
                .detail("kind", kind.as_str())
                .detail("to", period.to.to_rfc3339()),
        )?;
        tell(tx, platform, &digest, before.as_ref())
    });
    match done {
        Ok(()) => Ok(true),
        Err(db::Error::NoEvent) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whoever asked for it in the pack.
fn tell(
    tx: &mut Tx<'_>,
    platform: &Watched,
    digest: &Digest,
    before: Option<&Digest>,
) -> db::Result<()> {
    let contacts = packs::live_within::<Contact>(tx, &Scope::one(platform.id))?;
    let asked = contacts
        .iter()
        .filter(|it| it.spec.digests.contains(&digest.kind));
    for contact in asked {
        let mut ways = Vec::new();
        ways.extend(
            contact
                .spec
                .email()
                .map(|email| Destination::Email(email.to_owned())),
        );
        if let Some(name) = contact.spec.endpoint()
            && let Some(endpoint) = endpoints::by_name(tx, name)?
        {
            ways.push(Destination::Endpoint(endpoint.id));
        }
        for to in ways {
            let day = digest
                .period
                .from
                .with_timezone(&platform.zone)
                .date_naive();
            let of = match digest.kind {
                Kind::Daily => format!("{day}"),
                Kind::Weekly => format!("the week from {day}"),
            };
            let notice = Notice {
                platform: Some(platform.id),
                gather: None,
                key: format!("digest:{}:{}", digest.id, to.channel().as_str()) + &contact.slug,
                to,
                about: About::new("digest", digest.id),
                title: format!("{}: digest of {of}", platform.name),
                text: digest.letter(before),
                link: format!("/digests/{}", digest.id),
                level: Some(Level::Blue),
            };
            notices::enqueue(tx, &notice)?;
        }
    }
    Ok(())
}
