//! What stands around a page: navigation, the person, the time, the tokens of its forms.
//!
//! `Chrome` is plain data. The layout reads it and decides nothing; which items a person sees is decided here, from
//! permissions, and an item appears only while its page exists.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::format::{When, capped};
use super::{Board, Count, Duty, Lamp, Place, assets};
use crate::foundation::Services;
use crate::foundation::auth::preferences::Theme;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::config::Mode;

/// A page of the navigation, and so the place at which a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nav {
    Overview,
    Services,
    Connectors,
    Alerts,
    Rules,
    Incidents,
    Queues,
    Heartbeats,
    ServiceLevels,
    Capacity,
    Logs,
    Jobs,
    Deliveries,
    Maintenance,
    Releases,
    OnCall,
    Checklists,
    Runbooks,
    Backups,
    Queue,
    Approvals,
    Subjects,
    Intake,
    ScreeningLists,
    Policy,
    /// For those who hold a grant for reports.
    SarGrants,
    AuditLog,
    Exports,
    Verify,
    People,
    AccessReview,
    Keys,
    Webhooks,
    Posture,
    Packs,
    /// Reached from the person menu; no item of the navigation is lit.
    Account,
}

/// The five groups, in the order of a working day.
const GROUPS: [(&str, &[Nav]); 5] = [
    (
        "Operate",
        &[
            Nav::Overview,
            Nav::Services,
            Nav::Connectors,
            Nav::Alerts,
            Nav::Rules,
            Nav::Incidents,
            Nav::Queues,
            Nav::Heartbeats,
            Nav::ServiceLevels,
            Nav::Capacity,
            Nav::Logs,
            Nav::Jobs,
            Nav::Deliveries,
            Nav::Maintenance,
            Nav::Releases,
            Nav::OnCall,
            Nav::Checklists,
            Nav::Runbooks,
            Nav::Backups,
        ],
    ),
    (
        "Review",
        &[Nav::Queue, Nav::Approvals, Nav::Subjects, Nav::Intake],
    ),
    (
        "Comply",
        &[Nav::ScreeningLists, Nav::Policy, Nav::SarGrants],
    ),
    ("Evidence", &[Nav::AuditLog, Nav::Exports, Nav::Verify]),
    (
        "Manage",
        &[
            Nav::People,
            Nav::AccessReview,
            Nav::Keys,
            Nav::Webhooks,
            Nav::Posture,
            Nav::Packs,
        ],
    ),
];

