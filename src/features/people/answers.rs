//! The answers to proposals: a second administrator approves exactly what was proposed and so has it done, or says no.

use super::actions::{Handed, address, check_grant, keep_two_administrators, told};
use super::ask::{GrantAsk, Payload};
use super::proposal::{Decision, Fault, Kind, ProposalId};
use super::refusal::Refusal;
use super::store::{self, Proposal};
use crate::foundation::Services;
use crate::foundation::audit::{FormKey, Tx};
use crate::foundation::auth::grants::{self, NewGrant};
use crate::foundation::auth::{Role, Signed, factors, people, sessions};
use crate::foundation::kernel::{PersonId, Scope, Secret};

/// The proposal, with its person held still and then itself: whoever answers it does so alone.
fn take_up(tx: &mut Tx<'_>, id: ProposalId) -> Result<Proposal, Refusal> {
    let person = store::find(tx, id)?.standing.person;
    grants::hold_administrators(tx)?;
    sessions::hold_still(tx, person)?;
    Ok(store::lock(tx, id)?)
}

/// Approves exactly what was seen, and does it. Gives the link of a recovery, for the approver to hand over.
pub fn approve(
    services: &Services,
    signed: &Signed,
    id: ProposalId,
    seen: &[u8],
    key: FormKey,
) -> Result<(PersonId, Option<Handed>), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/people/proposals/{id}"))?;
        let proposal = take_up(tx, id)?;
        let (standing, now) = (&proposal.standing, tx.now());
        // What is stored is what was hashed, or somebody has been at the rows.
        if proposal.payload.sha256(standing.person, &proposal.reason)? != standing.payload_sha256 {
            return Err(Fault::Changed.into());
        }
        let decision = standing.approve(signed.person, seen, now)?;
        if !is_administrator(tx, standing.proposed_by)? {
            return Err(Refusal::ProposerGone);
        }
        store::decide(tx, &proposal, decision, signed.person)?;
        tx.record(
            told("access.approved", &proposal)
                .detail("proposed_by", standing.proposed_by.to_string()),
        )?;
        let handed = carry_out(services, tx, &proposal)?;
        Ok((standing.person, handed))
    })
}

fn is_administrator(tx: &mut Tx<'_>, id: PersonId) -> Result<bool, Refusal> {
    let now = tx.now();
    let holds = grants::of(tx, id)?.into_iter().any(|held| {
        held.role == Role::Administrator && held.scope == Scope::All && held.period.counts(now)
    });
    Ok(holds && people::find(tx, id)?.disabled_at.is_none())
}

fn carry_out(
    services: &Services,
    tx: &mut Tx<'_>,
    proposal: &Proposal,
) -> Result<Option<Handed>, Refusal> {
    let person = proposal.standing.person;
    if proposal.payload.kind() != Kind::Enable && people::find(tx, person)?.disabled_at.is_some() {
        return Err(Refusal::Disabled);
    }
    match &proposal.payload {
        Payload::Grant(ask) => grant(tx, proposal, ask)?,
        Payload::Enable => {
            if !people::enable(tx, person)? {
                return Err(Refusal::NotDisabled);
            }
        }
        Payload::ResetFactors => {
            factors::reset(tx, person)?;
            sessions::end_others(tx, person, None)?;
        }
        Payload::Recovery { factors: lost } => {
            if *lost {
                factors::reset(tx, person)?;
            }
            sessions::end_others(tx, person, None)?;
            let confirmation = proposal.confirmation.as_deref();
            let link = factors::make_link_with(tx, person, confirmation, factors::LINK_LIVES)?;
            return Ok(Some(Handed {
                person,
                secret: Secret::new(address(services, &link)),
            }));
        }
    }
    Ok(None)
}

fn grant(tx: &mut Tx<'_>, proposal: &Proposal, ask: &GrantAsk) -> Result<(), Refusal> {
    let (person, now) = (proposal.standing.person, tx.now());
    let period = ask.period(now);
    if period.is_over(now) {
        return Err(Refusal::Over);
    }
    check_grant(tx, person, ask)?;
    if ask.roles.contains(&Role::Administrator) && ask.scope() != Scope::All {
        keep_two_administrators(tx, person)?;
    }
    for role in &ask.roles {
        let new = NewGrant {
            role: *role,
            scope: ask.scope(),
            period,
            reason: proposal.reason.clone(),
            watch: ask.watch.clone(),
            proposal: Some((proposal.id.uuid(), proposal.standing.proposed_by)),
        };
        grants::give(tx, person, &new)?;
    }
    Ok(())
}

/// Says no to a proposal, or takes one's own back.
pub fn decline(
    services: &Services,
    signed: &Signed,
    id: ProposalId,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/people/proposals/{id}"))?;
        let proposal = take_up(tx, id)?;
        let decision = proposal.standing.decline(signed.person, tx.now())?;
        store::decide(tx, &proposal, decision, signed.person)?;
        let kind = match decision {
            Decision::Withdrawn => "access.withdrawn",
            _ => "access.refused",
        };
        tx.record(told(kind, &proposal))?;
        Ok(())
    })
}
