//! What is done with grants. Each act is let into the compartment first, and recorded in its log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::events;
use super::grant::{Given, Hand, Refusal, SarGrantId, State, check_period, check_purpose};
use super::store;
use crate::foundation::Services;
use crate::foundation::audit::{self, Actor, FormKey, Log, Tx};
use crate::foundation::auth::sar::SarGrant;
use crate::foundation::auth::{Signed, people};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::PersonId;

/// Where the page of the grants is.
pub const PAGE: &str = "/sar/grants";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// What somebody wants to give.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub email: String,
    pub grant: SarGrant,
    pub purpose: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// Everything that the page shows.
#[derive(Debug)]
pub struct Book {
    pub purpose: String,
    pub grants: Vec<Given<SarGrant>>,
    /// Names and addresses, by the actors of the grants and their holders.
    pub people: HashMap<PersonId, String>,
}

/// Lets the transaction into the compartment. Row security asks who it acts for besides.
fn enter(tx: &mut Tx<'_>) -> db::Result<()> {
    audit::store::reveal(tx, Log::Sar)
}

/// Opens the compartment for a while, for a purpose.
pub fn open(
    services: &Services,
    signed: &Signed,
    purpose: &str,
    key: FormKey,
) -> Result<(), Error> {
    let purpose = check_purpose(purpose)?;
    services.audit.write(&signed.actor(), |tx| {
        enter(tx)?;
        tx.once(key, PAGE)?;
        let now = tx.now();
        store::note_opening(tx, signed.person, purpose, now)?;
        tx.record(events::opened(signed.person, purpose))?;
        Ok(())
    })
}

/// The grants, for somebody who has said what for; else nothing. Each look is recorded.
pub fn read(services: &Services, signed: &Signed) -> Result<Option<Book>, db::Error> {
    let looked = services.audit.write(&signed.actor(), |tx| {
        enter(tx)?;
        let now = tx.now();
        let Some(purpose) = store::purpose(tx, signed.person, now)? else {
            // Nothing was seen, so there is nothing to record.
            return Err(db::Error::NoEvent);
        };
        tx.record(events::viewed("grants", &purpose))?;
        let grants = store::all(tx)?;
        let mut ids: Vec<PersonId> = grants.iter().flat_map(involved).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Book {
            people: people::names(tx, &ids)?,
            purpose,
            grants,
        })
    });
    match looked {
        Ok(book) => Ok(Some(book)),
        Err(db::Error::NoEvent) => Ok(None),
        Err(error) => Err(error),
    }
}

fn involved(given: &Given<SarGrant>) -> Vec<PersonId> {
    let hands = [
        Some(&given.proposed),
        given.approved.as_ref(),
        given.ended.as_ref(),
    ];
    let hands = hands.into_iter().flatten();
    let mut people: Vec<PersonId> = hands.filter_map(|hand| person_of(&hand.actor)).collect();
    people.push(given.person);
    people
}

/// The person whom the log names so.
#[must_use]
pub fn person_of(actor: &str) -> Option<PersonId> {
    actor.strip_prefix("person:")?.parse().ok()
}

/// Proposes a grant for somebody else.
pub fn propose(
    services: &Services,
    signed: &Signed,
    wanted: &Wanted,
    key: FormKey,
) -> Result<(), Error> {
    if !signed.sar.contains(&wanted.grant) {
        return Err(Refusal::NotHeld.into());
    }
    services.audit.write(&signed.actor(), |tx| {
        enter(tx)?;
        tx.once(key, PAGE)?;
        let new = prepare(tx, wanted)?;
        if new.person == signed.person {
            return Err(Refusal::OnesOwn.into());
        }
        insert(tx, &new)?;
        tx.record(events::given("sar.grant_proposed", &new))?;
        Ok(())
    })
}