impl Nav {
    pub fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Services => "Services",
            Self::Connectors => "Connectors",
            Self::Alerts => "Alerts",
            Self::Rules => "Rules",
            Self::Incidents => "Incidents",
            Self::Queues => "Queues",
            Self::Heartbeats => "Heartbeats",
            Self::ServiceLevels => "Service levels",
            Self::Capacity => "Capacity",
            Self::Logs => "Logs",
            Self::Jobs => "Jobs",
            Self::Deliveries => "Deliveries",
            Self::Maintenance => "Maintenance",
            Self::Releases => "Releases",
            Self::OnCall => "On call",
            Self::Checklists => "Checklists",
            Self::Runbooks => "Runbooks",
            Self::Backups => "Backups",
            Self::Queue => "Queue",
            Self::Approvals => "Awaiting my approval",
            Self::Subjects => "Subjects",
            Self::Intake => "Intake",
            Self::ScreeningLists => "Screening lists",
            Self::Policy => "Policy",
            Self::SarGrants => "Grants for reports",
            Self::AuditLog => "Audit log",
            Self::Exports => "Exports",
            Self::Verify => "Verify",
            Self::People => "People",
            Self::AccessReview => "Access review",
            Self::Keys => "API keys",
            Self::Webhooks => "Webhooks",
            Self::Posture => "Security posture",
            Self::Packs => "Packs",
            Self::Account => "Your account",
        }
    }

    pub fn href(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Services => "/services",
            Self::Connectors => "/connectors",
            Self::Alerts => "/alerts",
            Self::Rules => "/rules",
            Self::Incidents => "/incidents",
            Self::Queues => "/queues",
            Self::Heartbeats => "/heartbeats",
            Self::ServiceLevels => "/service-levels",
            Self::Capacity => "/capacity",
            Self::Logs => "/logs",
            Self::Jobs => "/jobs",
            Self::Deliveries => "/deliveries",
            Self::Maintenance => "/maintenance",
            Self::Releases => "/releases",
            Self::OnCall => "/on-call",
            Self::Checklists => "/checklists",
            Self::Runbooks => "/runbooks",
            Self::Backups => "/backups",
            Self::Queue => "/reviews",
            Self::Approvals => "/reviews/approvals",
            Self::Subjects => "/subjects",
            Self::Intake => "/intake",
            Self::ScreeningLists => "/screening/lists",
            Self::Policy => "/policy",
            Self::SarGrants => "/sar/grants",
            Self::AuditLog => "/audit",
            Self::Exports => "/audit/exports",
            Self::Verify => "/audit/verify",
            Self::People => "/people",
            Self::AccessReview => "/people/reviews",
            Self::Keys => "/keys",
            Self::Webhooks => "/webhooks",
            Self::Posture => "/security",
            Self::Packs => "/packs",
            Self::Account => "/account",
        }
    }

    /// The letter after `g` that leads here.
    pub fn key(self) -> Option<char> {
        match self {
            Self::Overview => Some('o'),
            Self::Services => Some('s'),
            Self::Alerts => Some('a'),
            Self::Incidents => Some('n'),
            Self::Queues => Some('z'),
            Self::Heartbeats => Some('b'),
            Self::Logs => Some('g'),
            Self::Jobs => Some('j'),
            Self::Deliveries => Some('d'),
            Self::Releases => Some('r'),
            Self::OnCall => Some('c'),
            Self::Checklists => Some('t'),
            Self::Runbooks => Some('f'),
            Self::Queue => Some('q'),
            Self::Approvals => Some('w'),
            Self::Subjects => Some('p'),
            Self::Intake => Some('i'),
            Self::ScreeningLists => Some('l'),
            Self::Policy => Some('y'),
            Self::AuditLog => Some('e'),
            Self::Connectors
            | Self::Rules
            | Self::ServiceLevels
            | Self::Capacity
            | Self::Maintenance
            | Self::Backups
            | Self::Exports
            | Self::SarGrants
            | Self::AccessReview
            | Self::Account => None,
            Self::Verify => Some('v'),
            Self::People => Some('u'),
            Self::Keys => Some('k'),
            Self::Webhooks => Some('h'),
            Self::Posture => Some('x'),
            Self::Packs => Some('m'),
        }
    }

    /// What a person must be allowed, to be shown the way here.
    fn permission(self) -> Option<Permission> {
        match self {
            Self::Overview
            | Self::Services
            | Self::Connectors
            | Self::Queues
            | Self::Heartbeats
            | Self::ServiceLevels
            | Self::Capacity
            | Self::Backups => Some(Permission::HealthRead),
            Self::Logs => Some(Permission::LogsRead),
            Self::Alerts | Self::Maintenance | Self::OnCall | Self::Runbooks => {
                Some(Permission::AlertsRead)
            }
            Self::Checklists => Some(Permission::ChecklistsRead),
            Self::Releases => Some(Permission::ReleasesRead),
            Self::Incidents => Some(Permission::IncidentsRead),
            Self::Jobs => Some(Permission::JobsRead),
            Self::Deliveries => Some(Permission::NoticesRead),
            Self::Queue => Some(Permission::ReviewsRead),
            Self::Approvals => Some(Permission::ReviewsApprove),
            Self::Subjects | Self::Intake => Some(Permission::SubjectsRead),
            Self::ScreeningLists => Some(Permission::ScreeningRead),
            Self::Policy => Some(Permission::PolicyRead),
            Self::AuditLog => Some(Permission::AuditRead),
            Self::Exports => Some(Permission::AuditExport),
            Self::Verify => Some(Permission::AuditVerify),
            Self::People | Self::AccessReview => Some(Permission::PeopleRead),
            Self::Keys => Some(Permission::KeysRead),
            Self::Webhooks => Some(Permission::WebhooksRead),
            Self::Posture => Some(Permission::SecurityRead),
            Self::Rules | Self::Packs => Some(Permission::PacksRead),
            Self::SarGrants | Self::Account => None,
        }
    }

    fn is_for(self, signed: &Signed) -> bool {
        let permitted = self.permission().is_none_or(|needed| signed.may(needed));
        permitted && (self != Self::SarGrants || !signed.sar.is_empty())
    }
}

