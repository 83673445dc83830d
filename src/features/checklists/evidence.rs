//! Files that show something: taken in from the browser, kept, and given back.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};

use super::actions::{self, ChecklistError, Hand};
use super::items;
use super::pages::sentence_of;
use super::run::{EvidenceId, RunId};
use super::store::{self, answers};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::files::FileId;
use crate::foundation::files::evidence::{self, FIELD};
use crate::foundation::files::upload::{self, Accept, Parts, SHORT_TEXT_BYTES, Upload};
use crate::foundation::web::{self, Problems, block, page_with, see_other};

const ACCEPT: Accept = evidence::accept("checklist_evidence", SHORT_TEXT_BYTES);

/// `POST /checklists/runs/{id}/items/{item}/evidence`
pub async fn add(
    signed: Signed,
    services: Data<Services>,
    at: Path<(RunId, String)>,
    parts: Parts,
) -> web::Result {
    let (id, item) = at.into_inner();
    let sent = upload::receive(&services, &signed, parts, ACCEPT).await?;
    let back = format!("/checklists/runs/{id}/items/{item}");
    let refused = block(move || {
        let Some(why) = keep(&services, &signed, id, &item, &sent)? else {
            return Ok(None);
        };
        let problems = Problems::one(FIELD, why);
        items::view(&services, &signed, id, &item, None, problems).map(Some)
    })
    .await?;
    match refused {
        None => see_other(back),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

/// What is wrong with it, where something is. The bytes of what is not kept are dropped.
fn keep(
    services: &Services,
    signed: &Signed,
    id: RunId,
    item: &str,
    sent: &Upload,
) -> Result<Option<String>, web::Error> {
    let file = match sent.file(FIELD) {
        Ok(file) => file,
        Err(why) => return Ok(Some(why.to_string())),
    };
    let hand = Hand::of(signed);
    match actions::add_evidence(services, &hand, id, item, &file.stored, sent.key) {
        Ok(()) => Ok(None),
        Err(ChecklistError::Wrong(_, why)) => {
            sent.discard(services)?;
            Ok(Some(format!("{}.", sentence_of(why))))
        }
        Err(error) => {
            sent.discard(services)?;
            Err(error.into())
        }
    }
}

/// `GET /checklists/evidence/{id}`. Who took it is an event.
pub async fn download(
    signed: Signed,
    services: Data<Services>,
    id: Path<EvidenceId>,
) -> web::Result {
    let id = id.into_inner();
    let reach = signed.reach().clone();
    evidence::hand_out(services, signed, move |tx| {
        let (run, file) = answers::one_shown(tx, id)?;
        let run = store::one(tx, run)?;
        if !reach.allows(run.platform) {
            return Err(web::Error::NotFound);
        }
        tx.record(
            actions::event("checklist.evidence_read", &run)
                .detail("item", file.item.as_str())
                .detail("sha256", hex::encode(&file.sha256)),
        )?;
        Ok(FileId::from(file.file))
    })
    .await
}
