//! One person, and what can be done about them.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{Nothing, enrolment_link};
use crate::features::people::actions;
use crate::features::people::ask::Payload;
use crate::features::people::form::check_reason;
use crate::features::people::refusal::Refusal;
use crate::features::people::store;
use crate::features::people::views::{Forms, HandedPage, Names, PersonFound, PersonPage};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::identities::{self, Connection};
use crate::foundation::auth::sessions::{self, Open};
use crate::foundation::auth::{Role, Signed, break_glass, factors, grants, people};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

pub async fn person(services: Data<Services>, signed: Signed, id: Path<PersonId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || show(&services, &signed, id, Forms::default())).await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    forms: Forms,
) -> Result<PersonPage, web::Error> {
    let now = services.clock.now();
    let found = services.db.read(|conn| {
        let person = people::find(conn, id)?;
        let grants = grants::of(conn, id)?;
        let past = grants::past(conn, id)?;
        let proposals = store::about(conn, id)?;
        let why_disabled = people::why_disabled(conn, id)?;
        let uses = break_glass::uses_of(conn, id)?;
        let reviewers = uses
            .iter()
            .filter_map(|one| one.reviewed_by.map(PersonId::from));
        let ids = proposals
            .iter()
            .flat_map(|one| [one.standing.person, one.standing.proposed_by])
            .chain(reviewers);
        let by_grants = grants
            .iter()
            .flat_map(|held| [Some(&held.granted_by), held.proposed_by.as_ref()])
            .flatten();
        let by_past = past
            .iter()
            .flat_map(|past| [&past.granted_by, &past.ended_by]);
        let actors = by_grants.chain(by_past).chain(&why_disabled.0);
        let names = Names::load(conn, ids, actors.map(String::as_str))?;
        Ok::<_, web::Error>(PersonFound {
            standing: actions::standing_of(conn, id, now)?,
            methods: factors::methods(conn, id)?,
            has_link: factors::has_link(conn, id, now)?,
            connection: connection(conn, services, id)?,
            platforms: store::platforms(conn)?,
            open: open_sessions(conn, id, now)?,
            person,
            grants,
            past,
            proposals,
            why_disabled,
            is_break_glass: break_glass::is(conn, id)?,
            uses,
            names,
        })
    })?;
    let chrome = Chrome::new(signed, services, found.person.name.clone(), Nav::People);
    Ok(PersonPage::new(chrome, signed, found, forms))
}

/// The sessions that let them in, as they count for the number beside it.
fn open_sessions(conn: &mut Conn, id: PersonId, now: DateTime<Utc>) -> db::Result<Vec<Open>> {
    let mut open = sessions::open(conn, id, now)?;
    let ids: Vec<Uuid> = open.iter().map(|one| one.id).collect();
    let alive = sessions::alive(conn, &ids, now)?;
    open.retain(|one| alive.contains(&one.id));
    Ok(open)
}

/// What connects them with the provider that this installation has now.
fn connection(
    conn: &mut Conn,
    services: &Services,
    id: PersonId,
) -> db::Result<Option<Connection>> {
    match &services.provider {
        Some(provider) => identities::of(conn, id, provider.issuer()),
        None => Ok(None),
    }
}

/// The problems of a reason, under the name of its form's field.
fn check(field: &'static str, reason: &str) -> Problems {
    let mut problems = Problems::new();
    check_reason(field, reason, &mut problems);
    problems
}

