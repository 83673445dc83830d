//! Changing a pack from the pages: the text, what it would do, and the second person.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::actions::ApplyError;
use super::change::{Change, ChangeId, Kind, State};
use super::changes::{self, Draft, Looked, Refusal, Running, Submitted};
use super::store::{self, Watched, changes as kept, revisions};
use super::views::{ChangeForm, ChangePage, Preview, hunks, standing};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::Conn;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// What is typed into the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub source: String,
    pub reason: String,
    /// The revision that the text was written over.
    pub base: String,
    /// What the browser calls a file that was chosen and whose text was not taken.
    pub file: String,
}

impl Typed {
    fn draft(&self) -> Draft {
        // What is no number is no revision, and so overtaken.
        Draft::new(&self.source, &self.reason, self.base.parse().unwrap_or(0))
    }
}

/// The platform of this name, where whoever asks may see it.
pub(super) fn visible(conn: &mut Conn, signed: &Signed, slug: &str) -> Result<Watched, web::Error> {
    store::find(conn, slug)?
        .filter(|platform| signed.reach().allows(platform.id))
        .ok_or(web::Error::NotFound)
}

/// What a text begins from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    change: Option<ChangeId>,
}

/// `GET /packs/{platform}/change`: the text in force, or that of a change that was overtaken.
pub async fn form(
    signed: Signed,
    services: Data<Services>,
    slug: Path<String>,
    from: Query<From>,
) -> web::Result {
    let view = block(move || {
        let (running, source, reason) = services.db.read(|conn| {
            let platform = visible(conn, &signed, &slug)?;
            let running = changes::running(conn, &platform)?;
            let (source, reason) = match from.change {
                Some(id) => {
                    let change = kept::one(conn, platform.id, id)?;
                    (change.source, change.reason)
                }
                None => (running.kept.source.clone(), String::new()),
            };
            Ok::<_, web::Error>((running, source, reason))
        })?;
        let typed = Typed {
            source,
            reason,
            base: running.applied.revision.to_string(),
            file: String::new(),
        };
        Ok::<_, web::Error>(show(&services, &signed, &running, typed))
    })
    .await?;
    page(&view)
}

pub(super) fn show(
    services: &Services,
    signed: &Signed,
    running: &Running,
    typed: Typed,
) -> ChangeForm {
    let platform = &running.platform;
    let title = format!("Change the pack of {}", platform.name);
    ChangeForm {
        chrome: Chrome::new(signed, services, &title, Nav::Packs),
        platform: platform.name.clone(),
        slug: platform.slug.clone(),
        revision: running.applied.revision,
        may_apply: signed.may_at(Permission::PacksApply, platform.id),
        typed,
        problems: Problems::new(),
        wrong: Vec::new(),
        preview: None,
    }
}

impl ChangeForm {
    /// Whether a file was chosen whose text is not the one that was sent; it is said then. Nobody applies another text than
    /// they believe to.
    fn has_untaken_file(&mut self) -> bool {
        let name = std::mem::take(&mut self.typed.file);
        if name.is_empty() {
            return false;
        }
        self.problems.add(
            "file",
            format!(
                "The text of {name} was not taken yet: choose it again and take it, or leave it."
            ),
        );
        true
    }

    /// What is wrong with what was typed, beside its field.
    ///
    /// # Errors
    /// What is no matter of the form.
    fn refused(&mut self, refusal: Refusal) -> Result<(), web::Error> {
        let Some(field) = refusal.field() else {
            return Err(refusal.into());
        };
        self.wrong = wrong(&refusal);
        let message = match &refusal {
            Refusal::Pack(ApplyError::Unreadable(_)) => {
                "This cannot be read: the lines are named below.".to_owned()
            }
            Refusal::Pack(ApplyError::Wrong(_)) => {
                "The linter has found errors: they are named below.".to_owned()
            }
            Refusal::Overtaken(revision) => {
                // Whoever sends it again has been told what stands against it.
                self.typed.base = revision.to_string();
                format!(
                    "{} Look at what it differs in, take over what is to stay, and send it again.",
                    sentence(&refusal)
                )
            }
            _ => sentence(&refusal),
        };
        self.problems.add(field, message);
        Ok(())
    }
}

