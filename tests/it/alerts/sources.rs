//! Every source that a rule can have, through the database and in ticks of two seconds: how long it has to
//! last, where it clears, what a restart is worth, and what becomes of it without data.

use chrono::TimeDelta;
use diesel::{RunQueryDsl, sql_query};
use signalbox::features::alerts::evaluate;
use signalbox::features::health::actions;
use signalbox::features::packs::pack::Probe;
use signalbox::features::packs::store as packs;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::kernel::Scope;

use super::store;
use crate::packs::apply;
use crate::support::app::TestApp;

const PACK: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "api"
name = "API"

[[probe]]
id = "api"
service = "api"
check.tcp = { address = "localhost:1" }

[[probe]]
id = "host"
service = "api"
check.host = {}

[[indicator]]
id = "load"
name = "Load"
expect_every = "30s"

[[indicator]]
id = "sync"
name = "Sync"

[[event_type]]
id = "done"
name = "Done"

[[event_type]]
id = "other"
name = "Other"

[[rule]]
id = "state"
name = "state"
on.state = "api"
yellow = { is = "down", for = "10s" }

[[rule]]
id = "latency"
name = "latency"
on.latency = "api"
yellow = { above = "2s", clear = "1s", results = 2, for = "10s" }

[[rule]]
id = "measure"
name = "measure"
on.measure = { probe = "host", name = "disk" }
yellow = { above = "90%", clear = "80%", for = "10s" }

[[rule]]
id = "indicator"
name = "indicator"
on.indicator = "load"
yellow = { above = 5, clear = 4, for = "10s" }

[[rule]]
id = "age"
name = "age"
on.age = "sync"
yellow = { above = "10m", clear = "5m", for = "10s" }

[[rule]]
id = "event"
name = "event"
on.event = "done"
blue = {}
keep_firing_for = "10s"
"#;

/// What a source says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Say {
    Bad,
    /// Not past the threshold, and not cleared.
    Between,
    Good,
    Nothing,
}

struct Ground {
    app: TestApp,
    rule: &'static str,
}

impl Ground {
    async fn of(rule: &'static str) -> Self {
        let app = TestApp::start().await;
        apply(&app, PACK);
        let live = app.services.db.read(packs::live::<Probe>).unwrap();
        let probes = live.into_iter().map(|item| (item.id, item)).collect();
        actions::enrol(&app.services, &probes).unwrap();
        Self { app, rule }
    }

    fn sql(&self, text: &str) {
        let now = format!("'{}'::timestamptz", self.app.now().to_rfc3339());
        let mut conn = self.app.db.connect_superuser();
        sql_query(text.replace("now()", &now))
            .execute(&mut conn)
            .unwrap();
    }

    fn probe(&self, slug: &str, set: &str) {
        self.sql(&format!(
            "UPDATE probe_state SET due_at = now() + interval '1 day', {set} FROM pack_item \
             WHERE pack_item.id = probe_id AND slug = '{slug}'"
        ));
    }

    fn report(&self, slug: &str, value: &str, ago: &str) {
        self.sql(
            "UPDATE pack_item SET declared_at = now() - interval '1 day' WHERE kind = 'indicator'",
        );
        self.sql(&format!(
            "DELETE FROM indicator_report USING pack_item WHERE indicator_id = pack_item.id AND slug = '{slug}'"
        ));
        self.sql(&format!(
            "INSERT INTO indicator_report (id, indicator_id, at, value) \
             SELECT gen_random_uuid(), id, now() - interval '{ago}', {value} FROM pack_item WHERE slug = '{slug}'"
        ));
    }

