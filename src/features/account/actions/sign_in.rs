//! The first step: e-mail and password.

use uuid::Uuid;

use super::tries::{self, At};
use super::{Begun, Visitor, hashing};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Tx};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::sessions::{self, Stage};
use crate::foundation::auth::throttle::{self, canonical_account};
use crate::foundation::auth::{Signed, factors, people};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{PersonId, Secret};
use crate::foundation::web::{Error, block_sign_in};

/// What is tried here, as the throttle and the log name it.
const SECRET: &str = "password";

/// Somebody who could be signing in.
#[derive(Clone)]
struct Candidate {
    person: PersonId,
    email: String,
    hash: Option<String>,
}

/// Checks e-mail and password. `None` when they do not belong together, whatever the reason.
///
/// The try is counted first; then exactly one hash is computed, with no connection held; then one
/// transaction writes the session, or the failure.
pub async fn with_password(
    services: &Services,
    visitor: Visitor,
    email: &str,
    password: Secret<String>,
    replaced: Option<Uuid>,
) -> Result<Option<(Stage, Begun)>, Error> {
    let account = canonical_account(email);
    let (counted, candidate) = {
        let (services, visitor, account) = (services.clone(), visitor.clone(), account.clone());
        block_sign_in(move || {
            tries::count(&services, At::Door, &visitor, SECRET, &account, |conn| {
                find_candidate(conn, &account)
            })
        })
        .await?
    };
    let stored = candidate.as_ref().and_then(|found| found.hash.clone());
    let right = services
        .passwords
        .verify(password, stored)
        .await
        .map_err(hashing)?;
    let services = services.clone();
    block_sign_in(move || match candidate {
        Some(candidate) if right => {
            match accept(&services, &visitor, &candidate, &counted, replaced)? {
                Some(begun) => Ok(Some(begun)),
                None => fail(&services, &visitor, &account, Some(&candidate)).map(|()| None),
            }
        }
        candidate => fail(&services, &visitor, &account, candidate.as_ref()).map(|()| None),
    })
    .await
}

/// Ends the session that this is done from.
pub fn sign_out(services: &Services, signed: &Signed) -> Result<(), Error> {
    services.audit.write(&signed.actor(), |tx| {
        sessions::end(tx, signed.session)?;
        tx.record(Event::new(
            "session.signed_out",
            Subject::new("session", signed.session),
        ))?;
        Ok(())
    })
}

/// Two queries, whoever is looked for: a name that nobody has costs the same as one that
/// somebody has.
fn find_candidate(conn: &mut Conn, account: &str) -> Result<Option<Candidate>, Error> {
    let person =
        people::find_by_email(conn, account)?.filter(|person| person.disabled_at.is_none());
    let id = person
        .as_ref()
        .map_or_else(|| Uuid::nil().into(), |person| person.id);
    let hash = factors::password_hash(conn, id)?;
    Ok(person.map(|person| Candidate {
        person: person.id,
        email: person.email,
        hash,
    }))
}

/// Begins the session that leads on. `None` when the password has been changed while it was being verified.
fn accept(
    services: &Services,
    visitor: &Visitor,
    candidate: &Candidate,
    counted: &Counted,
    replaced: Option<Uuid>,
) -> Result<Option<(Stage, Begun)>, Error> {
    let actor = Actor::person(candidate.person).with_request(&visitor.request);
    let begun = services.audit.write_on(PoolKind::SignIn, &actor, |tx| {
        let now = tx.now();
        attempts::take_back(tx, counted, now)?;
        sessions::hold_open(tx, candidate.person)?;
        if factors::password_hash(tx, candidate.person)? != candidate.hash {
            return Err(db::Error::NotFound);
        }
        let who = (candidate.person, candidate.email.as_str());
        begin_half(tx, visitor, who, "session.password_accepted", replaced)
    });
    match begun {
        Ok(begun) => Ok(Some(begun)),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Begins the session of somebody whose first factor was right: what it leads on to is the second one, or setting it
/// up.
pub(super) fn begin_half(
    tx: &mut Tx<'_>,
    visitor: &Visitor,
    (person, email): (PersonId, &str),
    event: &'static str,
    replaced: Option<Uuid>,
) -> db::Result<(Stage, Begun)> {
    let stage = if factors::has_second_factor(tx, person)? {
        Stage::SecondFactor
    } else {
        Stage::Enrolment
    };
    let now = tx.now();
    let client = visitor.client();
    let (id, session) = sessions::begin(tx, person, stage, None, &client, replaced, now)?;
    if stage == Stage::Enrolment {
        factors::propose_seed(tx, id, person, email)?;
    }
    tx.record(
        Event::new(event, Subject::new("session", id))
            .detail("next", stage.as_str())
            .detail("network", throttle::network(visitor.address)),
    )?;
    let begun = Begun {
        session,
        device: None,
    };
    Ok((stage, begun))
}

/// A failure names the person where there is one, so that their own log shows it; the actor stays
/// unknown.
fn fail(
    services: &Services,
    visitor: &Visitor,
    account: &str,
    candidate: Option<&Candidate>,
) -> Result<(), Error> {
    let subject = candidate.map_or_else(
        || tries::account_subject(services, account),
        |candidate| Subject::new("person", candidate.person),
    );
    let event = Event::new("session.sign_in_failed", subject)
        .outcome(Outcome::Failure)
        .detail("secret", SECRET)
        .detail("network", throttle::network(visitor.address));
    services.audit.write_on(
        PoolKind::SignIn,
        &tries::stranger(services, visitor),
        |tx| {
            tx.record(event)?;
            Ok(())
        },
    )
}
