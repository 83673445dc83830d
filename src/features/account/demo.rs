//! The demo's people. Their passwords and codes are no secret: the sign-in page of the demo, which
//! is served on loopback only, shows them to whoever opens it.

use crate::foundation::Services;
use crate::foundation::audit::{Actor, Tx};
use crate::foundation::auth::people::{self, NewPerson, Person, Refusal};
use crate::foundation::auth::{Role, factors, totp};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{Scope, Secret};

/// The password of everybody in the demo.
pub const PASSWORD: &str = "signal lamps at dusk";

const PEOPLE: [(&str, &str, Role); 7] = [
    ("operator@demo.signalbox", "Demo operator", Role::Operator),
    ("reviewer@demo.signalbox", "Demo reviewer", Role::Reviewer),
    (
        "second-reviewer@demo.signalbox",
        "Demo second reviewer",
        Role::Reviewer,
    ),
    (
        "compliance@demo.signalbox",
        "Demo compliance officer",
        Role::Compliance,
    ),
    ("auditor@demo.signalbox", "Demo auditor", Role::Auditor),
    (
        "admin@demo.signalbox",
        "Demo administrator",
        Role::Administrator,
    ),
    (
        "second-admin@demo.signalbox",
        "Demo second administrator",
        Role::Administrator,
    ),
];

/// What the sign-in page shows of one demo person.
#[derive(Clone, Debug)]
pub struct Card {
    pub name: String,
    pub email: String,
    /// `None` when somebody has changed it since.
    pub password: Option<&'static str>,
    /// `None` when they have given up their authenticator since.
    pub code: Option<Code>,
}

/// A code and how long an app would show it.
#[derive(Clone, Debug)]
pub struct Code {
    pub digits: String,
    pub seconds_left: i64,
}

/// Adds the demo people who are missing.
pub fn seed(services: &Services) -> Result<(), Refusal> {
    let missing: Vec<_> = PEOPLE
        .into_iter()
        .map(|(email, name, role)| NewPerson {
            email: email.to_owned(),
            name: name.to_owned(),
            roles: vec![role],
            scope: Scope::All,
            demo: true,
        })
        .filter_map(|person| match exists(services, &person.email) {
            Ok(true) => None,
            Ok(false) => Some(Ok(person)),
            Err(error) => Some(Err(error)),
        })
        .collect::<db::Result<_>>()?;
    for person in missing {
        let hash = services
            .passwords
            .hash_now(&Secret::from(PASSWORD))
            .map_err(|error| db::Error::Unavailable(error.to_string()))?;
        services
            .audit
            .write(&Actor::command_line("demo"), |tx| add(tx, &person, &hash))?;
    }
    Ok(())
}

/// Everybody in the demo, with the code of this moment.
pub fn cards(services: &Services) -> db::Result<Vec<Card>> {
    if !services.config.is_demo() {
        return Ok(Vec::new());
    }
    services.db.read_on(PoolKind::SignIn, |conn| {
        people::demo_people(conn)?
            .into_iter()
            .map(|person| card(conn, services, person))
            .collect()
    })
}

/// The code that a demo person's app would show now, where they have one. Nobody else's is ever told.
pub fn code(services: &Services, email: &str) -> db::Result<Option<Code>> {
    services.db.read_on(PoolKind::SignIn, |conn| {
        match people::find_by_email(conn, email)? {
            Some(person) if person.demo && services.config.is_demo() => {
                code_of(conn, services, &person)
            }
            _ => Ok(None),
        }
    })
}

fn exists(services: &Services, email: &str) -> db::Result<bool> {
    services.db.read_on(PoolKind::SignIn, |conn| {
        Ok(people::find_by_email(conn, email)?.is_some())
    })
}

fn add(tx: &mut Tx<'_>, person: &NewPerson, hash: &str) -> Result<(), Refusal> {
    /// Confirmed by the first step that there ever was: no code of today is used up.
    const FIRST_STEP: i64 = 1;
    let id = people::add(tx, person)?;
    factors::set_password(tx, id, hash)?;
    let seed = totp::Seed::generate(&person.email);
    factors::set_authenticator(tx, id, &seed, FIRST_STEP)?;
    Ok(())
}

fn card(conn: &mut Conn, services: &Services, person: Person) -> db::Result<Card> {
    let methods = factors::methods(conn, person.id)?;
    let unchanged = methods.password_changed_at == Some(person.created_at);
    Ok(Card {
        code: code_of(conn, services, &person)?,
        password: unchanged.then_some(PASSWORD),
        name: person.name,
        email: person.email,
    })
}

fn code_of(conn: &mut Conn, services: &Services, person: &Person) -> db::Result<Option<Code>> {
    let now = services.clock.now();
    let seed = factors::seed(conn, &services.keyring, person.id)?;
    Ok(seed.map(|seed| Code {
        digits: seed.code_at(now),
        seconds_left: totp::seconds_left(now),
    }))
}
