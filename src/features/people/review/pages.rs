//! Handlers of access reviews.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::ReviewId;
use super::actions::{self, Answer, Export, Refusal, check_note};
use super::store;
use super::views::{Forms, List, One, Typed};
use crate::features::people::pages::Nothing;
use crate::features::people::views::Names;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, csv, page, page_with, see_other,
};

pub async fn list(services: Data<Services>, signed: Signed) -> web::Result {
    let view = block(move || {
        let (found, names) = services.db.read(|conn| {
            let found = store::newest(conn)?;
            let signed_by = found
                .iter()
                .filter_map(|(review, _, _)| review.signed_by.map(PersonId::from));
            let names = Names::load(conn, signed_by, [])?;
            Ok::<_, web::Error>((found, names))
        })?;
        let chrome = Chrome::new(&signed, &services, "Access review", Nav::AccessReview);
        Ok::<_, web::Error>(List::new(chrome, &signed, found, &names))
    })
    .await?;
    page(&view)
}

pub async fn open(services: Data<Services>, signed: Signed, form: Form<Nothing>) -> web::Result {
    let id = block(
        move || match actions::open(&services, &signed.actor(), Some(form.key)) {
            // The one that is open is what was wanted.
            Err(Refusal::OpenAlready(id)) => Ok(id),
            opened => opened.map_err(web::Error::from),
        },
    )
    .await?;
    see_other(format!("/people/reviews/{id}"))
}

pub async fn one(services: Data<Services>, signed: Signed, id: Path<ReviewId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || show(&services, &signed, id, Forms::default())).await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    id: ReviewId,
    forms: Forms,
) -> Result<One, web::Error> {
    let chrome = Chrome::new(signed, services, "Access review", Nav::AccessReview);
    services.db.read(|conn| {
        let review = store::find(conn, id)?;
        let lines = store::lines(conn, id)?;
        let ids = lines
            .iter()
            .flat_map(|line| [Some(line.person()), line.answered_by.map(PersonId::from)])
            .flatten()
            .chain(review.signed_by.map(PersonId::from));
        let names = Names::load(conn, ids, [review.opened_by.as_str()])?;
        Ok(One::new(chrome, signed, (review, lines), &names, forms))
    })
}

/// The fields of all lines: `answer-3` and `note-3`.
type Fields = BTreeMap<String, String>;

fn typed(fields: &Fields) -> BTreeMap<i32, Typed> {
    let mut typed: BTreeMap<i32, Typed> = BTreeMap::new();
    for (name, value) in fields {
        let Some((field, Ok(position))) = name
            .split_once('-')
            .map(|(field, position)| (field, position.parse::<i32>()))
        else {
            continue;
        };
        match field {
            "answer" => value.clone_into(&mut typed.entry(position).or_default().answer),
            "note" => value.clone_into(&mut typed.entry(position).or_default().note),
            _ => {}
        }
    }
    typed
}

fn read(typed: &BTreeMap<i32, Typed>) -> Result<Vec<Answer>, Problems> {
    let mut problems = Problems::new();
    let mut answers = Vec::new();
    for (position, Typed { answer, note }) in typed {
        let revoke = match answer.as_str() {
            "confirmed" => false,
            "revoked" => true,
            "" if note.trim().is_empty() => continue,
            "" => {
                problems.add("", format!("Line {position} has a note and no answer."));
                continue;
            }
            _ => {
                problems.add(
                    "",
                    format!("Line {position} has an answer that there is not."),
                );
                continue;
            }
        };
        if let Some(told) = check_note(note, revoke) {
            problems.add("", format!("Line {position}: {told}"));
        }
        answers.push(Answer {
            position: *position,
            revoke,
            note: note.clone(),
        });
    }
    if answers.is_empty() && problems.is_empty() {
        problems.add("", "Answer at least one line.");
    }
    problems.or(answers)
}

