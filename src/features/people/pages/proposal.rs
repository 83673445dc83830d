//! One proposal, and the answer to it.

use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::Nothing;
use crate::features::people::answers;
use crate::features::people::proposal::ProposalId;
use crate::features::people::store;
use crate::features::people::views::{HandedPage, Names, ProposalFound, ProposalPage};
use crate::foundation::Services;
use crate::foundation::auth::factors::LINK_LIVES;
use crate::foundation::auth::{Signed, grants, people, roster};
use crate::foundation::web::{self, Chrome, Form, Nav, block, page, see_other};

pub async fn proposal(
    services: Data<Services>,
    signed: Signed,
    id: Path<ProposalId>,
) -> web::Result {
    let view = block(move || {
        let now = services.clock.now();
        let (proposal, found) = services.db.read(|conn| {
            let proposal = store::find(conn, *id)?;
            let standing = &proposal.standing;
            let ids = [standing.person, standing.proposed_by];
            let names = Names::load(conn, ids.into_iter().chain(proposal.decided_by), [])?;
            let person = proposal.standing.person;
            let of_person = roster::standing(conn, &[person], now)?.remove(&person);
            let is_enrolled = of_person.is_some_and(|standing| standing.is_enrolled());
            let grants = grants::of(conn, person)?;
            let found = ProposalFound {
                names,
                platforms: store::platforms(conn)?,
                newcomer: grants.is_empty().then_some(is_enrolled),
                grants,
            };
            Ok::<_, web::Error>((proposal, found))
        })?;
        let chrome = Chrome::new(&signed, &services, "Proposed change of access", Nav::People);
        Ok::<_, web::Error>(ProposalPage::new(chrome, &signed, &proposal, &found))
    })
    .await?;
    page(&view)
}

#[derive(Deserialize)]
pub struct Seen {
    /// The hash of the proposal as the page showed it.
    #[serde(default)]
    payload: String,
}

pub async fn approve(
    services: Data<Services>,
    signed: Signed,
    id: Path<ProposalId>,
    form: Form<Seen>,
) -> web::Result {
    let id = id.into_inner();
    let handed = block(move || {
        let seen = hex::decode(&form.data.payload).unwrap_or_default();
        let (person, handed) = answers::approve(&services, &signed, id, &seen, form.key)?;
        let Some(handed) = handed else {
            return Ok(None);
        };
        let person = services.db.read(|conn| people::find(conn, person))?.who();
        let title = "Link to recover the account";
        Ok::<_, web::Error>(Some(HandedPage {
            chrome: Chrome::new(&signed, &services, title, Nav::People),
            title,
            given: " yourself. The page behind it asks for a code as well, which the administrator who proposed this \
                    has. Print this page, or copy the link. Signalbox sends no mail."
                .to_owned(),
            lines: vec![format!(
                "It works once, within {} hours.",
                LINK_LIVES.num_hours()
            )],
            person,
            secret: handed.secret.expose().clone(),
            next: format!("/people/{}", handed.person),
        }))
    })
    .await?;
    match handed {
        Some(handed) => page(&handed),
        None => see_other(format!("/people/proposals/{id}")),
    }
}

pub async fn decline(
    services: Data<Services>,
    signed: Signed,
    id: Path<ProposalId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || Ok::<_, web::Error>(answers::decline(&services, &signed, id, form.key)?)).await?;
    see_other(format!("/people/proposals/{id}"))
}
