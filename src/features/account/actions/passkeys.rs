//! Passkeys: putting the question to a device, and what its answer opens.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::enrol::Enrolled;
use super::tries::{self, At};
use super::{Begun, Visitor, second_factor, step_up};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Unaudited};
use crate::foundation::auth::ceremony::{self, Answer, Purpose, Question, RelyingParty};
use crate::foundation::auth::sessions::{self, Method, Stage};
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{HalfSigned, Signed, attempts, factors, passkeys, people, throttle};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Error, Refusal};

/// What is tried here, as the throttle and the log name it.
const SECRET: &str = "passkey";

/// What a page sends of an answer: the question's token, and what the device has signed.
pub struct Given {
    pub token: Token,
    pub answer: String,
}

/// Whose session a question is bound to.
#[derive(Clone, Copy)]
pub enum Bound<'a> {
    Nobody,
    Half(&'a HalfSigned),
    Whole(&'a Signed),
}

impl Bound<'_> {
    const fn session(self) -> Option<Uuid> {
        match self {
            Self::Nobody => None,
            Self::Half(half) => Some(half.session),
            Self::Whole(signed) => Some(signed.session),
        }
    }

    const fn purpose(self) -> Purpose {
        match self {
            Self::Nobody => Purpose::SignIn,
            Self::Half(_) => Purpose::SecondFactor,
            Self::Whole(_) => Purpose::StepUp,
        }
    }

    const fn counted(self) -> Unaudited {
        match self {
            Self::Nobody | Self::Half(_) => Unaudited::DoorQuestion,
            Self::Whole(_) => Unaudited::Question,
        }
    }
}

/// Puts the question that a passkey of ours answers.
pub fn ask_for_proof(services: &Services, bound: Bound<'_>) -> Result<Question, Error> {
    let party = party(services)?;
    let now = services.clock.now();
    let asked = services.audit.write_unaudited(bound.counted(), |conn| {
        ceremony::ask_for_proof(conn, &party, bound.purpose(), bound.session(), now)
            .map_err(Error::from)
    })?;
    asked.ok_or_else(unavailable)
}

/// Puts the question that a device answers by making a passkey. The person is who the session says they are.
pub fn ask_for_new(services: &Services, bound: Bound<'_>) -> Result<Question, Error> {
    let party = party(services)?;
    let (session, person, email) = match bound {
        Bound::Nobody => return Err(Error::SignInRequired),
        Bound::Half(half) if half.stage != Stage::Enrolment => return Err(Error::Forbidden),
        Bound::Half(half) => (half.session, half.person, half.email.as_str()),
        Bound::Whole(signed) => (signed.session, signed.person, signed.email.as_str()),
    };
    let now = services.clock.now();
    let asked = services.audit.write_unaudited(bound.counted(), |conn| {
        ceremony::ask_for_new(conn, &party, session, person, email, now).map_err(Error::from)
    })?;
    asked.ok_or_else(unavailable)
}

/// Signs in with a passkey alone: the device has asked for a finger, a face or a PIN, so it is two factors in one.
/// `None` when the answer is not right.
pub fn sign_in(
    services: &Services,
    visitor: &Visitor,
    given: &Given,
    replaced: Option<Uuid>,
) -> Result<Option<(PersonId, Begun)>, Error> {
    // The address alone is counted: whoever has the passkey gets in, whatever others try at the account.
    let (counted, ()) = tries::count_address(services, visitor, SECRET, |_| Ok(()))?;
    let answer = check(services, PoolKind::SignIn, Bound::Nobody, given)?;
    let Some(answer) = answer else {
        let stranger = tries::stranger(services, visitor);
        let subject = Subject::new("network", throttle::network(visitor.address));
        fail(
            services,
            PoolKind::SignIn,
            &stranger,
            visitor,
            given,
            subject,
        )?;
        return Ok(None);
    };
    let person = answer.person;
    let actor = Actor::person(person).with_request(&visitor.request);
    let begun = services.audit.write_on(PoolKind::SignIn, &actor, |tx| {
        let now = tx.now();
        attempts::take_back(tx, &counted, now)?;
        sessions::hold_open(tx, person)?;
        let is_in = people::find(tx, person)?.disabled_at.is_none();
        if !ceremony::use_up(tx, &answer, now)? || !is_in {
            let event = Event::new("session.sign_in_failed", Subject::new("person", person))
                .outcome(Outcome::Failure)
                .detail("secret", SECRET)
                .detail("network", throttle::network(visitor.address));
            tx.record(event)?;
            return Ok::<_, Error>(None);
        }
        let begun = second_factor::let_in(tx, visitor, person, Method::Passkey, replaced)?;
        Ok(Some(begun))
    })?;
    Ok(begun.map(|begun| (person, begun)))
}

/// The second step of somebody whose password was right.
pub fn second_step(
    services: &Services,
    visitor: &Visitor,
    half: &HalfSigned,
    given: &Given,
) -> Result<Option<Begun>, Error> {
    let account = &half.email;
    let (counted, ()) = tries::count(services, At::Door, visitor, SECRET, account, |_| Ok(()))?;
    let answer = check(services, PoolKind::SignIn, Bound::Half(half), given)?;
    let answer = answer.filter(|answer| answer.person == half.person);
    second_factor::conclude(services, visitor, half, &counted, Method::Passkey, |tx| {
        let now = tx.now();
        use_up(tx, answer.as_ref(), given, now)
    })
}