    fn say(&self, say: Say) {
        let of = |bad, between, good, nothing| match say {
            Say::Bad => bad,
            Say::Between => between,
            Say::Good => good,
            Say::Nothing => nothing,
        };
        match self.rule {
            "state" => self.probe(
                "api",
                &format!("state = '{}'", of("down", "down", "up", "unknown")),
            ),
            "latency" => {
                let latencies = of("2500000,2500000", "1500000,1500000", "10,2500000", "");
                self.probe("api", &format!("latencies_us = '{{{latencies}}}'"));
            }
            "measure" => {
                let seen = of("0", "0", "0", "1");
                let share = of("0.95", "0.85", "0.5", "0.95");
                self.probe(
                    "host",
                    &format!(
                        "outcome = 'good', measures = '[[\"disk\", {share}]]', checked_at = now(), \
                         measured_at = now() - interval '{seen} minute'"
                    ),
                );
            }
            "indicator" => {
                let ago = of("1 second", "1 second", "1 second", "61 seconds");
                self.report("load", of("6", "4.5", "3", "6"), ago);
            }
            "age" => self.report(
                "sync",
                "1",
                of("11 minutes", "7 minutes", "1 second", "1 second"),
            ),
            other => panic!("{other}"),
        }
    }

    /// From now on the rule cannot be evaluated.
    fn breaks(&self) {
        self.sql(&format!(
            "UPDATE pack_item SET spec = jsonb_build_object('was', spec) WHERE kind = 'rule' AND slug = '{}'",
            self.rule
        ));
    }

    fn mends(&self) {
        self.sql(&format!(
            "UPDATE pack_item SET spec = spec -> 'was' WHERE kind = 'rule' AND slug = '{}'",
            self.rule
        ));
    }

    /// So many ticks with the same to say.
    fn ticks(&self, say: Say, count: u32) {
        for _ in 0..count {
            self.app.advance(TimeDelta::seconds(2));
            self.say(say);
            evaluate::tick(&self.app.services).unwrap();
        }
    }

    fn lit(&self) -> bool {
        let open = |conn: &mut _| store::open(conn, &Scope::All);
        let open = self.app.services.db.read(open).unwrap();
        open.iter()
            .any(|alert| alert.firing && alert.name == self.rule)
    }
}

const LASTING: [&str; 5] = ["state", "latency", "measure", "indicator", "age"];

#[tokio::test]
async fn each_source_has_to_last_and_goes_out_when_it_clears() {
    for rule in LASTING {
        let ground = Ground::of(rule).await;
        ground.ticks(Say::Good, 2);
        ground.ticks(Say::Bad, 5);
        assert!(!ground.lit(), "{rule}: eight seconds are not ten");
        ground.ticks(Say::Bad, 1);
        assert!(ground.lit(), "{rule}: ten seconds");
        ground.ticks(Say::Between, 3);
        assert!(ground.lit(), "{rule}: it has not cleared");
        ground.ticks(Say::Good, 1);
        assert!(!ground.lit(), "{rule}: it has cleared");
        ground.ticks(Say::Bad, 5);
        assert!(!ground.lit(), "{rule}: the count begins anew");
    }
}

#[tokio::test]
async fn what_is_only_pending_does_not_wait_between_the_thresholds() {
    for rule in ["latency", "measure", "indicator", "age"] {
        let ground = Ground::of(rule).await;
        ground.ticks(Say::Bad, 1);
        ground.ticks(Say::Between, 10);
        assert!(!ground.lit(), "{rule}");
        ground.ticks(Say::Bad, 5);
        assert!(!ground.lit(), "{rule}: the count begins anew");
    }
}

#[tokio::test]
async fn nothing_lasts_while_nobody_looks() {
    for rule in LASTING {
        let ground = Ground::of(rule).await;
        ground.ticks(Say::Bad, 3);
        ground.app.advance(TimeDelta::hours(1));
        ground.ticks(Say::Bad, 2);
        assert!(!ground.lit(), "{rule}: the hour does not count");
        ground.ticks(Say::Bad, 2);
        assert!(ground.lit(), "{rule}: what was seen before it does");
    }
}

