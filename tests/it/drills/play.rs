//! One drill, from all is well to all is well.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, TimeDelta, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use signalbox::features::alerts::store::Alert;
use signalbox::features::notify::notice::{About, State};
use signalbox::features::notify::store::{self as outbox, Told};
use signalbox::foundation::kernel::Level;

use super::stage::Stage;
use super::{Drill, Way};
use crate::oncall::escalation::{acknowledge, deliver, open};

/// What comes together is gathered for so long.
const GATHERED: TimeDelta = TimeDelta::seconds(30);

impl Stage {
    pub async fn run(&mut self, drill: &Drill) {
        self.begin(drill).await;
        let name = format!("{} ({}, {})", drill.rule, drill.shows, drill.level);
        assert_eq!(self.names(), [""; 0], "{name}: all is well at first");
        let broke = self.app.now();
        self.breaks().await;
        if drill.dark > 0 {
            self.look().await;
            self.pass(drill.dark).await;
        }
        let early = self.one(drill.rule).filter(|it| it.level >= drill.level);
        assert_eq!(early, None, "{name}: not before its time");
        self.worsens();
        self.pass(drill.lit - drill.dark).await;
        let alert = self.one(drill.rule);
        let alert =
            alert.unwrap_or_else(|| panic!("{name}: not lit by its time: {:?}", self.names()));
        assert_eq!(alert.level, drill.level, "{name}: {}", alert.summary);
        for other in self.names() {
            let is_known = other == drill.rule || drill.also.contains(&other.as_str());
            assert!(is_known, "{name}: {other} is lit as well");
        }
        self.is_told(drill, &name, &alert, broke);
        let first = self.mailboxes(drill, self.app.now());
        self.leads_to_its_runbook(drill, &name, &alert).await;
        // What is for information is not sent before the morning; of an event whose lamp goes out it is sent all the same.
        let is_news = matches!(drill.breaks, Way::Event(_)) && drill.level == Level::Blue;
        if !is_news {
            deliver(&self.app);
        }

        self.mends().await;
        if matches!(drill.breaks, Way::Event(_)) {
            // From the first look on that finds no other.
            self.pass(2).await;
        }
        self.pass(drill.out).await;
        assert_eq!(self.one(drill.rule), None, "{name}: it goes out");
        let told = self.told(&alert, broke);
        if is_news {
            assert!(
                told.iter().all(|it| it.state == State::Queued),
                "{name}: it is told yet"
            );
            assert!(
                !told.iter().any(is_over),
                "{name}: it happened, and that is not over"
            );
        } else {
            let over = told.iter().filter(|it| is_over(it));
            let over: BTreeSet<String> = over.map(|it| it.to_name.clone()).collect();
            assert!(over.is_superset(&first), "{name}: of its end {over:?}");
        }
        deliver(&self.app);
        self.has_been_seen().await;
    }

    /// A red one stays listed until somebody has seen it.
    async fn has_been_seen(&self) {
        for alert in open(&self.app).iter().filter(|alert| !alert.firing) {
            acknowledge(&self.app, alert).await;
        }
    }

    fn names(&self) -> Vec<String> {
        self.lit().into_iter().map(|(name, _)| name).collect()
    }

    fn one(&self, rule: &str) -> Option<Alert> {
        let mut lit = self.lit().into_iter();
        lit.find(|(name, _)| name == rule).map(|(_, alert)| alert)
    }

    /// What was queued of it since it broke, the first first.
    fn told(&self, alert: &Alert, broke: DateTime<Utc>) -> Vec<Told> {
        let about = About::new("alert", alert.id);
        let told = self
            .app
            .services
            .db
            .read(|conn| outbox::about(conn, &about));
        let mut told = told.unwrap();
        told.retain(|it| it.queued_at >= broke);
        told
    }

    /// Whom the pack names, and when.
    fn is_told(&self, drill: &Drill, name: &str, alert: &Alert, broke: DateTime<Utc>) {
        let told = self.told(alert, broke);
        let to: BTreeSet<String> = told.iter().map(|it| it.to_name.clone()).collect();
        assert_eq!(
            to,
            self.mailboxes(drill, self.app.now()),
            "{name}: who is told"
        );
        let sent_by = match drill.level {
            Level::Blue => self.next_morning(alert.fired_at),
            _ => alert.level_at + GATHERED,
        };
        for notice in &told {
            assert_eq!(notice.link, format!("/alerts/{}", alert.id));
            assert!(
                notice.next_at <= sent_by,
                "{name}: {} after {sent_by}",
                notice.next_at
            );
            assert!(
                drill.level != Level::Blue || notice.next_at == sent_by,
                "{name}: in the morning, and not at {}",
                notice.next_at
            );
        }
    }

    async fn leads_to_its_runbook(&self, drill: &Drill, name: &str, alert: &Alert) {
        let page = self
            .app
            .as_operator()
            .get(&format!("/alerts/{}", alert.id))
            .await;
        assert_eq!(page.heading(), alert.name);
        let Some(runbook) = drill.runbook else {
            assert!(page.says("No runbook leads from this rule."), "{name}");
            return;
        };
        let found = self.pack.runbooks.iter().find(|it| it.id == runbook);
        let title = &found.unwrap_or_else(|| panic!("{name}: {runbook}")).title;
        assert!(page.link(title).starts_with("/runbooks/"), "{name}");
    }

    /// Where those are reached whom the drill names.
    fn mailboxes(&self, drill: &Drill, at: DateTime<Utc>) -> BTreeSet<String> {
        let of = |id: &str| {
            let mut contacts = self.pack.contacts.iter();
            let contact = contacts.find(|it| it.id == id);
            let contact = contact.unwrap_or_else(|| panic!("there is no contact {id}"));
            contact.email.clone().unwrap()
        };
        let each = drill
            .told
            .iter()
            .map(|who| match who.strip_prefix("rota:") {
                Some(rota) => of(self.on_duty(rota, at)),
                None => of(who),
            });
        each.collect()
    }

    /// Whose week it is.
    fn on_duty(&self, rota: &str, at: DateTime<Utc>) -> &str {
        let rota = self.pack.rotas.iter().find(|it| it.id == rota).unwrap();
        let zone: Tz = self.zone();
        let local = at.with_timezone(&zone).naive_local();
        let weeks = (local - rota.start.and_time(rota.at)).num_weeks();
        let turn = usize::try_from(weeks).unwrap() % rota.members.len();
        &rota.members[turn]
    }

    /// Nine in the morning of the next day that is neither Saturday nor Sunday, where the platform is.
    fn next_morning(&self, since: DateTime<Utc>) -> DateTime<Utc> {
        let zone = self.zone();
        let mut day = since.with_timezone(&zone).date_naive() + TimeDelta::days(1);
        while matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
            day += TimeDelta::days(1);
        }
        let nine = day.and_hms_opt(9, 0, 0).unwrap();
        zone.from_local_datetime(&nine).unwrap().to_utc()
    }

    fn zone(&self) -> Tz {
        self.pack.platform.zone.parse().unwrap()
    }
}

fn is_over(told: &Told) -> bool {
    told.title.starts_with("Over: ")
}
