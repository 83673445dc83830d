//! What the pages about who is on call show.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::pages::{AHEAD, CoverForm, Everything};
use super::rota::Shift;
use super::store::overrides::PutIn;
use super::words;
use crate::features::packs::pack::{Connector, Contact, ExternalService, Rota, Turn};
use crate::features::packs::store::Item;
use crate::foundation::auth::Signed;
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp, Problems};

/// `GET /on-call`
#[derive(Template)]
#[template(path = "oncall/list.html")]
pub(super) struct List {
    chrome: Chrome,
    verdict: Verdict,
    rotas: Vec<RotaRow>,
    policies: Vec<PolicyRow>,
    contacts: Vec<ContactRow>,
    external: Vec<ExternalRow>,
    untold: Vec<String>,
}

/// All rotas in one sentence.
struct Verdict {
    lamp: Lamp,
    sentence: String,
    detail: String,
}

struct RotaRow {
    id: String,
    name: String,
    platform: String,
    lamp: Lamp,
    who: String,
    /// Why nobody hears, where that is so.
    trouble: Option<&'static str>,
    is_reader: bool,
    reached: String,
    until: DateTime<Utc>,
    next: Option<(String, DateTime<Utc>)>,
}

struct PolicyRow {
    name: String,
    platform: String,
    applies: String,
    words: String,
}

struct ContactRow {
    name: String,
    team: String,
    platform: String,
    email: String,
    endpoint: String,
    phone: String,
    reached: bool,
}

/// Something of somebody else's, and whom one calls about it.
struct ExternalRow {
    name: String,
    platform: String,
    about: String,
    required: bool,
    contact: String,
    email: String,
    phone: String,
    url: String,
    /// Address and name of the connector that asks it.
    connector: Option<(String, String)>,
}

const NOBODY: &str = "nobody";

impl List {
    pub(super) fn of(chrome: Chrome, signed: &Signed, found: &Everything) -> Self {
        let now = chrome.now;
        let rotas: Vec<RotaRow> = found
            .roster
            .rotas
            .iter()
            .map(|rota| RotaRow::of(rota, signed, found, now))
            .collect();
        Self {
            verdict: Verdict::of(&rotas, &found.untold),
            rotas,
            policies: policies(found),
            contacts: found
                .roster
                .contacts
                .iter()
                .map(|it| ContactRow::of(it, found))
                .collect(),
            external: found
                .external
                .iter()
                .map(|it| ExternalRow::of(it, found))
                .collect(),
            untold: found.untold.clone(),
            chrome,
        }
    }

    fn is_empty(&self) -> bool {
        self.rotas.is_empty()
            && self.policies.is_empty()
            && self.contacts.is_empty()
            && self.external.is_empty()
    }
}

impl ExternalRow {
    fn of(item: &Item<ExternalService>, found: &Everything) -> Self {
        let spec = &item.spec;
        let asks = |it: &&Item<Connector>| {
            it.platform == item.platform && spec.connector.as_deref() == Some(it.slug.as_str())
        };
        let connector = found.connectors.iter().find(asks);
        Self {
            name: spec.name.clone(),
            platform: found.platform(item.platform).to_owned(),
            about: spec.about.clone(),
            required: spec.required,
            contact: spec.contact.clone(),
            email: spec.email.clone(),
            phone: spec.phone.clone(),
            url: spec.url.clone(),
            connector: connector.map(|it| (format!("/connectors/{}", it.id), it.name.clone())),
        }
    }

    fn is_reached(&self) -> bool {
        !(self.email.is_empty() && self.phone.is_empty() && self.url.is_empty())
    }
}

impl Verdict {
    fn of(rotas: &[RotaRow], untold: &[String]) -> Self {
        let total = rotas.len() as u64;
        let troubled = rotas.iter().filter(|row| row.trouble.is_some()).count() as u64;
        let reader = rotas.iter().any(|row| row.is_reader);
        let all = counted(total, "rota", "rotas");
        let (lamp, sentence) = match (troubled, total) {
            (0, 0) => (Lamp::Unknown, "No rota says who is on call".to_owned()),
            (0, 1) => (Lamp::Clear, format!("{} is on call", rotas[0].who)),
            (0, _) => (Lamp::Clear, format!("Somebody is on call on all {all}")),
            (1, 1) => (
                Lamp::Red,
                "Nobody can be reached on the one rota".to_owned(),
            ),
            _ => (
                Lamp::Red,
                format!("Nobody can be reached on {troubled} of {all}"),
            ),
        };
        let mut detail = Vec::new();
        if reader {
            detail.push("You are on call.".to_owned());
        }
        if !untold.is_empty() {
            detail.push(format!(
                "Nobody is told of the alerts of {}: no escalation is named.",
                untold.join(", ")
            ));
        }
        Self {
            lamp: if lamp == Lamp::Clear && !untold.is_empty() {
                Lamp::Yellow
            } else {
                lamp
            },
            sentence,
            detail: detail.join(" "),
        }
    }
}