/// Does what a form of the page asks for, or shows the page again with what is to be corrected.
async fn act(
    services: Data<Services>,
    signed: Signed,
    id: PersonId,
    forms: Forms,
    work: impl FnOnce(&Services, &Signed) -> Result<(), web::Error> + Send + 'static,
) -> web::Result {
    let again = block(move || {
        if forms.problems.is_empty() {
            work(&services, &signed)?;
            return Ok(None);
        }
        show(&services, &signed, id, forms).map(Some)
    })
    .await?;
    match again {
        None => see_other(format!("/people/{id}")),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Revocation {
    role: String,
    revoke_reason: String,
}

pub async fn revoke(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<Revocation>,
) -> web::Result {
    let Revocation {
        role,
        revoke_reason,
    } = form.data;
    let mut problems = check("revoke_reason", &revoke_reason);
    let parsed = role.parse::<Role>();
    if parsed.is_err() {
        problems.add("role", "There is no such role. Pick from the list.");
    }
    let forms = Forms {
        role,
        revoke_reason: revoke_reason.clone(),
        problems,
        ..Forms::default()
    };
    let (id, key) = (id.into_inner(), form.key);
    act(services, signed, id, forms, move |services, signed| {
        let role = parsed.map_err(web::Error::Malformed)?;
        Ok(actions::revoke(
            services,
            signed,
            id,
            (role, &revoke_reason),
            key,
        )?)
    })
    .await
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Disabling {
    disable_reason: String,
}

pub async fn disable(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<Disabling>,
) -> web::Result {
    let reason = form.data.disable_reason;
    let forms = Forms {
        problems: check("disable_reason", &reason),
        disable_reason: reason.clone(),
        ..Forms::default()
    };
    let (id, key) = (id.into_inner(), form.key);
    act(services, signed, id, forms, move |services, signed| {
        Ok(actions::disable(services, signed, id, &reason, key)?)
    })
    .await
}

pub async fn end_sessions(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<Nothing>,
) -> web::Result {
    let (id, key) = (id.into_inner(), form.key);
    act(
        services,
        signed,
        id,
        Forms::default(),
        move |services, signed| Ok(actions::end_sessions(services, signed, id, key)?),
    )
    .await
}

pub async fn end_session(
    services: Data<Services>,
    signed: Signed,
    ids: Path<(PersonId, Uuid)>,
    form: Form<Nothing>,
) -> web::Result {
    let ((id, session), key) = (ids.into_inner(), form.key);
    act(
        services,
        signed,
        id,
        Forms::default(),
        move |services, signed| match actions::end_session(services, signed, id, session, key) {
            // That it is over is what was wanted.
            Err(Refusal::SessionOver) => Ok(()),
            ended => Ok(ended?),
        },
    )
    .await
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Enabling {
    enable_reason: String,
}

pub async fn propose_enabling(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<Enabling>,
) -> web::Result {
    let reason = form.data.enable_reason;
    let forms = Forms {
        problems: check("enable_reason", &reason),
        enable_reason: reason.clone(),
        ..Forms::default()
    };
    let (id, key) = (id.into_inner(), form.key);
    act(services, signed, id, forms, move |services, signed| {
        let asked = (Payload::Enable, reason.as_str());
        Ok(actions::propose_change(services, signed, id, asked, key)?)
    })
    .await
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Reset {
    factors_reason: String,
}

pub async fn propose_reset(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<Reset>,
) -> web::Result {
    let reason = form.data.factors_reason;
    let forms = Forms {
        problems: check("factors_reason", &reason),
        factors_reason: reason.clone(),
        ..Forms::default()
    };
    let (id, key) = (id.into_inner(), form.key);
    act(services, signed, id, forms, move |services, signed| {
        let asked = (Payload::ResetFactors, reason.as_str());
        Ok(actions::propose_change(services, signed, id, asked, key)?)
    })
    .await
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct UseReview {
    use_note: String,
}

pub async fn review_use(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<UseReview>,
) -> web::Result {
    let note = form.data.use_note;
    let forms = Forms {
        problems: check("use_note", &note),
        use_note: note.clone(),
        ..Forms::default()
    };
    let (id, key) = (id.into_inner(), form.key);
    act(services, signed, id, forms, move |services, signed| {
        Ok(actions::review_use(services, signed, id, &note, key)?)
    })
    .await
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Recovery {
    recovery_reason: String,
    lost_factors: String,
}

pub async fn propose_recovery(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<Recovery>,
) -> web::Result {
    let id = id.into_inner();
    let outcome = block(move || {
        let Recovery {
            recovery_reason,
            lost_factors,
        } = form.data;
        let forms = Forms {
            problems: check("recovery_reason", &recovery_reason),
            lost_factors: lost_factors == "yes",
            recovery_reason,
            ..Forms::default()
        };
        if forms.problems.is_empty() {
            return recover(&services, &signed, id, &forms, form.key).map(Ok);
        }
        show(&services, &signed, id, forms).map(Err)
    })
    .await?;
    match outcome {
        Ok(handed) => page(&handed),
        Err(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

fn recover(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    forms: &Forms,
    key: FormKey,
) -> Result<HandedPage, web::Error> {
    let asked = (forms.lost_factors, forms.recovery_reason.as_str());
    let handed = actions::propose_recovery(services, signed, id, asked, key)?;
    let person = services.db.read(|conn| people::find(conn, id))?.who();
    let title = "Confirmation code";
    Ok(HandedPage {
        chrome: Chrome::new(signed, services, title, Nav::People),
        title,
        given: " yourself, in a way by which you know that it is them. They type it on the page of the link, which the \
                administrator who approves is shown."
            .to_owned(),
        lines: vec![
            "Until somebody has approved, it opens nothing. Only its hash is kept.".to_owned(),
        ],
        person,
        secret: handed.secret.expose().clone(),
        next: format!("/people/{id}"),
    })
}

pub async fn invite_again(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let handed = actions::invite_again(&services, &signed, id, form.key)?;
        let person = services.db.read(|conn| people::find(conn, id))?.who();
        let link = handed.secret.expose().clone();
        let next = format!("/people/{id}");
        Ok::<_, web::Error>(enrolment_link(&signed, &services, person, link, next))
    })
    .await?;
    page(&view)
}
