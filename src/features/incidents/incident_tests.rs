use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A Wednesday.
fn now() -> DateTime<Utc> {
    at("2026-03-04T10:00:00Z")
}

fn opened(level: Level) -> Incident {
    Incident::open(
        PlatformId::new(),
        "It is down",
        level,
        Cause::Person,
        "Ada",
        now(),
    )
}

fn resolved(level: Level) -> Incident {
    let mut incident = opened(level);
    let later = now() + TimeDelta::hours(1);
    incident.go(State::Resolved, later, Tz::UTC).unwrap();
    incident
}

#[test]
fn every_state_leads_where_it_may_and_nowhere_else() {
    let reach = |from: State, was_red: bool| -> Vec<State> {
        let level = if was_red { Level::Red } else { Level::Yellow };
        let ways = State::ALL.into_iter().filter(|to| {
            let mut incident = opened(level);
            incident.state = from;
            let went = incident.go(*to, now(), Tz::UTC).is_ok();
            assert_eq!(incident.state, if went { *to } else { from });
            went
        });
        ways.collect()
    };
    for was_red in [true, false] {
        assert_eq!(
            reach(State::Open, was_red),
            [State::Mitigated, State::Resolved]
        );
        assert_eq!(
            reach(State::Mitigated, was_red),
            [State::Open, State::Resolved]
        );
        assert_eq!(reach(State::Reviewed, was_red), []);
        assert_eq!(reach(State::Closed, was_red), []);
    }
    assert_eq!(reach(State::Resolved, false), [State::Open, State::Closed]);
    assert_eq!(reach(State::Resolved, true), [State::Open]);
}

#[test]
fn what_was_ever_red_is_closed_by_its_review_alone() {
    let mut incident = opened(Level::Red);
    incident.rate(Level::Yellow).unwrap();
    incident.go(State::Resolved, now(), Tz::UTC).unwrap();
    assert_eq!(
        incident.go(State::Closed, now(), Tz::UTC),
        Err(NotNow::NeedsReview)
    );
    assert!(incident.owes_review());
    incident.reviewed(now()).unwrap();
    assert_eq!(incident.state, State::Reviewed);
    assert_eq!(incident.closed_at, Some(now()));
    assert_eq!(incident.rate(Level::Red), Err(NotNow::Final));
}

#[test]
fn a_review_closes_what_is_resolved() {
    let mut incident = opened(Level::Yellow);
    assert!(incident.reviewed(now()).is_err());
    let mut incident = resolved(Level::Yellow);
    assert!(
        !incident.owes_review(),
        "one that was never red may have one"
    );
    assert_eq!(incident.reviewed(now()), Ok(()));
}

#[test]
fn reopened_it_owes_everything_anew() {
    let mut incident = resolved(Level::Red);
    incident.go(State::Open, now(), Tz::UTC).unwrap();
    assert_eq!(
        (
            incident.resolved_at,
            incident.review_due_at,
            incident.mitigated_at
        ),
        (None, None, None)
    );
    assert!(!incident.is_review_overdue(now() + TimeDelta::days(60)));
}

#[test]
fn times_are_measured_from_the_first_alert() {
    let mut incident = opened(Level::Red);
    assert_eq!(incident.time_to_acknowledge(), None);
    let fired = now() - TimeDelta::minutes(20);
    incident.measure(Some(fired), Some(now() - TimeDelta::minutes(12)));
    assert_eq!(incident.time_to_acknowledge(), Some(TimeDelta::minutes(8)));
    let ada = Commander {
        id: PersonId::new(),
        name: "Ada".to_owned(),
    };
    incident.take(ada, now() + TimeDelta::minutes(5)).unwrap();
    assert_eq!(
        incident.time_to_acknowledge(),
        Some(TimeDelta::minutes(8)),
        "whoever was first"
    );
    let end = now() + TimeDelta::minutes(40);
    incident.go(State::Resolved, end, Tz::UTC).unwrap();
    assert_eq!(incident.time_to_resolve(), Some(TimeDelta::minutes(60)));
}

#[test]
fn an_alert_that_fires_later_and_one_that_is_taken_off_do_not_move_its_beginning() {
    let mut incident = opened(Level::Red);
    incident.measure(Some(now() + TimeDelta::minutes(3)), None);
    assert_eq!(incident.began_at, now());
    let ago = |minutes| Some(now() - TimeDelta::minutes(minutes));
    incident.measure(ago(3), ago(2));
    assert_eq!(incident.time_to_acknowledge(), Some(TimeDelta::minutes(1)));
    incident.measure(None, None);
    assert_eq!(incident.began_at, now());
    assert_eq!(incident.time_to_acknowledge(), None, "that was the alert's");
    let ada = Commander {
        id: PersonId::new(),
        name: "Ada".to_owned(),
    };
    incident.take(ada, now() + TimeDelta::minutes(5)).unwrap();
    incident.measure(ago(3), ago(2));
    assert_eq!(incident.time_to_acknowledge(), Some(TimeDelta::minutes(1)));
    incident.measure(None, None);
    assert_eq!(incident.time_to_acknowledge(), Some(TimeDelta::minutes(5)));
}

#[test]
fn whoever_resolves_what_nobody_took_has_it_in_hand() {
    let incident = resolved(Level::Yellow);
    assert_eq!(incident.time_to_acknowledge(), Some(TimeDelta::hours(1)));
}

#[test]
fn a_review_is_due_at_the_end_of_the_fifth_business_day() {
    let due = |text, zone| review_due(at(text), zone);
    // Wednesday: Thursday, Friday, Monday, Tuesday, Wednesday.
    assert_eq!(
        due("2026-03-04T10:00:00Z", Tz::UTC),
        at("2026-03-12T00:00:00Z")
    );
    // It is Friday there, and Thursday evening counts nothing.
    assert_eq!(
        due("2026-03-05T20:00:00Z", Tz::Pacific__Auckland),
        at("2026-03-13T11:00:00Z")
    );
    // The clocks change on the way.
    assert_eq!(
        due("2026-03-04T10:00:00Z", Tz::America__New_York),
        at("2026-03-12T04:00:00Z")
    );
    let incident = resolved(Level::Red);
    assert!(!incident.is_review_overdue(at("2026-03-12T00:00:00Z")));
    assert!(incident.is_review_overdue(at("2026-03-12T00:00:01Z")));
    assert!(!resolved(Level::Yellow).is_review_overdue(at("2026-04-12T00:00:01Z")));
}

#[test]
fn means_come_with_their_count() {
    assert_eq!(Means::of(&[]), Means::default());
    let time = |ack: i64, end: i64| {
        let after = |minutes| now() + TimeDelta::minutes(minutes);
        (now(), after(ack), after(end))
    };
    let means = Means::of(&[time(2, 10), time(4, 30)]);
    assert_eq!(means.count, 2);
    assert_eq!(means.acknowledge, Some(TimeDelta::minutes(3)));
    assert_eq!(means.resolve, Some(TimeDelta::minutes(20)));
}

#[test]
fn names_lead_back() {
    for state in State::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    for cause in Cause::ALL {
        assert_eq!(cause.as_str().parse(), Ok(cause));
    }
    for source in Source::ALL {
        assert_eq!(source.as_str().parse(), Ok(source));
    }
    assert!("gone".parse::<State>().is_err());
}