impl RotaRow {
    fn of(rota: &Item<Rota>, signed: &Signed, found: &Everything, now: DateTime<Utc>) -> Self {
        let platform = rota.platform;
        let (shift, next) = found.roster.standing(rota, found.zone(platform), now);
        let contact = contact_of(found, platform, &shift);
        let trouble = match contact {
            None => Some("Nobody is on call"),
            Some(it) if !it.spec.has_address() => Some("No address is given here"),
            Some(_) => None,
        };
        let email = contact.and_then(|it| it.spec.email());
        Self {
            id: rota.id.to_string(),
            name: rota.name.clone(),
            platform: found.platform(platform).to_owned(),
            lamp: if trouble.is_some() {
                Lamp::Red
            } else {
                Lamp::Clear
            },
            who: contact.map_or_else(|| NOBODY.to_owned(), |it| it.name.clone()),
            is_reader: email.is_some_and(|email| email.eq_ignore_ascii_case(&signed.email)),
            reached: contact.map(reached).unwrap_or_default(),
            trouble,
            until: shift.until,
            next: next.map(|next| (name_of(found, platform, &next), next.from)),
        }
    }
}

fn contact_of<'f>(
    found: &'f Everything,
    platform: PlatformId,
    shift: &Shift,
) -> Option<&'f Item<Contact>> {
    found.roster.contact(platform, shift.who.as_deref()?)
}

fn name_of(found: &Everything, platform: PlatformId, shift: &Shift) -> String {
    contact_of(found, platform, shift).map_or_else(|| NOBODY.to_owned(), |it| it.name.clone())
}

/// "ada@bank.example, +1 555 0100"
fn reached(contact: &Item<Contact>) -> String {
    let spec = &contact.spec;
    let ways = [spec.email(), spec.endpoint(), spec.phone()];
    ways.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn policies(found: &Everything) -> Vec<PolicyRow> {
    let row = |policy: &Item<crate::features::packs::pack::Escalation>| {
        let key = (policy.platform, policy.slug.clone());
        let levels = policy
            .spec
            .levels
            .iter()
            .map(|level| format!("{level} alerts"));
        let rules = found.named_by.get(&key).into_iter().flatten();
        let applies: Vec<String> = levels.chain(rules.cloned()).collect();
        PolicyRow {
            name: policy.name.clone(),
            platform: found.platform(policy.platform).to_owned(),
            applies: applies.join(", "),
            words: words::policy(&policy.spec, |target| {
                found.roster.name(policy.platform, target)
            }),
        }
    };
    found.policies.iter().map(row).collect()
}

impl ContactRow {
    fn of(contact: &Item<Contact>, found: &Everything) -> Self {
        let spec = &contact.spec;
        let text = |given: Option<&str>| given.unwrap_or_default().to_owned();
        Self {
            name: contact.name.clone(),
            team: spec.team.clone(),
            platform: found.platform(contact.platform).to_owned(),
            email: text(spec.email()),
            endpoint: text(spec.endpoint()),
            phone: text(spec.phone()),
            reached: spec.has_address(),
        }
    }
}

/// `GET /on-call/{rota}`
#[derive(Template)]
#[template(path = "oncall/one.html")]
pub(super) struct One {
    chrome: Chrome,
    /// Its id; `id` is what the table around the forms is called.
    rota: String,
    name: String,
    platform: String,
    rhythm: String,
    lamp: Lamp,
    verdict: String,
    shifts: Vec<ShiftRow>,
    covers: Vec<CoverRow>,
    choices: Vec<(String, String)>,
    may_act: bool,
    form: CoverForm,
    problems: Problems,
}

pub(super) struct OneParts<'p> {
    pub(super) chrome: Chrome,
    pub(super) rota: &'p Item<Rota>,
    pub(super) found: &'p Everything,
    pub(super) may_act: bool,
    pub(super) form: CoverForm,
    pub(super) problems: Problems,
}

