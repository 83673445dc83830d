//! The verbs: open, answer lines, sign, export.

use std::collections::HashMap;

use super::store::{self, Line};
use super::{DUE_AFTER, ReviewId};
use crate::features::people::actions::keep_two_administrators;
use crate::features::people::ask::Payload;
use crate::features::people::form::{LONGEST_REASON, sentence};
use crate::features::people::store as people_store;
use crate::features::people::views::{Names, platforms_of};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Subject, Tx, store as log};
use crate::foundation::auth::{Role, Signed, grants, roster};
use crate::foundation::db;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{self, Problems};

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the form has to be corrected")]
    Form(Problems),
    #[error("A review is open already.")]
    OpenAlready(ReviewId),
    #[error("This review has been signed.")]
    Signed,
    #[error("Somebody else has answered one of these lines meanwhile.")]
    Answered,
    #[error("A line about yourself is answered by somebody else.")]
    Oneself,
    #[error("Some lines have no answer yet.")]
    Unanswered,
    #[error(transparent)]
    Access(#[from] crate::features::people::refusal::Refusal),
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<Refusal> for web::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Db(error) => error.into(),
            Refusal::Access(refusal) => refusal.into(),
            told => Self::Refused(web::Refusal::new(
                "access_review_refused",
                sentence(&told.to_string()),
                "Nothing was changed. Open the review again to see how it stands.",
            )),
        }
    }
}

/// Opens a review of everything that is held now, or will be.
pub fn open(services: &Services, actor: &Actor, key: Option<FormKey>) -> Result<ReviewId, Refusal> {
    services.audit.write(actor, |tx| {
        if let Some(key) = key {
            tx.once(key, "/people/reviews")?;
        }
        if let Some(open) = store::open(tx)? {
            return Err(Refusal::OpenAlready(open.id.into()));
        }
        let (id, now) = (ReviewId::new(), tx.now());
        let lines = copy(tx, id)?;
        let by = tx.actor().to_string();
        match store::add(tx, id, &by, (now, now + DUE_AFTER), &lines) {
            // Another one was faster.
            Err(db::Error::Unique { .. }) => return Err(Refusal::OpenAlready(id)),
            added => added?,
        }
        tx.record(
            Event::new("access_review.opened", Subject::new("access_review", id))
                .detail("lines", lines.len()),
        )?;
        Ok(id)
    })
}

fn copy(tx: &mut Tx<'_>, id: ReviewId) -> db::Result<Vec<Line>> {
    let now = tx.now();
    let platforms = people_store::platforms(tx)?;
    let mut everybody = roster::everybody(tx)?;
    everybody.retain(|person| person.disabled_at.is_none());
    let ids: Vec<PersonId> = everybody.iter().map(|person| person.id).collect();
    let mut held = grants::of_all(tx, &ids)?;
    let mut standing = roster::standing(tx, &ids, now)?;
    let acts = log::last_acts(tx, &ids)?;
    let mut lines = Vec::new();
    for id_of in ids {
        let seen = standing
            .remove(&id_of)
            .and_then(|standing| standing.last_seen);
        let act = acts.iter().find(|(id, _)| *id == id_of).map(|(_, at)| *at);
        for grant in held.remove(&id_of).unwrap_or_default() {
            if grant.period.is_over(now) {
                continue;
            }
            lines.push(Line {
                review_id: id.uuid(),
                position: i32::try_from(lines.len() + 1).unwrap_or(i32::MAX),
                person_id: id_of.uuid(),
                role: grant.role.as_str().to_owned(),
                platforms: platforms_of(&grant.scope, &platforms),
                starts_at: grant.period.starts_at,
                ends_at: grant.period.ends_at,
                reason: grant.reason,
                granted_by: grant.granted_by,
                last_seen: seen,
                last_act: act,
                answer: None,
                note: String::new(),
                answered_by: None,
                answered_at: None,
            });
        }
    }
    Ok(lines)
}

/// What somebody says to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub position: i32,
    pub revoke: bool,
    pub note: String,
}

/// Records these answers, all or none.
pub fn answer(
    services: &Services,
    signed: &Signed,
    id: ReviewId,
    answers: &[Answer],
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/people/reviews/{id}"))?;
        grants::hold_administrators(tx)?;
        if store::lock(tx, id)?.signed_at.is_some() {
            return Err(Refusal::Signed);
        }
        let lines = store::lines(tx, id)?;
        for answer in answers {
            let line = lines
                .iter()
                .find(|line| line.position == answer.position)
                .ok_or(db::Error::NotFound)?;
            answer_line(tx, signed.person, line, answer)?;
        }
        Ok(())
    })
}

