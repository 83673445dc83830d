//! The verbs. What widens access is proposed by one administrator and approved by another; what narrows it takes one
//! and a reason, and acts on the next request.

use url::Url;
use uuid::Uuid;

use super::ask::{GrantAsk, Payload};
use super::proposal::{Fault, LIVES, ProposalId, Standing};
use super::refusal::Refusal;
use super::store::{self, Proposal};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::grants::{self, FEWEST_ADMINISTRATORS};
use crate::foundation::auth::{
    Role, Signed, break_glass, check_roles, confirmation, factors, people, roster, sessions,
};
use crate::foundation::db;
use crate::foundation::kernel::{PersonId, Secret};

/// Somebody new.
pub struct Invitation {
    pub email: String,
    pub name: String,
    pub ask: GrantAsk,
    pub reason: String,
}

/// A secret that is shown once, and whom it is for.
pub struct Handed {
    pub person: PersonId,
    pub secret: Secret<String>,
}

fn person_page(id: PersonId) -> String {
    format!("/people/{id}")
}

/// Adds somebody who holds nothing yet, proposes their roles, and makes the link by which they enrol.
pub fn invite(
    services: &Services,
    signed: &Signed,
    new: &Invitation,
    key: FormKey,
) -> Result<Handed, Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, "/people")?;
        let id = people::add_bare(tx, &new.email, &new.name, !new.ask.audits(), false)?;
        let payload = Payload::Grant(new.ask.clone());
        propose(tx, signed.person, id, payload, &new.reason, None)?;
        let link = factors::make_link(tx, id)?;
        Ok(Handed {
            person: id,
            secret: Secret::new(address(services, &link)),
        })
    })
}

pub(super) fn address(services: &Services, link: &crate::foundation::auth::token::Token) -> String {
    let address: Url = link.enrolment_address(&services.config.web.base_url);
    address.into()
}

/// A new link for somebody who was invited, has not come and holds nothing: there is nothing to take over.
pub fn invite_again(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    key: FormKey,
) -> Result<Handed, Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        sessions::hold_still(tx, id)?;
        if people::find(tx, id)?.disabled_at.is_some() {
            return Err(Refusal::Disabled);
        }
        if factors::password_hash(tx, id)?.is_some() || !grants::of(tx, id)?.is_empty() {
            return Err(Refusal::PastInvitation);
        }
        let link = factors::make_link(tx, id)?;
        Ok(Handed {
            person: id,
            secret: Secret::new(address(services, &link)),
        })
    })
}

/// Proposes roles for somebody.
pub fn propose_grant(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    ask: &GrantAsk,
    reason: &str,
    key: FormKey,
) -> Result<ProposalId, Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        sessions::hold_still(tx, id)?;
        if people::find(tx, id)?.disabled_at.is_some() {
            return Err(Refusal::Disabled);
        }
        check_grant(tx, id, ask)?;
        propose(
            tx,
            signed.person,
            id,
            Payload::Grant(ask.clone()),
            reason,
            None,
        )
    })
}

/// Whether these roles go together with what the person holds, or is about to, and do not interrupt it.
pub(super) fn check_grant(tx: &mut Tx<'_>, id: PersonId, ask: &GrantAsk) -> Result<(), Refusal> {
    let now = tx.now();
    let mut roles = ask.roles.clone();
    let held = grants::of(tx, id)?;
    roles.extend(
        held.iter()
            .filter(|held| !held.period.is_over(now))
            .map(|held| held.role),
    );
    check_roles(&roles)?;
    let begins_later = ask.period(now).starts_at > now;
    let interrupts =
        |held: &&grants::Held| held.period.counts(now) && ask.roles.contains(&held.role);
    if begins_later && held.iter().find(interrupts).is_some() {
        return Err(Refusal::HeldNow);
    }
    Ok(())
}

/// Proposes something about somebody's account that is no grant: to let them in again, or that they set up a new second
/// factor at the next sign-in.
pub fn propose_change(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    (payload, reason): (Payload, &str),
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        propose_on_account(tx, signed.person, id, payload, reason, None)
    })
}

/// Proposes that somebody gets a link for a new password. The proposer is shown the code that the link will ask for.
pub fn propose_recovery(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    (lost_factors, reason): (bool, &str),
    key: FormKey,
) -> Result<Handed, Refusal> {
    let code = confirmation::generate();
    let digest = confirmation::digest(&services.keyring, code.expose()).map(|code| code.to_vec());
    let payload = Payload::Recovery {
        factors: lost_factors,
    };
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        propose_on_account(tx, signed.person, id, payload, reason, digest)
    })?;
    Ok(Handed {
        person: id,
        secret: code,
    })
}

/// Only somebody who is disabled can be let in again, and nothing else can be done for them before.
fn propose_on_account(
    tx: &mut Tx<'_>,
    by: PersonId,
    id: PersonId,
    payload: Payload,
    reason: &str,
    confirmation: Option<Vec<u8>>,
) -> Result<(), Refusal> {
    sessions::hold_still(tx, id)?;
    let disabled = people::find(tx, id)?.disabled_at.is_some();
    match (payload == Payload::Enable, disabled) {
        (true, false) => Err(Refusal::NotDisabled),
        (false, true) => Err(Refusal::Disabled),
        _ => propose(tx, by, id, payload, reason, confirmation).map(drop),
    }
}