struct ShiftRow {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    who: String,
    is_nobody: bool,
    is_now: bool,
    why: String,
}

struct CoverRow {
    id: String,
    who: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    reason: String,
    by: String,
    /// Whether it can still be taken back; what became of it where it cannot.
    ahead: bool,
    state: String,
}

impl One {
    pub(super) fn of(parts: OneParts<'_>) -> Self {
        let OneParts {
            chrome,
            rota,
            found,
            may_act,
            form,
            problems,
        } = parts;
        let (now, platform) = (chrome.now, rota.platform);
        let zone = found.zone(platform);
        let shifts = found.roster.shifts(rota, zone, now, AHEAD);
        let rows: Vec<ShiftRow> = shifts
            .iter()
            .map(|shift| ShiftRow::of(shift, found, platform, now))
            .collect();
        let first = rows.first();
        let (lamp, verdict) = match first.filter(|row| !row.is_nobody) {
            Some(row) => (Lamp::Clear, format!("{} is on call", row.who)),
            None => (Lamp::Red, "Nobody is on call".to_owned()),
        };
        let put_in = found.roster.put_in.iter().filter(|it| it.rota == rota.id);
        let contacts = found.roster.contacts.iter();
        Self {
            rota: rota.id.to_string(),
            name: rota.name.clone(),
            platform: found.platform(platform).to_owned(),
            rhythm: rhythm(&rota.spec, zone.name()),
            lamp,
            verdict,
            shifts: rows,
            covers: put_in.map(|it| CoverRow::of(it, found, now)).collect(),
            choices: contacts
                .map(|it| (it.slug.clone(), it.name.clone()))
                .collect(),
            may_act,
            form: filled(form, &chrome),
            problems,
            chrome,
        }
    }

    fn is_chosen(&self, slug: &str) -> bool {
        self.form.contact == slug
    }
}

/// A fresh form begins now and ends in a day, to the quarter of an hour.
fn filled(form: CoverForm, chrome: &Chrome) -> CoverForm {
    let typed = [&form.contact, &form.from, &form.until, &form.reason];
    if typed.iter().any(|text| !text.is_empty()) {
        return form;
    }
    let shown = |at: DateTime<Utc>| {
        let local = at.with_timezone(&chrome.zone);
        local.format("%Y-%m-%dT%H:%M").to_string()
    };
    CoverForm {
        from: shown(chrome.now),
        until: shown(chrome.now + TimeDelta::days(1)),
        ..form
    }
}

/// "A week each, handed over at 09:00, America/New_York"
fn rhythm(rota: &Rota, platform: &str) -> String {
    let turn = match rota.turn {
        Turn::Daily => "A day each, handed over".to_owned(),
        Turn::Weekly => format!("A week each, handed over on {}s", rota.start.format("%A")),
    };
    let at = rota.at.format("%H:%M");
    format!("{turn} at {at}, {}", rota.zone(platform))
}

impl ShiftRow {
    fn of(shift: &Shift, found: &Everything, platform: PlatformId, now: DateTime<Utc>) -> Self {
        let why = match &shift.instead {
            None => String::new(),
            Some((_, own)) => {
                let own = own
                    .as_deref()
                    .and_then(|slug| found.roster.contact(platform, slug));
                own.map_or_else(
                    || "put in".to_owned(),
                    |own| format!("put in for {}", own.name),
                )
            }
        };
        Self {
            from: shift.from,
            until: shift.until,
            who: name_of(found, platform, shift),
            is_nobody: contact_of(found, platform, shift).is_none(),
            is_now: shift.from <= now && now < shift.until,
            why,
        }
    }
}

impl CoverRow {
    fn of(cover: &PutIn, found: &Everything, now: DateTime<Utc>) -> Self {
        let mut contacts = found.roster.contacts.iter();
        let contact = contacts.find(|it| it.id == cover.contact);
        let state = match &cover.cancelled {
            Some((_, by)) => format!("cancelled by {by}"),
            None if contact.is_none() => "the pack names them no more".to_owned(),
            None if cover.from <= now => "stands in now".to_owned(),
            None => "to come".to_owned(),
        };
        Self {
            id: cover.id.to_string(),
            who: contact.map_or_else(|| NOBODY.to_owned(), |it| it.name.clone()),
            from: cover.from,
            until: cover.until,
            reason: cover.reason.clone(),
            by: cover.by_name.clone(),
            ahead: cover.is_ahead(now),
            state,
        }
    }
}
