use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Ada, Grace and Edsger in New York, a week each, from Monday 2 March 2026 at nine.
fn weekly() -> Rota {
    Rota {
        members: ["ada", "grace", "edsger"].map(str::to_owned).to_vec(),
        days: 7,
        at: NaiveTime::from_hms_opt(9, 0, 0).unwrap(),
        zone: Tz::America__New_York,
        start: "2026-03-02".parse().unwrap(),
    }
}

fn daily_at(time: &str) -> Rota {
    Rota {
        days: 1,
        at: format!("{time}:00").parse().unwrap(),
        ..weekly()
    }
}

fn who(rota: &Rota, overrides: &[Override], time: &str) -> String {
    let shift = rota.on_call(overrides, at(time));
    shift.who.unwrap_or_else(|| "nobody".to_owned())
}

fn put_in(contact: &str, from: &str, until: &str) -> Override {
    Override {
        id: OverrideId::new(),
        contact: contact.to_owned(),
        from: at(from),
        until: at(until),
    }
}

#[test]
fn a_turn_begins_at_its_hand_over_and_not_a_moment_before() {
    let rota = weekly();
    // Nine o'clock is 14:00 UTC until the clocks go forward on 8 March, and 13:00 after.
    assert_eq!(who(&rota, &[], "2026-03-02T13:59:59.999999Z"), "nobody");
    assert_eq!(who(&rota, &[], "2026-03-02T14:00:00Z"), "ada");
    assert_eq!(who(&rota, &[], "2026-03-09T12:59:59.999999Z"), "ada");
    assert_eq!(who(&rota, &[], "2026-03-09T13:00:00Z"), "grace");
    assert_eq!(who(&rota, &[], "2026-03-16T13:00:00Z"), "edsger");
    assert_eq!(who(&rota, &[], "2026-03-23T13:00:00Z"), "ada", "again");
}

#[test]
fn a_week_in_which_the_clocks_change_is_an_hour_shorter_or_longer() {
    let rota = weekly();
    let length = |time: &str| {
        let shift = rota.on_call(&[], at(time));
        (shift.until - shift.from).num_hours()
    };
    assert_eq!(length("2026-03-03T00:00:00Z"), 7 * 24 - 1);
    assert_eq!(length("2026-03-10T00:00:00Z"), 7 * 24);
    assert_eq!(length("2026-10-27T00:00:00Z"), 7 * 24 + 1);
}

#[test]
fn a_hand_over_that_the_clock_jumps_over_is_at_the_first_moment_after() {
    let rota = daily_at("02:30");
    // On 8 March there is no half past two: at 07:00 UTC it is three.
    let shift = rota.on_call(&[], at("2026-03-08T07:00:00Z"));
    assert_eq!(shift.from, at("2026-03-08T07:00:00Z"));
    assert_eq!(shift.until, at("2026-03-09T06:30:00Z"));
    let before = rota.on_call(&[], at("2026-03-08T06:59:59Z"));
    assert_eq!(before.until, shift.from);
    assert_ne!(before.who, shift.who);
}

#[test]
fn a_hand_over_that_comes_twice_is_taken_the_first_time() {
    let rota = daily_at("01:30");
    let shift = rota.on_call(&[], at("2026-11-01T05:30:00Z"));
    assert_eq!(shift.from, at("2026-11-01T05:30:00Z"));
    let second = rota.on_call(&[], at("2026-11-01T06:30:00Z"));
    assert_eq!(second.who, shift.who);
    assert_eq!(shift.until, at("2026-11-02T06:30:00Z"));
}

