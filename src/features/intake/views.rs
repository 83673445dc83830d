use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Country;
use super::pages::Asked;
use super::store::{Platform, SubjectLine};
use super::subject::{Risk, Status, SubjectKind};
use crate::foundation::web::paging::Page;
use crate::foundation::web::{Chrome, Lamp};

/// A choice of a select box.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        chosen: value == chosen,
    }
}

pub(super) fn platform_choices(platforms: &[Platform], chosen: &str) -> Vec<Choice> {
    platforms
        .iter()
        .map(|platform| choice(&platform.slug, &platform.name, chosen))
        .collect()
}

/// A state in a word, with its lamp.
pub struct Standing {
    pub lamp: Lamp,
    pub word: &'static str,
}

#[derive(Template)]
#[template(path = "intake/subjects.html")]
pub(super) struct Subjects {
    chrome: Chrome,
    asked: Asked,
    /// What was typed, in the clear.
    q: String,
    filtered: bool,
    platforms: Vec<Choice>,
    statuses: Vec<Choice>,
    risks: Vec<Choice>,
    kinds: Vec<Choice>,
    rows: Vec<SubjectRow>,
    next: Option<String>,
    previous: Option<String>,
}

struct SubjectRow {
    line: SubjectLine,
    platform: String,
    status: Standing,
    risk: Option<Standing>,
    country: Option<&'static str>,
}

pub fn status_lamp(status: Status) -> Standing {
    let lamp = match status {
        Status::NotStarted | Status::Pending => Lamp::Unknown,
        Status::InReview => Lamp::Blue,
        Status::Approved => Lamp::Clear,
        Status::Rejected => Lamp::Red,
        Status::Expired => Lamp::Yellow,
    };
    Standing {
        lamp,
        word: status.label(),
    }
}

pub fn risk_lamp(risk: Risk) -> Standing {
    let lamp = match risk {
        Risk::Low => Lamp::Clear,
        Risk::Medium => Lamp::Blue,
        Risk::High => Lamp::Yellow,
        Risk::Prohibited => Lamp::Red,
    };
    Standing {
        lamp,
        word: risk.label(),
    }
}

impl Subjects {
    pub fn new(
        chrome: Chrome,
        asked: Asked,
        q: String,
        platforms: Vec<Platform>,
        page: Page<SubjectLine>,
    ) -> Self {
        let link = |cursor: Option<String>| cursor.map(|cursor| address(&asked, &cursor));
        let name = |id| {
            let found = platforms.iter().find(|platform| platform.id == id);
            found.map_or_else(String::new, |platform| platform.name.clone())
        };
        let filters = [&q, &asked.platform, &asked.status, &asked.risk, &asked.kind];
        Self {
            chrome,
            filtered: filters.iter().any(|text| !text.is_empty()),
            platforms: platform_choices(&platforms, &asked.platform),
            statuses: Status::ALL
                .map(|status| choice(status.as_str(), status.label(), &asked.status))
                .into(),
            risks: Risk::ALL
                .map(|risk| choice(risk.as_str(), risk.label(), &asked.risk))
                .into(),
            kinds: SubjectKind::ALL
                .map(|kind| choice(kind.as_str(), kind.label(), &asked.kind))
                .into(),
            next: link(page.next),
            previous: link(page.previous),
            rows: page
                .items
                .into_iter()
                .map(|line| SubjectRow {
                    platform: name(line.platform),
                    status: status_lamp(line.status),
                    risk: line.risk.map(risk_lamp),
                    country: line
                        .personal
                        .as_ref()
                        .and_then(|personal| personal.country)
                        .map(Country::name),
                    line,
                })
                .collect(),
            asked,
            q,
        }
    }
}

/// The list's state lives in its address, what was typed sealed.
pub(super) fn address(asked: &Asked, cursor: &str) -> String {
    let pairs = [
        ("search", asked.search.as_str()),
        ("q", &asked.q),
        ("platform", &asked.platform),
        ("status", &asked.status),
        ("risk", &asked.risk),
        ("kind", &asked.kind),
        ("cursor", cursor),
    ];
    let query: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    if query.is_empty() {
        return "/subjects".to_owned();
    }
    format!("/subjects?{}", query.join("&"))
}
