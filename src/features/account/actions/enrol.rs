//! The first time: a password by one-time link, then an authenticator.

use subtle::ConstantTimeEq;
use url::Url;

use super::tries::{self, At};
use super::{Begun, Visitor, hashing, second_factor};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject};
use crate::foundation::auth::guard::SIGN_IN_PATH;
use crate::foundation::auth::password::{self, Weak};
use crate::foundation::auth::sessions::{self, Method, Stage};
use crate::foundation::auth::token::{Token, TokenHash};
use crate::foundation::auth::totp::Seed;
use crate::foundation::auth::{
    HalfSigned, attempts, break_glass, confirmation, factors, people, throttle,
};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Secret;
use crate::foundation::web::{Error, block_sign_in};

/// Why a first password was not set.
#[derive(Debug)]
pub enum Refusal {
    /// The link was never made, has been used, or is too old.
    Link,
    Weak(Weak),
    /// The link asks for a code as well, and this is another one.
    Confirmation,
}

/// A session that leads on, or why there is none.
pub type FirstPassword = Result<(Stage, Begun), Refusal>;

/// A link that works.
#[derive(Clone, Debug)]
pub struct Opened {
    pub person: people::Person,
    /// The keyed hash of the code that it asks for as well, where two administrators made it.
    pub confirmation: Option<Vec<u8>>,
}

/// Whose link this is, while it works. Looking is a try, which counts when there is nothing to find.
pub fn open(services: &Services, visitor: &Visitor, link: &Token) -> Result<Option<Opened>, Error> {
    let (now, hash) = (services.clock.now(), link.hash());
    let (counted, opened) = tries::count_address(services, visitor, "enrolment_link", |conn| {
        let Some(link) = factors::link(conn, &hash, now)? else {
            return Ok(None);
        };
        let person = people::find(conn, link.owner)?;
        Ok(Some(Opened {
            person,
            confirmation: link.confirmation,
        }))
    })?;
    if opened.is_some() {
        tries::take_back(services, At::Door, &counted)?;
    }
    Ok(opened)
}

/// Whether the typed code is the one that the link asks for. Each try is counted before it is looked at.
fn confirms(
    services: &Services,
    visitor: &Visitor,
    opened: &Opened,
    typed: &str,
) -> Result<bool, Error> {
    let Some(expected) = &opened.confirmation else {
        return Ok(true);
    };
    let account = &opened.person.email;
    let (counted, ()) = tries::count(services, At::Door, visitor, "confirmation", account, |_| {
        Ok(())
    })?;
    let given = confirmation::digest(&services.keyring, typed);
    if given.is_some_and(|given| bool::from(given.as_slice().ct_eq(expected))) {
        tries::take_back(services, At::Door, &counted)?;
        return Ok(true);
    }
    let event = Event::new(
        "recovery.not_confirmed",
        Subject::new("person", opened.person.id),
    )
    .outcome(Outcome::Failure)
    .detail("network", throttle::network(visitor.address));
    let stranger = tries::stranger(services, visitor);
    services.audit.write_on(PoolKind::SignIn, &stranger, |tx| {
        tx.record(event)?;
        Ok::<_, Error>(())
    })?;
    Ok(false)
}

/// Sets the password by a one-time link, and begins the session that leads on.
pub async fn set_first_password(
    services: &Services,
    visitor: Visitor,
    link: &Token,
    opened: Opened,
    typed_code: String,
    chosen: Secret<String>,
) -> Result<FirstPassword, Error> {
    let person = opened.person.clone();
    let words = [person.email.clone(), person.name.clone()];
    let (chosen, strength) = block_sign_in(move || {
        let words = words.each_ref().map(String::as_str);
        let strength = password::check_strength(chosen.expose(), &words);
        Ok::<_, Error>((chosen, strength))
    })
    .await?;
    if let Err(weak) = strength {
        return Ok(Err(Refusal::Weak(weak)));
    }
    // After the strength: choosing badly is no try at a secret.
    let confirmed = {
        let (services, visitor) = (services.clone(), visitor.clone());
        block_sign_in(move || confirms(&services, &visitor, &opened, &typed_code)).await?
    };
    if !confirmed {
        return Ok(Err(Refusal::Confirmation));
    }
    let hash = services.passwords.hash(chosen).await.map_err(hashing)?;
    let (services, link) = (services.clone(), link.hash());
    block_sign_in(move || use_link(&services, &visitor, &link, &person, &hash)).await
}