#[test]
fn who_is_put_in_stands_in_exactly_as_long_and_the_last_word_holds() {
    let rota = weekly();
    let night = put_in("grace", "2026-03-03T22:00:00Z", "2026-03-04T06:00:00Z");
    let part = put_in("edsger", "2026-03-04T00:00:00Z", "2026-03-04T02:00:00Z");
    let both = [night.clone(), part.clone()];
    for (time, expected) in [
        ("2026-03-03T21:59:59Z", "ada"),
        ("2026-03-03T22:00:00Z", "grace"),
        ("2026-03-04T00:00:00Z", "edsger"),
        ("2026-03-04T02:00:00Z", "grace"),
        ("2026-03-04T06:00:00Z", "ada"),
    ] {
        assert_eq!(who(&rota, &both, time), expected, "{time}");
    }
    let shifts = rota.shifts(
        &both,
        at("2026-03-03T12:00:00Z"),
        at("2026-03-05T00:00:00Z"),
    );
    let told: Vec<_> = shifts.iter().filter_map(|it| it.who.as_deref()).collect();
    assert_eq!(told, ["ada", "grace", "edsger", "grace", "ada"]);
    assert_eq!(shifts[1].instead, Some((night.id, Some("ada".to_owned()))));
    assert_eq!(shifts[2].from, part.from);
    assert_eq!(shifts[4].until, at("2026-03-09T13:00:00Z"));
}

#[test]
fn before_the_first_turn_only_who_was_put_in_is_there() {
    let rota = weekly();
    let early = put_in("grace", "2026-02-20T00:00:00Z", "2026-02-21T00:00:00Z");
    assert_eq!(who(&rota, &[], "2026-02-20T12:00:00Z"), "nobody");
    assert_eq!(who(&rota, &[early], "2026-02-20T12:00:00Z"), "grace");
    let empty = Rota {
        members: Vec::new(),
        ..weekly()
    };
    assert_eq!(who(&empty, &[], "2026-03-10T12:00:00Z"), "nobody");
}

#[test]
fn somebody_alone_is_on_call_without_a_break() {
    let alone = Rota {
        members: vec!["ada".to_owned()],
        ..weekly()
    };
    let (now, next) = alone.standing(&[], at("2026-03-10T12:00:00Z"));
    assert_eq!(now.who.as_deref(), Some("ada"));
    assert!(now.until > at("2026-03-20T00:00:00Z"), "{now:?}");
    assert_eq!(next, None);
    let (_, next) = weekly().standing(&[], at("2026-03-10T12:00:00Z"));
    assert_eq!(next.and_then(|it| it.who).as_deref(), Some("edsger"));
}

proptest::proptest! {
    /// Whoever is asked about, at any moment: shifts follow each other without a hole and without an overlap, and each
    /// moment belongs to the shift that says so.
    #[test]
    fn shifts_leave_no_hole(
        zone in 0..4_usize, days in proptest::sample::select(vec![1_i64, 7]), minute in 0..1440_i64,
        from in 0..400_i64, put in proptest::collection::vec((0..500_i64, 1..100_i64), 0..4), probe in 0..(48 * 60_i64),
    ) {
        let zones = [Tz::UTC, Tz::America__New_York, Tz::Europe__Madrid, Tz::Australia__Lord_Howe];
        let rota = Rota {
            days,
            at: NaiveTime::MIN + TimeDelta::minutes(minute),
            zone: zones[zone],
            ..weekly()
        };
        let begin = at("2026-03-10T00:00:00Z") + TimeDelta::hours(from * 20);
        let overrides: Vec<Override> = put.iter().map(|(offset, length)| Override {
            id: OverrideId::new(),
            contact: "grace".to_owned(),
            from: begin + TimeDelta::hours(*offset),
            until: begin + TimeDelta::hours(offset + length),
        }).collect();
        let end = begin + TimeDelta::days(28);
        let shifts = rota.shifts(&overrides, begin, end);
        proptest::prop_assert!(shifts[0].from <= begin);
        proptest::prop_assert!(shifts[shifts.len() - 1].until >= end);
        for pair in shifts.windows(2) {
            proptest::prop_assert_eq!(pair[0].until, pair[1].from);
        }
        let moment = begin + TimeDelta::minutes(probe);
        let asked = rota.on_call(&overrides, moment);
        let listed = shifts.iter().find(|it| it.from <= moment && moment < it.until).unwrap();
        proptest::prop_assert_eq!(&asked.who, &listed.who);
        let covered = overrides.iter().any(|it| it.from <= moment && moment < it.until);
        proptest::prop_assert_eq!(covered, asked.instead.is_some());
    }
}
