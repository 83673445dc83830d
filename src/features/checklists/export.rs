//! A list on paper and as a file.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use actix_web::web::{Data, Path};
use chrono::{DateTime, SecondsFormat, Utc};

use super::actions::event;
use super::pages::Found;
use super::run::{self, RunId};
use super::views::Sheet;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Chrome, Nav, Refusal, block, csv as lines, page};

/// What leaves the house, and that it did: who took it is an event.
fn taken(
    services: &Services,
    signed: &Signed,
    id: RunId,
    format: &'static str,
) -> Result<Found, web::Error> {
    services.audit.write(&signed.actor(), |tx| {
        let found = Found::read(tx, signed, id)?;
        let digest = found
            .run
            .signature
            .as_ref()
            .map(|it| hex::encode(&it.digest));
        if format == "json" && digest.is_none() {
            return Err(web::Error::Refused(Refusal::new(
                "not_signed",
                "It was not signed, so there is nothing to export.",
                "Sign it first. What stands there now can be printed, or exported as CSV.",
            )));
        }
        tx.record(
            event("checklist.exported", &found.run)
                .detail("format", format)
                .detail("sha256", digest.unwrap_or_default()),
        )?;
        Ok(found)
    })
}

/// `GET /checklists/runs/{id}/print`
pub async fn print(signed: Signed, services: Data<Services>, id: Path<RunId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let found = taken(&services, &signed, id, "print")?;
        let title = format!("{}, {}", found.run.name, found.run.slot.date_naive());
        Ok::<_, web::Error>(Sheet {
            chrome: Chrome::new(&signed, &services, title, Nav::Checklists),
            facts: found.facts(services.clock.now()),
            lines: found.lines(),
        })
    })
    .await?;
    page(&view)
}

fn file(id: RunId, end: &str, content_type: &str, bytes: Vec<u8>) -> HttpResponse {
    let name = format!("attachment; filename=\"signalbox-checklist-{id}.{end}\"");
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox"))
        .body(bytes)
}

/// `GET /checklists/runs/{id}/json`: the very bytes that were signed.
pub async fn json(signed: Signed, services: Data<Services>, id: Path<RunId>) -> web::Result {
    let id = id.into_inner();
    let contents = block(move || {
        let found = taken(&services, &signed, id, "json")?;
        Ok::<_, web::Error>(
            found
                .run
                .signature
                .map(|it| it.contents)
                .unwrap_or_default(),
        )
    })
    .await?;
    Ok(file(id, "json", "application/json", contents.into_bytes()))
}

const HEADER: [&str; 16] = [
    "checklist",
    "platform",
    "slot",
    "item",
    "text",
    "answer",
    "value",
    "source",
    "seen_at",
    "answered_by",
    "answered_at",
    "note",
    "reference",
    "evidence_sha256",
    "signed_by",
    "sha256",
];

/// `GET /checklists/runs/{id}/csv`
pub async fn csv(signed: Signed, services: Data<Services>, id: Path<RunId>) -> web::Result {
    let id = id.into_inner();
    let bytes = block(move || {
        let found = taken(&services, &signed, id, "csv")?;
        write(&found, &found.facts(services.clock.now()).platform)
    })
    .await?;
    Ok(file(id, "csv", "text/csv; charset=utf-8", bytes))
}

fn at(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn write(found: &Found, platform: &str) -> Result<Vec<u8>, web::Error> {
    let run = &found.run;
    let signature = run.signature.as_ref();
    let (signed_by, sha256) = signature
        .map(|it| (it.name.clone(), hex::encode(&it.digest)))
        .unwrap_or_default();
    let mut file = lines::line(HEADER).map_err(web::Error::internal)?;
    for item in &run.spec.items {
        let answer = run::last(&item.id, &found.answers);
        let text = |of: fn(&run::Answer) -> String| answer.map(of).unwrap_or_default();
        let evidence = found.shown.iter().filter(|file| file.item == item.id);
        let evidence: Vec<String> = evidence.map(|file| hex::encode(&file.sha256)).collect();
        let cells = [
            run.name.clone(),
            platform.to_owned(),
            at(run.slot),
            item.id.clone(),
            item.text.clone(),
            text(|it| it.outcome.as_str().to_owned()),
            text(|it| it.value.clone()),
            text(|it| it.source.clone()),
            text(|it| it.seen_at.map(at).unwrap_or_default()),
            text(|it| it.name.clone()),
            text(|it| at(it.at)),
            text(|it| it.note.clone()),
            text(|it| it.reference.clone()),
            evidence.join(" "),
            signed_by.clone(),
            sha256.clone(),
        ];
        let cells = cells.iter().map(String::as_str);
        file.extend(lines::line(cells).map_err(web::Error::internal)?);
    }
    Ok(file)
}
