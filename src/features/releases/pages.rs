use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::actions::{self, NewRelease, ReleaseError, named, of_stage};
use super::release::{Gate, List as Stands, Release, ReleaseId};
use super::store::{self, gates};
use super::views::{self, GateRow, List, May, Names, NewPage, One, Row};
use crate::features::checklists::actions::Hand;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::format::sentence;
use crate::foundation::web::paging::{FETCHED, Older};
use crate::foundation::web::{
    self, Chrome, Form, Lamp, Nav, Problems, block, page, page_with, see_other,
};

/// More are not under way at once.
const OPEN_SHOWN: i64 = 200;

fn names(conn: &mut Conn) -> db::Result<Names> {
    let all = packs::platforms(conn)?;
    Ok(all.into_iter().map(|it| (it.id, it.name)).collect())
}

/// `GET /releases`: what is under way, what is to come, what became of the others.
pub async fn list(signed: Signed, services: Data<Services>, older: Query<Older>) -> web::Result {
    let view = block(move || {
        let scope = signed.view();
        let before = older.before()?;
        services.db.read(|conn| {
            let names = names(conn)?;
            let open = store::all(conn, &scope, (false, None), OPEN_SHOWN)?;
            let mut over = store::all(conn, &scope, (true, before), FETCHED)?;
            let place = |it: &Release| (it.proposed.at, it.id.uuid());
            let next = Older::cut(&mut over, "/releases", place);
            let (lamp, sentence, detail) = views::verdict(&open);
            Ok::<_, web::Error>(List {
                chrome: Chrome::new(&signed, &services, "Releases", Nav::Releases),
                lamp,
                sentence,
                detail,
                open: open.iter().map(|it| Row::of(it, &names)).collect(),
                over: over.iter().map(|it| Row::of(it, &names)).collect(),
                next,
                may_act: signed.may(Permission::ReleasesAct),
            })
        })
    })
    .await?;
    page(&view)
}

/// What somebody typed for a new release.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub(super) platform: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) what: String,
    pub(super) planned: String,
}

impl Typed {
    pub(super) fn is(&self, platform: &str) -> bool {
        self.platform == platform
    }
}

/// `GET /releases/new`
pub async fn new(signed: Signed, services: Data<Services>) -> web::Result {
    let view = block(move || {
        let now = services.clock.now().with_timezone(&signed.preferences.zone);
        let typed = Typed {
            planned: now.format("%Y-%m-%dT%H:%M").to_string(),
            ..Typed::default()
        };
        form(&services, &signed, typed, Problems::new())
    })
    .await?;
    page(&view)
}

fn form(
    services: &Services,
    signed: &Signed,
    typed: Typed,
    problems: Problems,
) -> Result<NewPage, web::Error> {
    let acts = signed.reach_for(Permission::ReleasesAct);
    let platforms = services.db.read(packs::platforms)?;
    let mine = platforms.into_iter().filter(|it| acts.allows(it.id));
    Ok(NewPage {
        chrome: Chrome::new(signed, services, "Draft a release", Nav::Releases),
        platforms: mine.map(|it| (it.slug, it.name)).collect(),
        typed,
        problems,
    })
}