pub async fn answer(
    services: Data<Services>,
    signed: Signed,
    id: Path<ReviewId>,
    form: Form<Fields>,
) -> web::Result {
    let id = id.into_inner();
    let again = block(move || {
        let typed = typed(&form.data);
        match read(&typed) {
            Ok(answers) => {
                actions::answer(&services, &signed, id, &answers, form.key)?;
                Ok(None)
            }
            Err(problems) => {
                let forms = Forms {
                    typed,
                    problems,
                    ..Forms::default()
                };
                show(&services, &signed, id, forms).map(Some)
            }
        }
    })
    .await?;
    match again {
        None => see_other(format!("/people/reviews/{id}")),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

#[derive(Deserialize)]
pub struct Signature {
    #[serde(default)]
    signature: String,
}

pub async fn sign(
    services: Data<Services>,
    signed: Signed,
    id: Path<ReviewId>,
    form: Form<Signature>,
) -> web::Result {
    let id = id.into_inner();
    let again = block(move || {
        let signature = form.data.signature;
        match actions::sign(&services, &signed, id, &signature, form.key) {
            Ok(()) => Ok(None),
            Err(Refusal::Form(problems)) => {
                let forms = Forms {
                    signature,
                    problems,
                    ..Forms::default()
                };
                show(&services, &signed, id, forms).map(Some)
            }
            Err(refusal) => Err(refusal.into()),
        }
    })
    .await?;
    match again {
        None => see_other(format!("/people/reviews/{id}")),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

pub async fn file(services: Data<Services>, signed: Signed, id: Path<ReviewId>) -> web::Result {
    let id = id.into_inner();
    let bytes = block(move || {
        let export = actions::export(&services, &signed, id)?;
        write(&export)
    })
    .await?;
    let name = format!("attachment; filename=\"signalbox-access-review-{id}.csv\"");
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox"))
        .body(bytes))
}

const HEADER: [&str; 21] = [
    "line",
    "name",
    "email",
    "role",
    "platforms",
    "since",
    "until",
    "proposed_by",
    "granted_by",
    "reason",
    "last_seen",
    "last_act",
    "answer",
    "note",
    "answered_by",
    "answered_at",
    "signed_by",
    "signature",
    "signed_at",
    "lines_sha256",
    "signed_text",
];

fn write(export: &Export) -> Result<Vec<u8>, web::Error> {
    let Export {
        review,
        lines,
        proposed_by,
        names,
    } = export;
    let at = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
            .unwrap_or_default()
    };
    let person = |id: Option<PersonId>| id.map(|id| names.person(id).plain()).unwrap_or_default();
    let signed_by = person(review.signed_by.map(PersonId::from));
    let sha256 = review.lines_sha256.as_ref().map(hex::encode);
    let mut file = csv::line(HEADER).map_err(web::Error::internal)?;
    for line in lines {
        let who = names.person(line.person());
        let signed_text = match &sha256 {
            Some(_) => store::signed_text(line)?,
            None => String::new(),
        };
        let cells = [
            &line.position.to_string(),
            &who.name,
            who.email.as_deref().unwrap_or_default(),
            &line.role,
            &line.platforms,
            &at(Some(line.starts_at)),
            &at(line.ends_at),
            &person(proposed_by.get(&line.position).copied()),
            &names.actor(&line.granted_by).plain(),
            &line.reason,
            &at(line.last_seen),
            &at(line.last_act),
            line.answer.as_deref().unwrap_or_default(),
            &line.note,
            &person(line.answered_by.map(PersonId::from)),
            &at(line.answered_at),
            &signed_by,
            review.signature.as_deref().unwrap_or_default(),
            &at(review.signed_at),
            sha256.as_deref().unwrap_or_default(),
            &signed_text,
        ];
        file.extend(csv::line(cells).map_err(web::Error::internal)?);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn problem(pairs: &[(&str, &str)]) -> String {
        let problems = read(&typed(&fields(pairs))).unwrap_err();
        problems.of("").unwrap_or_default().to_owned()
    }

    #[test]
    fn lines_without_an_answer_are_left_for_later() {
        let read = read(&typed(&fields(&[
            ("answer-1", "confirmed"),
            ("note-1", ""),
            ("answer-2", ""),
            ("note-2", " "),
            ("answer-10", "revoked"),
            ("note-10", "left"),
            ("csrf", "x"),
            ("answer-x", "confirmed"),
        ])));
        let read = read.unwrap();
        let said: Vec<_> = read
            .iter()
            .map(|one| (one.position, one.revoke, one.note.as_str()))
            .collect();
        assert_eq!(said, [(1, false, ""), (10, true, "left")]);
    }

    #[test]
    fn what_is_missing_is_said_by_line() {
        assert!(problem(&[("answer-3", "revoked"), ("note-3", " ")]).contains("Line 3: Say why"));
        assert!(problem(&[("answer-3", ""), ("note-3", "left")]).contains("no answer"));
        assert!(problem(&[("answer-3", "maybe")]).contains("Line 3"));
        assert!(problem(&[("answer-3", "")]).contains("at least one"));
        assert!(
            problem(&[("answer-3", "confirmed"), ("note-3", "a\0b")]).contains("cannot be seen")
        );
    }
}