/// The command line gives a grant to the first two who hold it, and to nobody else.
pub fn give(services: &Services, actor: &Actor, wanted: &Wanted) -> Result<(), Error> {
    services.audit.write_on(PoolKind::Jobs, actor, |tx| {
        enter(tx)?;
        let now = tx.now();
        if store::holders(tx, wanted.grant, now)? >= 2 {
            return Err(Refusal::TwoHold.into());
        }
        let mut new = prepare(tx, wanted)?;
        new.approved = Some(new.proposed.clone());
        insert(tx, &new)?;
        tx.record(events::given("sar.grant_given", &new))?;
        Ok(())
    })
}

fn prepare(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Given<SarGrant>, Error> {
    let now = tx.now();
    check_period(wanted.starts_at, wanted.ends_at, now)?;
    let purpose = check_purpose(&wanted.purpose)?.to_owned();
    let found = people::find_by_email(tx, &wanted.email)?;
    let person = found
        .filter(|person| person.disabled_at.is_none())
        .ok_or(Refusal::Nobody)?;
    if wanted.grant.acts() && !store::acts(tx, person.id)? {
        return Err(Refusal::AuditorActs.into());
    }
    Ok(Given {
        id: SarGrantId::new(),
        person: person.id,
        grant: wanted.grant,
        purpose,
        starts_at: wanted.starts_at,
        ends_at: wanted.ends_at,
        proposed: hand(tx),
        approved: None,
        ended: None,
    })
}

/// One that has run out makes room for the next.
fn insert(tx: &mut Tx<'_>, new: &Given<SarGrant>) -> Result<(), Error> {
    let now = tx.now();
    if let Some(before) = store::open_one(tx, new.person, new.grant)? {
        if before.state(now) != State::Over {
            return Err(Refusal::Exists.into());
        }
        let by = Hand {
            actor: "time".to_owned(),
            at: before.ends_at,
        };
        store::end(tx, before.id, &by)?;
    }
    match store::insert(tx, new) {
        Err(db::Error::Unique { .. }) => Err(Refusal::Exists.into()),
        other => Ok(other?),
    }
}

/// Approves what somebody else has proposed.
pub fn approve(
    services: &Services,
    signed: &Signed,
    id: SarGrantId,
    key: FormKey,
) -> Result<(), Error> {
    services.audit.write(&signed.actor(), |tx| {
        enter(tx)?;
        tx.once(key, PAGE)?;
        let (now, by) = (tx.now(), hand(tx));
        let given = store::lock(tx, id)?;
        given.check_approval(signed.person, &signed.sar, now)?;
        store::approve(tx, id, &by)?;
        tx.record(events::approved(id))?;
        Ok(())
    })
}

/// Takes a grant back, refuses a proposal, or gives up one's own: at once, by one. Returns whose it was.
pub fn end(
    services: &Services,
    signed: &Signed,
    id: SarGrantId,
    key: FormKey,
) -> Result<PersonId, Error> {
    services.audit.write(&signed.actor(), |tx| {
        enter(tx)?;
        tx.once(key, PAGE)?;
        let (now, by) = (tx.now(), hand(tx));
        let given = store::lock(tx, id)?;
        given.check_end(signed.person, &signed.sar, now)?;
        store::end(tx, id, &by)?;
        tx.record(events::ended(id))?;
        Ok(given.person)
    })
}

/// The command line takes a grant back, as when nobody who holds it can be reached.
pub fn take_back(
    services: &Services,
    actor: &Actor,
    email: &str,
    grant: SarGrant,
) -> Result<(), Error> {
    services.audit.write_on(PoolKind::Jobs, actor, |tx| {
        enter(tx)?;
        let (now, by) = (tx.now(), hand(tx));
        let person = people::find_by_email(tx, email)?.ok_or(Refusal::Nobody)?;
        let given = store::open_one(tx, person.id, grant)?;
        let given = given.filter(|given| given.state(now) != State::Over);
        let given = given.ok_or(Refusal::Over)?;
        store::end(tx, given.id, &by)?;
        tx.record(events::ended(given.id))?;
        Ok(())
    })
}

fn hand(tx: &Tx<'_>) -> Hand {
    Hand {
        actor: tx.actor().to_string(),
        at: tx.now(),
    }
}