fn propose(
    tx: &mut Tx<'_>,
    by: PersonId,
    person: PersonId,
    payload: Payload,
    reason: &str,
    confirmation: Option<Vec<u8>>,
) -> Result<ProposalId, Refusal> {
    let now = tx.now();
    if by == person && !payload.kind().may_be_for_oneself() {
        return Err(Fault::ForOneself.into());
    }
    for waiting in store::waiting(tx, Some(person), now)? {
        check_beside(&payload, &waiting)?;
    }
    let reason = reason.trim().to_owned();
    let proposal = Proposal {
        id: ProposalId::new(),
        standing: Standing {
            person,
            proposed_by: by,
            expires_at: now + LIVES,
            decision: None,
            payload_sha256: payload.sha256(person, &reason)?,
        },
        payload,
        reason,
        confirmation,
        proposed_at: now,
        decided_by: None,
        decided_at: None,
    };
    store::add(tx, &proposal)?;
    tx.record(told("access.proposed", &proposal))?;
    Ok(proposal.id)
}

/// Whether one may be proposed while the other waits.
fn check_beside(new: &Payload, waiting: &Proposal) -> Result<(), Refusal> {
    let collides = match (new, &waiting.payload) {
        (Payload::Grant(new), Payload::Grant(old)) => {
            let both: Vec<Role> = new.roles.iter().chain(&old.roles).copied().collect();
            let shared = new.roles.iter().any(|role| old.roles.contains(role));
            if !shared {
                check_roles(&both)?;
            }
            shared
        }
        (new, old) => new.kind() == old.kind(),
    };
    if !collides {
        return Ok(());
    }
    Err(if *new == waiting.payload {
        Refusal::ProposedAlready(waiting.id)
    } else {
        Refusal::AnotherWaits(waiting.id, waiting.payload.summary())
    })
}

pub(super) fn told(kind: &'static str, proposal: &Proposal) -> Event {
    Event::new(kind, Subject::new("person", proposal.standing.person))
        .detail("proposal", proposal.id.to_string())
        .detail("change", proposal.payload.kind().as_str())
        .detail("asked", proposal.payload.to_json())
        .detail(
            "payload_sha256",
            hex::encode(proposal.standing.payload_sha256),
        )
}

/// Takes a role away at once.
pub fn revoke(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    (role, reason): (Role, &str),
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        if role == Role::Administrator {
            keep_two_administrators(tx, id)?;
        }
        if grants::take(tx, id, role, reason.trim())? {
            Ok(())
        } else {
            Err(Refusal::NotHeld)
        }
    })
}

/// Shuts somebody out at once.
pub fn disable(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    reason: &str,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        people::find(tx, id)?;
        keep_two_administrators(tx, id)?;
        if people::disable(tx, id, reason.trim())? {
            Ok(())
        } else {
            Err(Refusal::Disabled)
        }
    })
}

/// Ends all of somebody's sessions, except the one that this is done from; their devices are strangers again.
pub fn end_sessions(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        sessions::hold_still(tx, id)?;
        let kept = (id == signed.person).then_some(signed.session);
        let ended = sessions::end_others(tx, id, kept)?;
        tx.record(
            Event::new("session.all_revoked", Subject::new("person", id)).detail("ended", ended),
        )?;
        Ok(())
    })
}

/// Ends one of somebody's sessions.
pub fn end_session(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    session: Uuid,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        people::find(tx, id)?;
        if !sessions::end_own(tx, id, session)? {
            return Err(Refusal::SessionOver);
        }
        tx.record(
            Event::new("session.revoked", Subject::new("session", session))
                .detail("person", id.to_string()),
        )?;
        Ok(())
    })
}

/// Says that somebody has looked at what a break-glass account was used for: somebody who is not behind it.
pub fn review_use(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    note: &str,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &person_page(id))?;
        people::find(tx, id)?;
        if id == signed.person {
            return Err(Refusal::OwnUse);
        }
        // What is done after the review would be seen by nobody.
        sessions::hold_still(tx, id)?;
        let now = tx.now();
        if standing_of(tx, id, now)?.sessions > 0 {
            return Err(Refusal::InUse);
        }
        if break_glass::review(tx, id, signed.person, note.trim())? == 0 {
            return Err(Refusal::Reviewed);
        }
        Ok(())
    })
}

/// Refuses what would leave fewer than two administrators who can act. Whoever cannot act is not missed.
pub(super) fn keep_two_administrators(tx: &mut Tx<'_>, without: PersonId) -> Result<(), Refusal> {
    grants::hold_administrators(tx)?;
    let now = tx.now();
    let able = grants::able_administrators(tx, now)?;
    if able.contains(&without) && able.len() <= FEWEST_ADMINISTRATORS {
        return Err(Refusal::LastAdministrators);
    }
    Ok(())
}

/// How one person stands.
pub fn standing_of(
    conn: &mut db::Conn,
    id: PersonId,
    now: chrono::DateTime<chrono::Utc>,
) -> db::Result<roster::Standing> {
    Ok(roster::standing(conn, &[id], now)?
        .remove(&id)
        .unwrap_or_default())
}