/// Everything that the signed-in layout shows.
#[derive(Clone, Debug)]
pub struct Chrome {
    pub title: String,
    pub nav: Vec<NavGroup>,
    pub person: Badge,
    /// The rotas on which the reader is on call.
    pub duties: Vec<Duty>,
    /// How much the reader was told and has not seen, as shown.
    pub unseen: Option<String>,
    pub search: Option<Search>,
    /// For those who see more than one platform.
    pub switch: Option<Switch>,
    pub csrf: String,
    pub notice: Option<Notice>,
    pub demo: bool,
    pub now: DateTime<Utc>,
    /// Where the page's event stream begins.
    pub head: Option<i64>,
    pub zone: Tz,
    pub theme: Theme,
    /// Whether single keys do something.
    pub shortcuts: bool,
    /// Whether the page renews itself while it stands open.
    pub live: bool,
    /// How long the session lasts if nothing more is done; seconds, because a visitor's clock may be wrong.
    pub session_seconds: i64,
}

#[derive(Clone, Debug)]
pub struct NavGroup {
    pub name: &'static str,
    pub items: Vec<NavItem>,
}

#[derive(Clone, Debug)]
pub struct NavItem {
    pub label: &'static str,
    pub href: &'static str,
    pub key: Option<char>,
    pub current: bool,
    pub count: Option<Count>,
}

/// The person, as the menu names them.
#[derive(Clone, Debug)]
pub struct Badge {
    pub name: String,
    pub email: String,
    pub roles: String,
    pub initials: String,
}

/// The platforms of the top bar, and which one is chosen.
#[derive(Clone, Debug)]
pub struct Switch {
    pub chosen: Option<Place>,
    pub platforms: Vec<Place>,
}

impl Switch {
    fn of(signed: &Signed, board: &Board) -> Option<Self> {
        let platforms = board.platforms(&signed.reach_anywhere());
        let chosen = platforms
            .iter()
            .find(|place| signed.platform == Some(place.id))
            .cloned();
        (platforms.len() > 1).then_some(Self { chosen, platforms })
    }

    /// What the closed switch says.
    #[must_use]
    pub fn label(&self) -> &str {
        self.chosen
            .as_ref()
            .map_or("All platforms", |place| place.name.as_str())
    }

    #[must_use]
    pub fn is_chosen(&self, place: &Place) -> bool {
        self.chosen.as_ref() == Some(place)
    }
}

/// The search of the top bar, for those who may look people up.
#[derive(Clone, Debug)]
pub struct Search {
    pub action: &'static str,
    pub label: &'static str,
}

/// One line on top of the page after a change.
#[derive(Clone, Debug)]
pub struct Notice {
    pub lamp: Lamp,
    pub text: String,
}

impl Chrome {
    pub fn new(signed: &Signed, services: &Services, title: impl Into<String>, at: Nav) -> Self {
        let demo = services.config.mode == Mode::Demo;
        Self::dressed(
            signed,
            &services.board,
            services.clock.now(),
            demo,
            title.into(),
            Some(at),
        )
    }

    /// For pages that stand nowhere in the navigation, such as errors.
    pub fn nowhere(signed: &Signed, services: &Services, title: impl Into<String>) -> Self {
        let demo = services.config.mode == Mode::Demo;
        Self::dressed(
            signed,
            &services.board,
            services.clock.now(),
            demo,
            title.into(),
            None,
        )
    }

    /// Without services: what the layout's own tests need.
    #[cfg(test)]
    pub(super) fn for_test(signed: &Signed, now: DateTime<Utc>) -> Self {
        Self::dressed(
            signed,
            &Board::default(),
            now,
            true,
            "Overview".to_owned(),
            Some(Nav::Overview),
        )
    }

    fn dressed(
        signed: &Signed,
        board: &Board,
        now: DateTime<Utc>,
        demo: bool,
        title: String,
        at: Option<Nav>,
    ) -> Self {
        Self {
            title,
            nav: navigation(signed, board, at),
            person: Badge::of(signed),
            duties: board.duties(&signed.email, now),
            unseen: board.unseen(&signed.email).map(capped),
            search: signed.may(Permission::SubjectsRead).then_some(Search {
                action: Nav::Subjects.href(),
                label: "Search subjects",
            }),
            switch: Switch::of(signed, board),
            csrf: signed.csrf.clone(),
            notice: None,
            demo,
            now,
            head: board.head(),
            zone: signed.preferences.zone,
            theme: signed.preferences.theme,
            shortcuts: signed.preferences.shortcuts,
            live: signed.preferences.live,
            session_seconds: (signed.session_ends_at - now).num_seconds().max(0),
        }
    }