fn answer_line(tx: &mut Tx<'_>, by: PersonId, line: &Line, answer: &Answer) -> Result<(), Refusal> {
    if line.answer.is_some() {
        return Err(Refusal::Answered);
    }
    if line.person() == by {
        return Err(Refusal::Oneself);
    }
    let (now, note) = (tx.now(), answer.note.trim());
    let word = if answer.revoke {
        "revoked"
    } else {
        "confirmed"
    };
    store::answer(tx, line, (word, note), by, now)?;
    if answer.revoke {
        revoke(tx, line, note)?;
    }
    let kind = if answer.revoke {
        "access_review.line_revoked"
    } else {
        "access_review.line_confirmed"
    };
    tx.record(
        Event::new(kind, Subject::new("person", line.person()))
            .detail("review", line.review_id.to_string())
            .detail("line", line.position)
            .detail("role", line.role.as_str()),
    )?;
    Ok(())
}

/// Takes away what the line is about, where it is held still.
fn revoke(tx: &mut Tx<'_>, line: &Line, note: &str) -> Result<(), Refusal> {
    let Ok(role) = line.role.parse::<Role>() else {
        return Err(db::Error::Damaged("a line of an access review").into());
    };
    if role == Role::Administrator {
        keep_two_administrators(tx, line.person())?;
    }
    grants::take(tx, line.person(), role, note)?;
    Ok(())
}

/// Closes a review whose lines are all answered. `signature` is the name of whoever signs, as they typed it.
pub fn sign(
    services: &Services,
    signed: &Signed,
    id: ReviewId,
    signature: &str,
    key: FormKey,
) -> Result<(), Refusal> {
    let typed = signature.split_whitespace().collect::<Vec<_>>().join(" ");
    if typed.to_lowercase() != signed.name.to_lowercase() {
        let name = &signed.name;
        let message = format!("Sign with your name as it stands in your account: {name}.");
        return Err(Refusal::Form(Problems::one("signature", message)));
    }
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/people/reviews/{id}"))?;
        if store::lock(tx, id)?.signed_at.is_some() {
            return Err(Refusal::Signed);
        }
        let lines = store::lines(tx, id)?;
        if lines.iter().any(|line| line.answer.is_none()) {
            return Err(Refusal::Unanswered);
        }
        let (sha256, now) = (store::digest(&lines)?, tx.now());
        store::sign(tx, id, (signed.person, &typed), sha256, now)?;
        let revoked = lines
            .iter()
            .filter(|line| line.answer.as_deref() == Some("revoked"));
        tx.record(
            Event::new("access_review.signed", Subject::new("access_review", id))
                .detail("lines", lines.len())
                .detail("revoked", revoked.count())
                .detail("lines_sha256", hex::encode(sha256)),
        )?;
        Ok(())
    })
}

/// What a file of a review is made of.
pub struct Export {
    pub review: store::Review,
    pub lines: Vec<Line>,
    /// Who proposed the grant of a line, by its position; nothing where the command line gave it.
    pub proposed_by: HashMap<i32, PersonId>,
    pub names: Names,
}

/// The lines for a file, whose making is an event.
pub fn export(services: &Services, signed: &Signed, id: ReviewId) -> Result<Export, web::Error> {
    services.audit.write(&signed.actor(), |tx| {
        let review = store::find(tx, id)?;
        let lines = store::lines(tx, id)?;
        let proposed_by = proposers(tx, &review, &lines)?;
        let answered_by = lines.iter().filter_map(|line| line.answered_by);
        let ids = lines
            .iter()
            .map(Line::person)
            .chain(answered_by.chain(review.signed_by).map(PersonId::from))
            .chain(proposed_by.values().copied());
        let actors = lines.iter().map(|line| line.granted_by.as_str());
        let names = Names::load(tx, ids, actors)?;
        tx.record(
            Event::new("access_review.exported", Subject::new("access_review", id))
                .detail("lines", lines.len()),
        )?;
        Ok(Export {
            review,
            lines,
            proposed_by,
            names,
        })
    })
}

/// Who proposed what the lines say. What was held when the review was opened is what was approved last before, and by
/// the same person.
fn proposers(
    tx: &mut Tx<'_>,
    review: &store::Review,
    lines: &[Line],
) -> db::Result<HashMap<i32, PersonId>> {
    let ids: Vec<PersonId> = lines.iter().map(Line::person).collect();
    let approved = people_store::approved_grants(tx, &ids, review.opened_at)?;
    let proposer = |line: &Line| {
        let last = approved.iter().find(|proposal| {
            proposal.standing.person == line.person()
                && matches!(&proposal.payload, Payload::Grant(ask)
                    if ask.roles.iter().any(|role| role.as_str() == line.role))
        })?;
        let by = last.decided_by.map(|by| format!("person:{by}"))?;
        (by == line.granted_by).then_some((line.position, last.standing.proposed_by))
    };
    Ok(lines.iter().filter_map(proposer).collect())
}

/// A note as it may stand beside an answer.
pub fn check_note(note: &str, revoke: bool) -> Option<&'static str> {
    if revoke && note.trim().is_empty() {
        return Some("Say why it is revoked.");
    }
    if note.chars().count() > LONGEST_REASON {
        return Some("Say it shorter.");
    }
    let hidden = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    note.contains(hidden)
        .then_some("A note holds a character that cannot be seen. Type it again.")
}