fn use_link(
    services: &Services,
    visitor: &Visitor,
    link: &TokenHash,
    person: &people::Person,
    hash: &str,
) -> Result<FirstPassword, Error> {
    let actor = Actor::person(person.id).with_request(&visitor.request);
    let done = services.audit.write_on(PoolKind::SignIn, &actor, |tx| {
        sessions::hold_still(tx, person.id)?;
        if factors::use_link(tx, link)? != Some(person.id) {
            return Err(db::Error::NotFound);
        }
        factors::set_password(tx, person.id, hash)?;
        sessions::end_others(tx, person.id, None)?;
        let stage = if factors::has_second_factor(tx, person.id)? {
            Stage::SecondFactor
        } else {
            Stage::Enrolment
        };
        let now = tx.now();
        let client = visitor.client();
        let (id, session) = sessions::begin(tx, person.id, stage, None, &client, None, now)?;
        if stage == Stage::Enrolment {
            factors::propose_seed(tx, id, person.id, &person.email)?;
        }
        let begun = Begun {
            session,
            device: None,
        };
        Ok((stage, begun))
    });
    match done {
        Ok(begun) => Ok(Ok(begun)),
        Err(db::Error::NotFound) => Ok(Err(Refusal::Link)),
        Err(error) => Err(error.into()),
    }
}

/// The seed that this session was given to confirm. Where there is none any more, because its person has an
/// authenticator by now, the way in is the ordinary one.
pub fn waiting_seed(services: &Services, half: &HalfSigned) -> Result<Seed, Error> {
    let seed = services.db.read_on(PoolKind::SignIn, |conn| {
        factors::proposed_seed(conn, &services.keyring, half.session, half.person)
    })?;
    seed.ok_or_else(|| Error::SeeOther(SIGN_IN_PATH.to_owned()))
}

/// The first whole session, and the recovery codes to show with it.
pub type Enrolled = (Begun, Vec<Secret<String>>);

/// Confirms the authenticator by its first code. Gives the session and the recovery codes, or
/// nothing when the code is wrong.
pub fn confirm(
    services: &Services,
    visitor: &Visitor,
    half: &HalfSigned,
    typed: &str,
) -> Result<Option<Enrolled>, Error> {
    let now = services.clock.now();
    let (counted, seed) = tries::count(services, At::Door, visitor, "code", &half.email, |conn| {
        let keyring = &services.keyring;
        Ok(factors::proposed_seed(
            conn,
            keyring,
            half.session,
            half.person,
        )?)
    })?;
    let step = seed.as_ref().and_then(|seed| seed.matched_step(typed, now));
    services
        .audit
        .write_on(PoolKind::SignIn, &half.actor(), |tx| {
            sessions::hold_open(tx, half.person)?;
            let confirmed = match (&seed, step) {
                (Some(seed), Some(step)) => {
                    factors::set_authenticator(tx, half.person, seed, step)?
                }
                _ => false,
            };
            if confirmed {
                let now = tx.now();
                attempts::take_back(tx, &counted, now)?;
                let codes = factors::replace_recovery_codes(tx, half.person)?;
                let begun = second_factor::begin_whole(tx, visitor, half, Method::Totp)?;
                sessions::end_half_way(tx, half.person)?;
                return Ok(Some((begun, codes)));
            }
            tx.record(
                Event::new(
                    "authenticator.not_confirmed",
                    Subject::new("person", half.person),
                )
                .outcome(Outcome::Failure),
            )?;
            Ok(None)
        })
}

/// Adds an account for the envelope, and gives the address by which it is opened.
pub fn seal_break_glass(
    services: &Services,
    actor: &Actor,
    new: &people::NewPerson,
) -> Result<Url, people::Refusal> {
    let token = services.audit.write(actor, |tx| {
        let id = people::add(tx, new)?;
        break_glass::seal(tx, id)?;
        factors::make_link_with(tx, id, None, break_glass::LINK_LIVES)
            .map_err(people::Refusal::from)
    })?;
    Ok(token.enrolment_address(&services.config.web.base_url))
}

/// Adds a person, and gives the address by which they enrol. For the command line: no page does
/// this.
pub fn invite(
    services: &Services,
    actor: &Actor,
    new: &people::NewPerson,
) -> Result<Url, people::Refusal> {
    let token = services.audit.write(actor, |tx| {
        let id = people::add(tx, new)?;
        factors::make_link(tx, id).map_err(people::Refusal::from)
    })?;
    Ok(token.enrolment_address(&services.config.web.base_url))
}