    /// Says on top of the page what has just been done.
    #[must_use]
    pub fn notice(mut self, lamp: Lamp, text: impl Into<String>) -> Self {
        self.notice = Some(Notice {
            lamp,
            text: text.into(),
        });
        self
    }

    pub fn asset(&self, name: &str) -> String {
        assets::asset(name)
    }

    /// A fresh idempotency key: one per form and rendering.
    pub fn fresh_key(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// "3 minutes ago".
    pub fn ago(&self, at: &DateTime<Utc>) -> When {
        When::ago(*at, self.now, self.zone)
    }

    /// "20 Nov, 10:03".
    pub fn at(&self, at: &DateTime<Utc>) -> When {
        When::at(*at, self.now, self.zone)
    }

    /// "5 Dec 2026" for what ends with that day.
    pub fn until(&self, end: &DateTime<Utc>) -> When {
        When::until(*end, self.now, self.zone)
    }

    /// "10:03" for moments of today.
    pub fn clock(&self, at: &DateTime<Utc>) -> When {
        When::clock(*at, self.now, self.zone)
    }

    /// "20 Nov, 10:03:22.123", for what comes many times in a minute.
    pub fn precise(&self, at: &DateTime<Utc>) -> When {
        When::precise(*at, self.now, self.zone)
    }

    /// With milliseconds, for the register.
    pub fn exact(&self, at: &DateTime<Utc>) -> When {
        When::exact(*at, self.zone)
    }

    /// "Fri 20 Nov, 10:03 CET": when this page was made, in the reader's zone.
    pub fn made(&self) -> When {
        When::made(self.now, self.zone)
    }
}

fn navigation(signed: &Signed, board: &Board, at: Option<Nav>) -> Vec<NavGroup> {
    GROUPS
        .iter()
        .map(|(name, pages)| NavGroup {
            name,
            items: pages
                .iter()
                .filter(|page| page.is_for(signed))
                .map(|&page| NavItem {
                    label: page.label(),
                    href: page.href(),
                    key: page.key(),
                    current: at == Some(page),
                    count: waiting(signed, board, page),
                })
                .collect(),
        })
        .filter(|group| !group.items.is_empty())
        .collect()
}

/// What waits behind a page, on the platforms that it would show.
fn waiting(signed: &Signed, board: &Board, page: Nav) -> Option<Count> {
    // The count is of all queues together.
    if page == Nav::Queue && signed.watch().queues.is_some() {
        return None;
    }
    let reach = signed.reach_for(page.permission()?);
    board.count(page, &reach.narrowed(signed.platform))
}

impl Badge {
    fn of(signed: &Signed) -> Self {
        let roles: Vec<_> = signed
            .grants
            .iter()
            .map(|grant| grant.role.label())
            .collect();
        Self {
            name: signed.name.clone(),
            email: signed.email.clone(),
            roles: roles.join(", "),
            initials: initials(&signed.name),
        }
    }
}

/// First letters of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first.into_iter().chain(last).collect()
}

/// What stands around a page before there is a session. Such a form carries an idempotency key; its token comes
/// from the page that needs one.
#[derive(Clone, Debug)]
pub struct Door {
    pub title: String,
    pub csrf: String,
    pub demo: bool,
    pub now: DateTime<Utc>,
}

impl Door {
    pub fn new(services: &Services, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            csrf: String::new(),
            demo: services.config.mode == Mode::Demo,
            now: services.clock.now(),
        }
    }

    /// For a half-signed session, whose forms are bound to it already.
    #[must_use]
    pub fn csrf(mut self, token: impl Into<String>) -> Self {
        self.csrf = token.into();
        self
    }

    pub fn asset(&self, name: &str) -> String {
        assets::asset(name)
    }

    pub fn fresh_key(&self) -> Uuid {
        Uuid::now_v7()
    }
}
