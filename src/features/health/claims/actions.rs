//! What people do about indicators.

use chrono::{DateTime, Utc};

use super::claim::{Claim, ClaimId, File, State};
use crate::features::health::store::{claims, reports};
use crate::features::packs::pack::{Indicator, ItemId, Rule, Source};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db;
use crate::foundation::files::Stored;
use crate::foundation::kernel::Scope;
use crate::foundation::web::{self, Refusal as Refused};

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("You reported this value yourself.")]
    OwnWork,
    #[error("This value waits for nobody.")]
    Answered,
    #[error("What is to be corrected does not count, or not any more.")]
    NothingToCorrect,
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<Refusal> for web::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Database(error) => error.into(),
            refusal => Self::Refused(Refused::new(
                "indicator_refused",
                refusal.to_string(),
                "Nothing was changed. Look at it again.",
            )),
        }
    }
}

type Result<T> = std::result::Result<T, Refusal>;

/// What somebody says.
#[derive(Clone, Debug)]
pub struct New {
    pub value: f64,
    pub as_of: DateTime<Utc>,
    pub evidence: String,
    pub sha256: Option<String>,
    /// What shows it. Its hash is the evidence's.
    pub file: Option<Stored>,
    pub corrects: Option<ClaimId>,
}

/// Takes down a value, with how it is known. Where the pack asks for four eyes it waits for somebody else, unless it is worse
/// than what counts now: a lamp is lit by one person, and put out by two.
pub fn report(
    services: &Services,
    signed: &Signed,
    indicator: ItemId,
    new: &New,
    key: FormKey,
) -> Result<()> {
    within(services, signed, indicator, key, |tx, item| {
        let now = tx.now();
        if let Some(corrected) = new.corrects
            && (claims::lock(tx, indicator, corrected)?.state() != State::Counts
                || !claims::is_in_force(tx, corrected)?)
        {
            return Err(Refusal::NothingToCorrect);
        }
        let claim = Claim {
            id: ClaimId::new(),
            value: new.value,
            as_of: new.as_of.min(now),
            evidence: new.evidence.trim().to_owned(),
            sha256: match &new.file {
                Some(file) => Some(hex::encode(file.sha256)),
                None => new.sha256.clone(),
            },
            file: new.file.as_ref().map(|file| File {
                id: file.id.uuid(),
                bytes: file.bytes,
            }),
            corrects: new.corrects,
            made_at: now,
            made_by: signed.person,
            made_name: signed.name.clone(),
            needs_second: item.spec.four_eyes && !is_worse(tx, item, new)?,
            answer: None,
        };
        if let Some(file) = &new.file {
            file.keep(tx)?;
        }
        claims::insert(tx, indicator, &claim)?;
        let kind = if claim.needs_second {
            "indicator.proposed"
        } else {
            counted(tx, indicator, &claim)?;
            "indicator.reported"
        };
        tx.record(told(kind, item, &claim))?;
        Ok(())
    })
}

/// Whether a rule would be at a worse level with it than with what was reported last. What is said of an earlier time
/// changes no lamp.
fn is_worse(tx: &mut Tx<'_>, item: &Item<Indicator>, new: &New) -> db::Result<bool> {
    let last = reports::last_reports(tx, &[item.id])?.remove(&item.id);
    if last.as_ref().is_some_and(|last| new.as_of < last.at) {
        return Ok(false);
    }
    let rules = packs::live_within::<Rule>(tx, &Scope::one(item.platform))?;
    let reads = |rule: &Rule| matches!(&rule.on, Source::Indicator(slug) if *slug == item.slug);
    Ok(rules.iter().filter(|rule| reads(&rule.spec)).any(|rule| {
        let now = last
            .as_ref()
            .and_then(|last| rule.spec.level_at(last.value));
        rule.spec.level_at(new.value) > now
    }))
}

fn counted(tx: &mut Tx<'_>, indicator: ItemId, claim: &Claim) -> Result<()> {
    if claims::count(tx, indicator, claim)? {
        Ok(())
    } else {
        Err(Refusal::NothingToCorrect)
    }
}

/// A second person agrees, and the value counts.
pub fn approve(
    services: &Services,
    signed: &Signed,
    (indicator, id): (ItemId, ClaimId),
    key: FormKey,
) -> Result<()> {
    within(services, signed, indicator, key, |tx, item| {
        let claim = claims::lock(tx, indicator, id)?;
        if claim.state() != State::Waits {
            return Err(Refusal::Answered);
        }
        if claim.made_by == signed.person {
            return Err(Refusal::OwnWork);
        }
        claims::answer(tx, id, "approved", (signed.person, &signed.name))?;
        counted(tx, indicator, &claim)?;
        tx.record(told("indicator.approved", item, &claim))?;
        Ok(())
    })
}

/// Somebody else refuses it, or whoever reported it takes it back.
pub fn refuse(
    services: &Services,
    signed: &Signed,
    (indicator, id): (ItemId, ClaimId),
    key: FormKey,
) -> Result<()> {
    within(services, signed, indicator, key, |tx, item| {
        let claim = claims::lock(tx, indicator, id)?;
        if claim.state() != State::Waits {
            return Err(Refusal::Answered);
        }
        claims::answer(tx, id, "refused", (signed.person, &signed.name))?;
        let kind = if claim.made_by == signed.person {
            "indicator.withdrawn"
        } else {
            "indicator.refused"
        };
        tx.record(told(kind, item, &claim))?;
        Ok(())
    })
}

fn within(
    services: &Services,
    signed: &Signed,
    indicator: ItemId,
    key: FormKey,
    act: impl FnOnce(&mut Tx<'_>, &Item<Indicator>) -> Result<()>,
) -> Result<()> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/indicators/{indicator}"))?;
        let item = packs::item::<Indicator>(tx, indicator)?;
        tx.reach(item.platform)?;
        if item.retired_at.is_some() {
            return Err(db::Error::NotFound.into());
        }
        act(tx, &item)
    })
}

fn told(kind: &'static str, item: &Item<Indicator>, claim: &Claim) -> Event {
    let event = Event::new(kind, Subject::new("indicator", item.id))
        .platform(item.platform)
        .detail("indicator", item.slug.as_str())
        // The log holds no floats: 97.4 is written as it was reported.
        .detail("value", claim.value.to_string())
        .detail("as_of", claim.as_of.to_rfc3339())
        .detail("claim", claim.id.to_string())
        .detail("evidence", claim.evidence.as_str());
    let event = match claim.file {
        Some(file) => event.detail("file", file.id.to_string()),
        None => event,
    };
    let event = match &claim.sha256 {
        Some(digest) => event.detail("sha256", digest.as_str()),
        None => event,
    };
    match claim.corrects {
        Some(corrected) => event.detail("corrects", corrected.to_string()),
        None => event,
    }
}