/// The lines that are wrong with a text.
#[must_use]
pub fn wrong(refusal: &Refusal) -> Vec<String> {
    match refusal {
        Refusal::Pack(ApplyError::Unreadable(problems)) => {
            problems.iter().map(ToString::to_string).collect()
        }
        Refusal::Pack(ApplyError::Wrong(findings)) => {
            findings.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    }
}

/// What a text would do, as the page shows it.
#[must_use]
pub fn preview(signed: &Signed, running: &Running, looked: &Looked) -> Preview {
    let words = |all: &[super::guards::Lowering]| all.iter().map(ToString::to_string).collect();
    Preview {
        at_once: changes::is_at_once(signed, &running.platform, &looked.lowers),
        lowers: words(&looked.lowers),
        differences: looked.differences.iter().map(ToString::to_string).collect(),
        findings: looked.findings().iter().map(ToString::to_string).collect(),
        hunks: hunks(&running.kept.source, &looked.prepared.source),
    }
}

/// `POST /packs/{platform}/trial`: what the text would do; nothing is written.
pub async fn try_out(
    signed: Signed,
    services: Data<Services>,
    slug: Path<String>,
    form: Form<Typed>,
) -> web::Result {
    let view = block(move || looked_at(&services, &signed, &slug, form.data)).await?;
    answered(view)
}

pub(super) fn looked_at(
    services: &Services,
    signed: &Signed,
    slug: &str,
    typed: Typed,
) -> Result<ChangeForm, web::Error> {
    services.db.read(|conn| {
        let platform = visible(conn, signed, slug)?;
        let running = changes::running(conn, &platform)?;
        let draft = typed.draft();
        let mut view = show(services, signed, &running, typed);
        if view.has_untaken_file() {
            return Ok(view);
        }
        match changes::look(conn, &running, &draft.source) {
            Ok(looked) => view.preview = Some(preview(signed, &running, &looked)),
            Err(refusal) => view.refused(refusal)?,
        }
        Ok(view)
    })
}

pub(super) fn answered(view: ChangeForm) -> web::Result {
    if view.problems.is_empty() {
        page(&view)
    } else {
        page_with(StatusCode::UNPROCESSABLE_ENTITY, &view)
    }
}

/// `POST /packs/{platform}/change`
pub async fn submit(
    signed: Signed,
    services: Data<Services>,
    slug: Path<String>,
    form: Form<Typed>,
) -> web::Result {
    let outcome = block(move || {
        let platform = services.db.read(|conn| visible(conn, &signed, &slug))?;
        if !form.data.file.is_empty() {
            return looked_at(&services, &signed, &slug, form.data).map(Err);
        }
        let draft = form.data.draft();
        match changes::submit(&services, &signed, &platform, &draft, form.key) {
            Ok(submitted) => Ok(Ok(href(&platform, submitted))),
            Err(refusal) if refusal.field().is_some() => {
                let mut view = again(&services, &signed, &platform, form.data)?;
                view.refused(refusal)?;
                Ok(Err(view))
            }
            Err(refusal) => Err(web::Error::from(refusal)),
        }
    })
    .await?;
    match outcome {
        Ok(href) => see_other(href),
        Err(view) => answered(view),
    }
}

/// The form as it was sent, with what it would do where that can be said.
fn again(
    services: &Services,
    signed: &Signed,
    platform: &Watched,
    typed: Typed,
) -> Result<ChangeForm, web::Error> {
    services.db.read(|conn| {
        let running = changes::running(conn, platform)?;
        let looked = changes::look(conn, &running, &typed.draft().source).ok();
        let preview = looked.map(|looked| preview(signed, &running, &looked));
        Ok(ChangeForm {
            preview,
            ..show(services, signed, &running, typed)
        })
    })
}

/// Where a submitted text leads.
#[must_use]
pub fn href(platform: &Watched, submitted: Submitted) -> String {
    let slug = &platform.slug;
    match submitted {
        Submitted::Applied(_) => format!("/packs/{slug}"),
        Submitted::Proposed(id) => format!("/packs/{slug}/changes/{id}"),
    }
}

/// `GET /packs/{platform}/changes/{change}`
pub async fn one(
    signed: Signed,
    services: Data<Services>,
    path: Path<(String, ChangeId)>,
) -> web::Result {
    let view = block(move || {
        let (slug, id) = path.into_inner();
        show_change(&services, &signed, &slug, id)
    })
    .await?;
    page(&view)
}

fn show_change(
    services: &Services,
    signed: &Signed,
    slug: &str,
    id: ChangeId,
) -> Result<ChangePage, web::Error> {
    services.db.read(|conn| {
        let platform = visible(conn, signed, slug)?;
        let change = kept::one(conn, platform.id, id)?;
        let running = changes::running(conn, &platform)?;
        let state = change.state(running.applied.revision);
        let base = revisions::one(conn, platform.id, change.base)?;
        let before = base.map(|base| base.source).unwrap_or_default();
        // Of what was answered or overtaken, only what it said then can be told.
        let looked = match state {
            State::Waits => Some(changes::look(conn, &running, &change.source)),
            _ => None,
        };
        let (differences, findings, wrong) = match &looked {
            Some(Ok(looked)) => (
                looked.differences.iter().map(ToString::to_string).collect(),
                looked.findings().iter().map(ToString::to_string).collect(),
                Vec::new(),
            ),
            Some(Err(refusal)) => (Vec::new(), Vec::new(), told(refusal)),
            None => (Vec::new(), Vec::new(), Vec::new()),
        };
        let own = change.asked_by == signed.person;
        let may = |permission| signed.may_at(permission, platform.id);
        let open = change.answer.is_none();
        let (lamp, sentence) = standing(state);
        let title = format!("Change of the pack of {}", platform.name);
        Ok(ChangePage {
            chrome: Chrome::new(signed, services, &title, Nav::Packs),
            platform: platform.name,
            slug: platform.slug,
            lamp,
            sentence,
            detail: detail(&change, state),
            digest: hex::encode(&change.digest),
            differences,
            findings,
            may_apply: state == State::Waits
                && !own
                && may(Permission::PacksApply)
                && wrong.is_empty(),
            may_reject: open && !own && may(Permission::PacksApply),
            may_withdraw: open && own,
            may_begin_anew: state != State::Waits && may(Permission::PacksPropose),
            wrong,
            hunks: hunks(&before, &change.source),
            overtaken: state == State::Overtaken,
            own,
            reason: String::new(),
            problems: Problems::new(),
            change,
        })
    })
}

fn told(refusal: &Refusal) -> Vec<String> {
    let lines = wrong(refusal);
    if lines.is_empty() {
        vec![sentence(refusal)]
    } else {
        lines
    }
}

fn detail(change: &Change, state: State) -> String {
    let answer = change.answer.as_ref();
    let name = answer.map_or("", |it| it.name.as_str());
    match state {
        State::Waits => {
            "Somebody who did not propose it looks at it, and applies or rejects it.".to_owned()
        }
        State::Overtaken => format!(
            "It was written over revision {}, and another has been applied since: as it stands it would undo that one. \
             Nothing of it is lost.",
            change.base
        ),
        State::Answered(Kind::Applied) => match answer.and_then(|it| it.revision) {
            Some(revision) => format!("By {name}, as revision {revision}."),
            None => format!("By {name}."),
        },
        State::Answered(Kind::Rejected) => {
            let reason = answer.and_then(|it| it.reason.as_deref()).unwrap_or("");
            format!("By {name}: {reason}")
        }
        State::Answered(Kind::Withdrawn) => format!("By {name}."),
    }
}

/// What the page showed of the change.
#[derive(Deserialize)]
pub struct Seen {
    #[serde(default)]
    digest: String,
}

/// `POST /packs/{platform}/changes/{change}/approval`
pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    path: Path<(String, ChangeId)>,
    form: Form<Seen>,
) -> web::Result {
    let (slug, id) = path.into_inner();
    let href = format!("/packs/{slug}/changes/{id}");
    block(move || {
        let platform = services.db.read(|conn| visible(conn, &signed, &slug))?;
        let seen = hex::decode(&form.data.digest).unwrap_or_default();
        changes::approve(&services, &signed, (&platform, id), &seen, form.key)
            .map_err(web::Error::from)
    })
    .await?;
    see_other(href)
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rejection {
    reason: String,
}

/// `POST /packs/{platform}/changes/{change}/rejection`
pub async fn reject(
    signed: Signed,
    services: Data<Services>,
    path: Path<(String, ChangeId)>,
    form: Form<Rejection>,
) -> web::Result {
    let (slug, id) = path.into_inner();
    let href = format!("/packs/{slug}/changes/{id}");
    let again = block(move || {
        let platform = services.db.read(|conn| visible(conn, &signed, &slug))?;
        let reason = form.data.reason;
        match changes::reject(&services, &signed, (&platform, id), &reason, form.key) {
            Ok(()) => Ok(None),
            Err(refusal) if refusal.field() == Some("reason") => {
                let mut view = show_change(&services, &signed, &slug, id)?;
                view.problems.add("reason", sentence(&refusal));
                view.reason = reason;
                Ok(Some(view))
            }
            Err(refusal) => Err(web::Error::from(refusal)),
        }
    })
    .await?;
    match again {
        None => see_other(href),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /packs/{platform}/changes/{change}/withdrawal`
pub async fn withdraw(
    signed: Signed,
    services: Data<Services>,
    path: Path<(String, ChangeId)>,
    form: Form<Nothing>,
) -> web::Result {
    let (slug, id) = path.into_inner();
    let href = format!("/packs/{slug}/changes/{id}");
    block(move || {
        let platform = services.db.read(|conn| visible(conn, &signed, &slug))?;
        changes::withdraw(&services, &signed, (&platform, id), form.key).map_err(web::Error::from)
    })
    .await?;
    see_other(href)
}