/// Proves inside a session that it is still the same person. Gives the session's new token.
pub fn prove(
    services: &Services,
    visitor: &Visitor,
    signed: &Signed,
    given: &Given,
) -> Result<Option<Token>, Error> {
    let account = &signed.email;
    let (counted, ()) = tries::count(services, At::Account, visitor, SECRET, account, |_| Ok(()))?;
    let answer = check(services, PoolKind::Web, Bound::Whole(signed), given)?;
    let answer = answer.filter(|answer| answer.person == signed.person);
    step_up::conclude(services, visitor, signed, &counted, Method::Passkey, |tx| {
        let now = tx.now();
        use_up(tx, answer.as_ref(), given, now)
    })
}

/// Somebody's first passkey, at enrolment: it opens the first whole session. `None` when the answer is not right.
pub fn enrol(
    services: &Services,
    visitor: &Visitor,
    half: &HalfSigned,
    given: &Given,
    name: &str,
) -> Result<Option<Enrolled>, Error> {
    let account = &half.email;
    let (counted, ()) = tries::count(services, At::Door, visitor, SECRET, account, |_| Ok(()))?;
    let fresh = check_new(services, PoolKind::SignIn, half.session, given)?;
    services
        .audit
        .write_on(PoolKind::SignIn, &half.actor(), |tx| {
            sessions::hold_still(tx, half.person)?;
            let kept = match &fresh {
                // Who has set up something beside, in another window, signs in with that.
                Some(fresh) if !factors::has_second_factor(tx, half.person)? => {
                    ceremony::keep(tx, half.person, fresh, name)?
                }
                _ => false,
            };
            if !kept {
                ceremony::forget(tx, &given.token)?;
                let subject = Subject::new("person", half.person);
                tx.record(Event::new("passkey.not_added", subject).outcome(Outcome::Failure))?;
                return Ok(None);
            }
            let now = tx.now();
            attempts::take_back(tx, &counted, now)?;
            let codes = factors::replace_recovery_codes(tx, half.person)?;
            let begun = second_factor::begin_whole(tx, visitor, half, Method::Passkey)?;
            sessions::end_half_way(tx, half.person)?;
            Ok(Some((begun, codes)))
        })
}

/// What became of a passkey that somebody adds to their account.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    Kept,
    /// The device's answer is not right, or came too late.
    Wrong,
    TooMany,
}

/// Adds a passkey to those that somebody has.
pub fn add(
    services: &Services,
    signed: &Signed,
    given: &Given,
    name: &str,
) -> Result<Added, Error> {
    let fresh = check_new(services, PoolKind::Web, signed.session, given)?;
    services.audit.write(&signed.actor(), |tx| {
        sessions::hold_still(tx, signed.person)?;
        let refused = match &fresh {
            _ if passkeys::count(tx, signed.person)? >= passkeys::MOST => Added::TooMany,
            Some(fresh) if ceremony::keep(tx, signed.person, fresh, name)? => {
                return Ok(Added::Kept);
            }
            _ => Added::Wrong,
        };
        ceremony::forget(tx, &given.token)?;
        let subject = Subject::new("person", signed.person);
        tx.record(Event::new("passkey.not_added", subject).outcome(Outcome::Failure))?;
        Ok(refused)
    })
}

fn use_up(
    conn: &mut Conn,
    answer: Option<&Answer>,
    given: &Given,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    match answer {
        Some(answer) => ceremony::use_up(conn, answer, now),
        None => ceremony::forget(conn, &given.token).map(|()| false),
    }
}

fn check(
    services: &Services,
    pool: PoolKind,
    bound: Bound<'_>,
    given: &Given,
) -> Result<Option<Answer>, Error> {
    let party = party(services)?;
    let now = services.clock.now();
    services.db.read_on(pool, |conn| {
        let (purpose, session) = (bound.purpose(), bound.session());
        ceremony::check_proof(
            conn,
            &party,
            purpose,
            session,
            &given.token,
            &given.answer,
            now,
        )
        .map_err(Error::from)
    })
}

fn check_new(
    services: &Services,
    pool: PoolKind,
    session: Uuid,
    given: &Given,
) -> Result<Option<ceremony::Fresh>, Error> {
    let party = party(services)?;
    let now = services.clock.now();
    services.db.read_on(pool, |conn| {
        ceremony::check_new(conn, &party, session, &given.token, &given.answer, now)
            .map_err(Error::from)
    })
}

fn fail(
    services: &Services,
    pool: PoolKind,
    actor: &Actor,
    visitor: &Visitor,
    given: &Given,
    subject: Subject,
) -> Result<(), Error> {
    let event = Event::new("session.sign_in_failed", subject)
        .outcome(Outcome::Failure)
        .detail("secret", SECRET)
        .detail("network", throttle::network(visitor.address));
    services.audit.write_on(pool, actor, |tx| {
        ceremony::forget(tx, &given.token)?;
        tx.record(event)?;
        Ok(())
    })
}

fn party(services: &Services) -> Result<RelyingParty, Error> {
    RelyingParty::of(&services.config.web.base_url).ok_or_else(unavailable)
}

fn unavailable() -> Error {
    Error::Refused(Refusal::new(
        "passkeys_unavailable",
        "Passkeys cannot be used here.",
        "They need an address with a name, which SIGNALBOX_BASE_URL is to have. Use the authenticator.",
    ))
}