/// `POST /releases`
pub async fn create(signed: Signed, services: Data<Services>, posted: Form<Typed>) -> web::Result {
    let done = block(move || {
        let typed = posted.data;
        let problems = match read(&services, &signed, &typed)? {
            Ok(new) => match actions::propose(&services, &Hand::of(&signed), &new, posted.key) {
                Ok(id) => return Ok(Ok(id)),
                Err(ReleaseError::Wrong(field, why)) => Problems::one(field, said(why)),
                Err(error) => return Err(error.into()),
            },
            Err(problems) => problems,
        };
        form(&services, &signed, typed, problems).map(Err)
    })
    .await?;
    match done {
        Ok(id) => see_other(format!("/releases/{id}")),
        Err(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

/// "Say why.", of "say why".
fn said(why: &str) -> String {
    format!("{}.", sentence(&why).trim_end_matches('.'))
}

fn read(
    services: &Services,
    signed: &Signed,
    typed: &Typed,
) -> Result<Result<NewRelease, Problems>, web::Error> {
    let mut problems = Problems::new();
    let acts = signed.reach_for(Permission::ReleasesAct);
    let platforms = services.db.read(packs::platforms)?;
    let mut mine = platforms.iter().filter(|it| acts.allows(it.id));
    let platform = mine.find(|it| it.slug == typed.platform);
    if platform.is_none() {
        problems.add("platform", "Choose the platform that is changed.");
    }
    for (field, text) in [
        ("from", &typed.from),
        ("to", &typed.to),
        ("what", &typed.what),
    ] {
        problems.check_plain(field, text);
    }
    let planned = web::moment(&typed.planned, signed.preferences.zone);
    if planned.is_none() {
        problems.add(
            "planned",
            "Give a day and a time, such as 2026-03-02 09:00.",
        );
    }
    Ok(match (platform, planned) {
        (Some(platform), Some(planned_at)) if problems.is_empty() => Ok(NewRelease {
            platform: platform.id,
            from: typed.from.clone(),
            to: typed.to.clone(),
            what: typed.what.clone(),
            planned_at,
        }),
        _ => Err(problems),
    })
}

/// What was typed into the forms of a release's page, each with a name of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StepForm {
    pub(super) to: String,
    pub(super) reason: String,
    pub(super) note: String,
    /// Why somebody goes on over a gate, and over which.
    #[serde(rename = "override")]
    pub(super) over: String,
    #[serde(skip)]
    pub(super) gate: String,
    /// Why it is abandoned.
    pub(super) why: String,
}

/// `GET /releases/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<ReleaseId>) -> web::Result {
    let id = id.into_inner();
    let view =
        block(move || show(&services, &signed, id, StepForm::default(), Problems::new())).await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    id: ReleaseId,
    form: StepForm,
    problems: Problems,
) -> Result<One, web::Error> {
    services.db.read(|conn| {
        let release = store::one(conn, id)?;
        if !signed.reach().allows(release.platform) {
            return Err(web::Error::NotFound);
        }
        let names = names(conn)?;
        let all = gates::of(conn, id)?;
        let named = named(conn, release.platform)?;
        let stage = release.state.stage();
        let count = of_stage(&named, stage);
        let stands = actions::list(conn, &release)?;
        let row = |gate: &&Gate| GateRow::of(&release, gate, signed);
        let current = release.current(&all);
        let is_current = |gate: &&Gate| current.iter().any(|it| std::ptr::eq(*it, *gate));
        let before: Vec<GateRow> = all
            .iter()
            .rev()
            .filter(|it| !is_current(it))
            .map(|it| row(&it))
            .collect();
        let waiting = named
            .iter()
            .filter(|gate| Some(gate.stage) == stage && current.is_empty());
        let chrome = Chrome::new(
            signed,
            services,
            format!("{} to {}", release.from, release.to),
            Nav::Releases,
        );
        let form = if form.to.is_empty() {
            StepForm {
                to: release.from.clone(),
                ..form
            }
        } else {
            form
        };
        Ok(One {
            chrome,
            row: Row::of(&release, &names),
            next: views::next(&release, &all, count, stands),
            list: list_of(&release, stands),
            gates: current.iter().map(row).collect(),
            named: waiting.map(|gate| gate.name.clone()).collect(),
            before,
            timeline: store::timeline(conn, id)?,
            may: May::of(&release, &all, (count, stands), signed),
            form,
            problems,
            release,
        })
    })
}

/// The checklist's address, and how it stands.
fn list_of(release: &Release, stands: Stands) -> Option<(String, String, Lamp)> {
    let run = release.checklist?;
    let (lamp, word) = match stands {
        Stands::Ready => (Lamp::Clear, "signed"),
        Stands::Unsigned => (Lamp::Yellow, "not signed"),
        Stands::Unreviewed => (Lamp::Yellow, "signed, to be looked over"),
        Stands::Over => (Lamp::Red, "objected to, or called off"),
    };
    Some((format!("/checklists/runs/{run}"), word.to_owned(), lamp))
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

type Step = fn(&Services, &Hand, ReleaseId, FormKey) -> actions::Result<()>;

/// A step that takes no words.
async fn take(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<Nothing>,
    step: Step,
) -> web::Result {
    let id = id.into_inner();
    block(move || step(&services, &Hand::of(&signed), id, form.key).map_err(web::Error::from))
        .await?;
    see_other(format!("/releases/{id}"))
}

/// `POST /releases/{id}/approval`
pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<Nothing>,
) -> web::Result {
    take(signed, services, id, form, actions::approve).await
}

/// `POST /releases/{id}/checklist`
pub async fn list_again(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<Nothing>,
) -> web::Result {
    take(signed, services, id, form, actions::list_again).await
}

/// `POST /releases/{id}/gates`
pub async fn ask(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<Nothing>,
) -> web::Result {
    take(signed, services, id, form, actions::ask).await
}

/// `POST /releases/{id}/start`
pub async fn start(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<Nothing>,
) -> web::Result {
    take(signed, services, id, form, actions::start).await
}

/// `POST /releases/{id}/verification`
pub async fn verify(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<Nothing>,
) -> web::Result {
    take(signed, services, id, form, actions::verify).await
}

/// A step with words, which are kept where they make no sense.
async fn take_with(
    signed: Signed,
    services: Data<Services>,
    id: ReleaseId,
    form: Form<StepForm>,
    step: impl FnOnce(&Services, &Hand, &StepForm, FormKey) -> actions::Result<()> + Send + 'static,
) -> web::Result {
    let refused = block(move || {
        let typed = form.data;
        let mut problems = Problems::new();
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        for (field, text) in [
            ("to", &typed.to),
            ("reason", &typed.reason),
            ("note", &typed.note),
            ("override", &typed.over),
            ("why", &typed.why),
        ] {
            problems.check_plain(field, text);
        }
        if problems.is_empty() {
            match step(&services, &Hand::of(&signed), &typed, form.key) {
                Ok(()) => return Ok(None),
                Err(ReleaseError::Wrong(field, why)) => problems.add(field, said(why)),
                Err(error) => {
                    problems.add("", web::Error::from(error).refusal()?.to_string());
                    status = StatusCode::CONFLICT;
                }
            }
        }
        let view = show(&services, &signed, id, typed, problems)?;
        Ok::<_, web::Error>(Some((status, view)))
    })
    .await?;
    match refused {
        None => see_other(format!("/releases/{id}")),
        Some((status, view)) => page_with(status, &view),
    }
}

/// `POST /releases/{id}/gates/{gate}/override`
pub async fn override_gate(
    signed: Signed,
    services: Data<Services>,
    at: Path<(ReleaseId, String)>,
    mut form: Form<StepForm>,
) -> web::Result {
    let (id, gate) = at.into_inner();
    form.data.gate.clone_from(&gate);
    let step = move |services: &Services, hand: &Hand, typed: &StepForm, key| {
        actions::override_gate(services, hand, id, &gate, &typed.over, key)
    };
    take_with(signed, services, id, form, step).await
}

/// `POST /releases/{id}/finish`
pub async fn finish(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<StepForm>,
) -> web::Result {
    let id = id.into_inner();
    let step = move |services: &Services, hand: &Hand, typed: &StepForm, key| {
        actions::finish(services, hand, id, &typed.note, key)
    };
    take_with(signed, services, id, form, step).await
}

/// `POST /releases/{id}/rollback`
pub async fn roll_back(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<StepForm>,
) -> web::Result {
    let id = id.into_inner();
    let step = move |services: &Services, hand: &Hand, typed: &StepForm, key| {
        actions::roll_back(services, hand, id, &typed.to, &typed.reason, key)
    };
    take_with(signed, services, id, form, step).await
}

/// `POST /releases/{id}/abandonment`
pub async fn abandon(
    signed: Signed,
    services: Data<Services>,
    id: Path<ReleaseId>,
    form: Form<StepForm>,
) -> web::Result {
    let id = id.into_inner();
    let step = move |services: &Services, hand: &Hand, typed: &StepForm, key| {
        actions::abandon(services, hand, id, &typed.why, key)
    };
    take_with(signed, services, id, form, step).await
}