#[tokio::test]
async fn without_data_what_is_lit_stays_and_what_is_pending_is_dropped() {
    // An age is always known: what was never reported is as old as its definition.
    for rule in ["state", "latency", "measure", "indicator"] {
        let ground = Ground::of(rule).await;
        ground.ticks(Say::Bad, 3);
        ground.ticks(Say::Nothing, 10);
        assert!(!ground.lit(), "{rule}: nobody saw it last");
        ground.ticks(Say::Bad, 5);
        assert!(!ground.lit(), "{rule}: the count begins anew");
        ground.ticks(Say::Bad, 1);
        ground.ticks(Say::Nothing, 10);
        assert!(ground.lit(), "{rule}: what is lit stays");
        ground.ticks(Say::Good, 1);
        assert!(!ground.lit(), "{rule}");
    }
}

#[tokio::test]
async fn what_is_pending_is_dropped_while_the_rule_cannot_be_evaluated() {
    for rule in LASTING {
        let ground = Ground::of(rule).await;
        ground.ticks(Say::Bad, 3);
        ground.breaks();
        ground.ticks(Say::Bad, 10);
        ground.mends();
        ground.ticks(Say::Bad, 5);
        assert!(!ground.lit(), "{rule}: nobody saw it last");
        ground.ticks(Say::Bad, 1);
        assert!(ground.lit(), "{rule}: the count began anew");
        ground.breaks();
        ground.ticks(Say::Good, 10);
        assert!(ground.lit(), "{rule}: what is lit stays");
    }
}

/// A reconciliation that has never run is late.
#[tokio::test]
async fn what_was_never_reported_is_as_late_as_its_definition_is_old() {
    let ground = Ground::of("age").await;
    for _ in 0..59 {
        ground.app.advance(TimeDelta::seconds(10));
        evaluate::tick(&ground.app.services).unwrap();
    }
    assert!(!ground.lit());
    for _ in 0..4 {
        ground.app.advance(TimeDelta::seconds(10));
        evaluate::tick(&ground.app.services).unwrap();
    }
    assert!(ground.lit());
}

fn event(ground: &Ground, name: &str) {
    let actor = Actor::command_line("tester");
    actions::report_event(&ground.app.services, &actor, name, None).unwrap();
}

fn quiet(ground: &Ground, count: u32) {
    for _ in 0..count {
        ground.app.advance(TimeDelta::seconds(2));
        evaluate::tick(&ground.app.services).unwrap();
    }
}

/// RH-11
#[tokio::test]
async fn an_event_lights_a_lamp_for_a_while_and_again_keeps_it_lit() {
    let ground = Ground::of("event").await;
    quiet(&ground, 2);
    event(&ground, "done");
    quiet(&ground, 1);
    assert!(ground.lit(), "within one tick");
    quiet(&ground, 4);
    event(&ground, "done");
    quiet(&ground, 1);
    assert_eq!(ground.app.events_of("alert.reported_again").len(), 1);
    quiet(&ground, 5);
    assert!(ground.lit(), "ten seconds from the first tick without one");
    ground.app.advance(TimeDelta::hours(1));
    quiet(&ground, 1);
    assert!(ground.lit(), "nobody looked in that hour");
    quiet(&ground, 1);
    assert!(!ground.lit());
    assert_eq!(ground.app.events_of("alert.fired").len(), 1);
    event(&ground, "done");
    quiet(&ground, 1);
    assert!(ground.lit(), "a new one lights it anew");
}

#[tokio::test]
async fn a_rule_that_is_pointed_at_another_event_looks_at_none_that_came_before() {
    let ground = Ground::of("event").await;
    for _ in 0..3 {
        event(&ground, "other");
    }
    quiet(&ground, 1);
    ground.app.advance(TimeDelta::seconds(2));
    apply(
        &ground.app,
        &PACK.replace("on.event = \"done\"", "on.event = \"other\""),
    );
    quiet(&ground, 3);
    assert!(!ground.lit(), "they were there before the rule asked");
    event(&ground, "other");
    quiet(&ground, 1);
    assert!(ground.lit());
}
