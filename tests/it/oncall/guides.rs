//! One alert of each guide, from what the platform reports to whoever is told: at the right time, until somebody has it in
//! hand, again when they have it no longer, and of its end.

use chrono::TimeDelta;
use signalbox::features::health::actions as health;
use signalbox::features::packs::actions as apply;
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::audit::Actor;

use super::escalation::{acknowledge, after, deliver, heard_that_it_is_over, lit, look, to};
use crate::support::app::TestApp;

/// Every name that a pack gives an address, as if the installation had given it.
pub fn addresses(source: &str) -> Given {
    let named = source
        .split("${")
        .filter_map(|rest| rest.split(":-").next())
        .filter(|name| name.ends_with("_EMAIL") && name.len() < 60);
    let mailbox = |name: &str| {
        let who = name.trim_end_matches("_EMAIL").to_lowercase();
        format!("{}@test.example", who.replace('_', "-"))
    };
    named.map(|name| (name, mailbox(name))).collect()
}

struct Story {
    id: &'static str,
    pack: &'static str,
    /// An indicator with its bad and its good value, or an event.
    indicator: Option<(&'static str, f64, f64)>,
    event: Option<&'static str>,
    /// Who is told at once, and after how many minutes who else.
    first: &'static [&'static str],
    wait: i64,
    then: &'static [&'static str],
}

const STORIES: [Story; 7] = [
    Story {
        id: "RH-9",
        pack: "regtech-horizon",
        indicator: Some(("ncc_qos", 97.4, 99.0)),
        event: None,
        first: &["compliance", "operations"],
        wait: 15,
        then: &["operations", "operations-reserve"],
    },
    Story {
        id: "LT-26",
        pack: "lait",
        indicator: Some(("legal_search_p95", 12.0, 5.0)),
        event: None,
        first: &["system-admin"],
        wait: 60,
        then: &["system-admin"],
    },
    Story {
        id: "FA-1",
        pack: "finaegis",
        indicator: Some(("bank_connectors_open", 2.0, 0.0)),
        event: None,
        first: &["bank-integration", "operations"],
        wait: 15,
        then: &["operations", "operations-reserve"],
    },
    Story {
        id: "FC-22",
        pack: "finchat",
        indicator: Some(("external_latency", 45.0, 5.0)),
        event: None,
        first: &["oncall-first"],
        wait: 60,
        then: &["oncall-second"],
    },
    Story {
        id: "FC-19",
        pack: "finchat",
        indicator: None,
        event: Some("security.incident"),
        first: &["security-team", "oncall-first"],
        wait: 15,
        then: &["team-lead"],
    },
    Story {
        id: "DO-15",
        pack: "debt-os",
        indicator: Some(("app_memory", 90.0, 50.0)),
        event: None,
        first: &["operations"],
        wait: 60,
        then: &["operations"],
    },
    Story {
        id: "our own",
        pack: "signalbox",
        indicator: None,
        event: Some("break_glass.used"),
        first: &["administrator-first"],
        wait: 15,
        then: &["administrator-first", "administrator-second"],
    },
];

impl Story {
    fn report(&self, app: &TestApp, bad: bool) {
        let actor = Actor::command_line("tester");
        if let Some((indicator, wrong, right)) = self.indicator {
            let value = if bad { wrong } else { right };
            let platform = Some(self.pack);
            health::report_indicator(&app.services, &actor, indicator, value, platform).unwrap();
        }
        if let Some(event) = self.event.filter(|_| bad) {
            health::report_event(&app.services, &actor, event, Some(self.pack)).unwrap();
        }
    }

    /// So many minutes in which the condition lasts, looked at as often as it is reported.
    fn last(&self, app: &TestApp, minutes: i64) {
        let mut left = minutes * 60;
        while left > 0 {
            // A longer pause would be a standstill.
            let step = left.clamp(2, 14);
            app.advance(TimeDelta::seconds(step - 2));
            self.report(app, true);
            look(app);
            left -= step;
        }
    }

    async fn tell(&self) {
        let Self { id, .. } = self;
        let app = TestApp::start().await;
        let source = crate::packs::shipped()
            .into_iter()
            .find(|(name, _)| name == &format!("{}.toml", self.pack))
            .unwrap()
            .1
            // Or the end of an event would take a day of looks.
            .replace("keep_firing_for = \"1d\"", "keep_firing_for = \"10m\"");
        let actor = Actor::command_line("tester");
        apply::apply(&app.services, &actor, &source, &addresses(&source)).unwrap();
        // Past the hand-over of that day, wherever it is.
        app.advance(TimeDelta::hours(6));
        look(&app);
        self.report(&app, true);
        look(&app);
        let alert = lit(&app);
        assert_eq!(to(&app, &alert), self.first, "{id}: at once");
        deliver(&app);
        self.last(&app, self.wait - 1);
        assert_eq!(to(&app, &alert).len(), self.first.len(), "{id}: not yet");
        self.last(&app, 1);
        look(&app);
        let before = self.first.len();
        assert_eq!(to(&app, &alert)[before..], *self.then, "{id}: then");
        deliver(&app);

        acknowledge(&app, &alert).await;
        look(&app);
        let told = to(&app, &alert).len();
        self.last(&app, 30);
        assert_eq!(to(&app, &alert).len(), told, "{id}: in hand");
        app.advance(TimeDelta::hours(8) - TimeDelta::minutes(40));
        self.report(&app, true);
        look(&app);
        self.last(&app, 12);
        assert_eq!(
            to(&app, &alert)[told..told + before],
            *self.first,
            "{id}: anew"
        );
        deliver(&app);

        self.report(&app, false);
        if self.event.is_some() {
            // It is lit for ten minutes after it was reported last.
            for _ in 0..65 {
                app.advance(TimeDelta::seconds(8));
                look(&app);
            }
        }
        after(&app, 0);
        let mut over = heard_that_it_is_over(&app, &alert);
        over.sort_unstable();
        let mut heard: Vec<&str> = [self.first, self.then].concat();
        heard.sort_unstable();
        heard.dedup();
        assert_eq!(over, heard, "{id}: of its end");
    }
}

#[actix_web::test]
async fn each_guides_alert_reaches_whom_its_pack_names() {
    for story in &STORIES {
        story.tell().await;
    }
}
