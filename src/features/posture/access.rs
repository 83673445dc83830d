//! Who can get in, and with what: people, their grants, API keys.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use crate::foundation::auth::Role;
use crate::foundation::auth::grants::{FEWEST_ADMINISTRATORS, Held};
use crate::foundation::auth::keys::{Key, KeyScope, State};
use crate::foundation::auth::people::Person;
use crate::foundation::auth::roster::Standing;
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::counted;

/// Nobody needs a grant that they have not used for so long.
const STALE: TimeDelta = TimeDelta::days(90);
/// How long an invitation may wait before somebody asks.
const INVITED: TimeDelta = TimeDelta::days(7);
/// How far ahead the ends of administrators' grants are looked at.
const AHEAD: TimeDelta = TimeDelta::days(14);
/// A secret that has been in use for so long wants to be rotated.
const OLD_SECRET: TimeDelta = TimeDelta::days(90);
/// Named one by one up to so many.
const NAMED: usize = 5;

/// One person, with what they hold and how they sign in.
#[derive(Clone, Debug)]
pub struct Holder {
    pub person: Person,
    pub held: Vec<Held>,
    pub standing: Standing,
    pub is_break_glass: bool,
    /// Whether a link for them waits to be used.
    pub has_link: bool,
}

impl Holder {
    fn holds_now(&self, now: DateTime<Utc>) -> bool {
        self.person.disabled_at.is_none() && self.held.iter().any(|held| held.period.counts(now))
    }

    /// Whether they can approve what another administrator proposes.
    fn administers(&self, at: DateTime<Utc>) -> bool {
        let everywhere = |held: &Held| {
            held.role == Role::Administrator && held.scope == Scope::All && held.period.counts(at)
        };
        let able = self.person.disabled_at.is_none() && self.standing.is_enrolled();
        able && !self.is_break_glass && self.held.iter().any(everywhere)
    }

    /// Whether they have stayed away for long, since they were last given something.
    fn is_stale(&self, now: DateTime<Utc>) -> bool {
        let given = self.held.iter().map(|held| held.granted_at).max();
        let since = self.standing.last_seen.max(given);
        !self.is_break_glass && since.is_some_and(|since| now - since > STALE)
    }
}

/// What is known of access reviews and of the sealed account.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oversight {
    pub review_overdue: bool,
    /// Uses of the break-glass account that nobody has reviewed.
    pub unreviewed_uses: usize,
    pub is_demo: bool,
}

/// Findings about people and what they hold.
pub fn people(holders: &[Holder], oversight: Oversight, now: DateTime<Utc>) -> Vec<Finding> {
    let active: Vec<&Holder> = holders.iter().filter(|each| each.holds_now(now)).collect();
    vec![
        passkeys(&active),
        enrolment(&active, now),
        administrators(holders, now),
        stale(&active, now),
        reviews(oversight),
        break_glass(holders, oversight),
        demo_people(holders, oversight),
    ]
}

fn passkeys(active: &[&Holder]) -> Finding {
    const SUBJECT: &str = "Passkeys";
    let without = active
        .iter()
        .filter(|each| each.standing.is_enrolled() && !each.standing.passkey);
    let names: Vec<&str> = without.map(|each| each.person.name.as_str()).collect();
    match named(&names) {
        None => Finding::ok(SUBJECT, "everybody who signs in has one"),
        Some(who) => Finding::warn(
            SUBJECT,
            format!("a fake sign-in page could trick those without one: {who}"),
            "ask them to add a passkey under Your account",
        ),
    }
}

fn enrolment(active: &[&Holder], now: DateTime<Utc>) -> Finding {
    const SUBJECT: &str = "Enrolment";
    let waiting = active.iter().filter(|each| {
        !each.is_break_glass
            && !each.standing.is_enrolled()
            && now - each.person.created_at > INVITED
    });
    let names: Vec<&str> = waiting.map(|each| each.person.name.as_str()).collect();
    match named(&names) {
        None => Finding::ok(
            SUBJECT,
            "nobody has been invited for more than 7 days without coming",
        ),
        Some(who) => Finding::warn(
            SUBJECT,
            format!("hold roles and have not set up their sign-in: {who}"),
            "make a new link for them, or take the roles away",
        ),
    }
}

fn administrators(holders: &[Holder], now: DateTime<Utc>) -> Finding {
    const SUBJECT: &str = "Administrators";
    let able = |at| holders.iter().filter(|each| each.administers(at)).count();
    let (today, soon) = (able(now), able(now + AHEAD));
    let mend = "give the role to somebody else in time, on People or by `signalbox user add --role administrator`";
    let found = counted(today as u64, "can act", "can act");
    if today < FEWEST_ADMINISTRATORS {
        Finding::fail(
            SUBJECT,
            format!("{found}: what needs a second one cannot be approved"),
            mend,
        )
    } else if soon < FEWEST_ADMINISTRATORS {
        Finding::warn(
            SUBJECT,
            format!("{found}, but grants end within 14 days that leave {soon}"),
            mend,
        )
    } else {
        Finding::ok(SUBJECT, found)
    }
}

fn stale(active: &[&Holder], now: DateTime<Utc>) -> Finding {
    const SUBJECT: &str = "Stale grants";
    let unused = active.iter().filter(|each| each.is_stale(now));
    let names: Vec<&str> = unused.map(|each| each.person.name.as_str()).collect();
    match named(&names) {
        None => Finding::ok(SUBJECT, "nobody with a role has stayed away for 90 days"),
        Some(who) => Finding::warn(
            SUBJECT,
            format!("not here for 90 days, with roles: {who}"),
            "take the roles away, or disable the account",
        ),
    }
}

fn reviews(oversight: Oversight) -> Finding {
    const SUBJECT: &str = "Access review";
    if oversight.review_overdue {
        let mend = "answer its lines and sign it";
        Finding::warn(SUBJECT, "this month's is overdue", mend)
    } else {
        Finding::ok(SUBJECT, "none is overdue")
    }
}

fn break_glass(holders: &[Holder], oversight: Oversight) -> Finding {
    const SUBJECT: &str = "Break-glass account";
    let there: Vec<&Holder> = holders
        .iter()
        .filter(|each| each.is_break_glass && each.person.disabled_at.is_none())
        .collect();
    let sealed = there.iter().any(|each| each.has_link);
    match oversight.unreviewed_uses {
        0 if sealed => Finding::ok(
            SUBJECT,
            "one is sealed, and no use of it waits for a review",
        ),
        0 if !there.is_empty() => Finding::warn(
            SUBJECT,
            "its envelope has been opened, or is older than its link",
            "seal a new one with `signalbox user break-glass`, and disable the old account",
        ),
        0 => Finding::warn(
            SUBJECT,
            "there is none: with every administrator away, nobody gets in",
            "`signalbox user break-glass` makes one; keep its link in an envelope",
        ),
        uses => Finding::fail(
            SUBJECT,
            format!("it was used {}, and nobody has reviewed that", times(uses)),
            "read what was done with it, and say what you found",
        ),
    }
}

fn times(count: usize) -> String {
    counted(count as u64, "time", "times")
}

fn demo_people(holders: &[Holder], oversight: Oversight) -> Finding {
    const SUBJECT: &str = "Demo people";
    let there = holders
        .iter()
        .filter(|each| each.person.demo && each.person.disabled_at.is_none());
    match (there.count(), oversight.is_demo) {
        (0, _) => Finding::ok(SUBJECT, "there are none"),
        (_, true) => Finding::warn(
            SUBJECT,
            "this is the demo: the passwords of its people are shown to everybody",
            "keep nothing real in it",
        ),
        (count, false) => Finding::fail(
            SUBJECT,
            format!("{count} accounts have passwords that the demo shows to everybody"),
            "disable them at once with `signalbox user disable`",
        ),
    }
}

/// Findings about API keys.
pub fn keys(keys: &[Key], now: DateTime<Utc>) -> Vec<Finding> {
    const SUBJECT: &str = "API keys";
    let live: Vec<&Key> = keys
        .iter()
        .filter(|key| key.state(now) == State::Live)
        .collect();
    let listed = |wrong: &dyn Fn(&Key) -> bool| {
        let names: Vec<&str> = live
            .iter()
            .filter(|key| wrong(key))
            .map(|key| key.name.as_str())
            .collect();
        named(&names)
    };
    let mut findings = Vec::new();
    // The secret of a key for wall screens is shown to nobody and opens nothing, so it is never rotated.
    let is_old = |key: &Key| {
        now - key.secret_made_at > OLD_SECRET && !key.scopes.contains(&KeyScope::Display)
    };
    if let Some(which) = listed(&is_old) {
        findings.push(Finding::warn(
            SUBJECT,
            format!("a secret older than 90 days: {which}"),
            "rotate it; the old one goes on for as long as you say",
        ));
    }
    let unused = |key: &Key| {
        let since = key.last_used.as_ref().map_or(key.created_at, |used| used.0);
        now - since > STALE
    };
    if let Some(which) = listed(&unused) {
        findings.push(Finding::warn(
            SUBJECT,
            format!("not used for 90 days: {which}"),
            "revoke what nobody needs",
        ));
    }
    if let Some(which) = listed(&|key| key.networks.is_empty()) {
        findings.push(Finding::warn(
            SUBJECT,
            format!("may be used from any address: {which}"),
            "make a new key with the networks that its program calls from",
        ));
    }
    if findings.is_empty() {
        let found = match live.len() {
            0 => "none is live: programs have no way in".to_owned(),
            some => format!("{some} live, none old, idle or open to any address"),
        };
        findings.push(Finding::ok(SUBJECT, found));
    }
    findings
}

/// "Ada, Grace and 3 more". Nothing for nobody.
fn named(names: &[&str]) -> Option<String> {
    let (last, others) = names.split_last()?;
    if names.len() > NAMED {
        let first = names[..NAMED].join(", ");
        return Some(format!("{first} and {} more", names.len() - NAMED));
    }
    Some(if others.is_empty() {
        (*last).to_owned()
    } else {
        format!("{} and {last}", others.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;
    use crate::foundation::auth::Watch;
    use crate::foundation::auth::grants::Period;
    use crate::foundation::kernel::PersonId;
    use chrono::TimeZone;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 20, 9, 0, 0).unwrap()
    }

    fn holder(name: &str, role: Role) -> Holder {
        let long_ago = now() - TimeDelta::days(400);
        Holder {
            person: Person {
                id: PersonId::new(),
                email: format!("{name}@test.example"),
                name: name.to_owned(),
                zone: chrono_tz::UTC,
                demo: false,
                created_at: long_ago,
                disabled_at: None,
            },
            held: vec![Held {
                role,
                scope: Scope::All,
                period: Period {
                    starts_at: long_ago,
                    ends_at: None,
                },
                reason: String::new(),
                watch: Watch::default(),
                proposed_by: None,
                granted_by: "command_line:root".to_owned(),
                granted_at: long_ago,
            }],
            standing: Standing {
                password: true,
                authenticator: true,
                passkey: true,
                sessions: 0,
                break_glass: false,
                last_seen: Some(now() - TimeDelta::days(1)),
            },
            is_break_glass: false,
            has_link: false,
        }
    }

    fn good() -> Vec<Holder> {
        let mut envelope = holder("Envelope", Role::Administrator);
        envelope.is_break_glass = true;
        envelope.has_link = true;
        envelope.standing = Standing::default();
        vec![
            holder("Ada", Role::Administrator),
            holder("Grace", Role::Administrator),
            holder("Otto", Role::Operator),
            envelope,
        ]
    }

    fn complaints(holders: &[Holder], oversight: Oversight) -> Vec<(&'static str, Verdict)> {
        let findings = people(holders, oversight, now());
        let bad = findings.iter().filter(|each| each.verdict > Verdict::Ok);
        bad.map(|each| (each.subject, each.verdict)).collect()
    }

    fn after(change: impl FnOnce(&mut Vec<Holder>)) -> Vec<(&'static str, Verdict)> {
        let mut holders = good();
        change(&mut holders);
        complaints(&holders, Oversight::default())
    }

    #[test]
    fn people_who_are_well_set_up_are_in_order() {
        assert_eq!(after(|_| {}), []);
    }

    #[test]
    fn each_weakness_of_people_is_told() {
        use Verdict::{Fail, Warn};
        assert_eq!(
            after(|all| all[2].standing.passkey = false),
            [("Passkeys", Warn)]
        );
        assert_eq!(
            after(|all| all[2].standing = Standing {
                last_seen: Some(now()),
                ..Standing::default()
            }),
            [("Enrolment", Warn)]
        );
        assert_eq!(
            after(|all| all[2].standing.last_seen = Some(now() - TimeDelta::days(91))),
            [("Stale grants", Warn)]
        );
        assert_eq!(
            after(|all| all[1].held[0].period.ends_at = Some(now() + TimeDelta::days(13))),
            [("Administrators", Warn)]
        );
        assert_eq!(
            after(|all| all[1].person.disabled_at = Some(now())),
            [("Administrators", Fail)]
        );
        assert_eq!(
            after(|all| drop(all.pop())),
            [("Break-glass account", Warn)]
        );
        assert_eq!(
            after(|all| all[3].has_link = false),
            [("Break-glass account", Warn)]
        );
        assert_eq!(
            after(|all| all[2].person.demo = true),
            [("Demo people", Fail)]
        );
    }

    #[test]
    fn a_disabled_person_is_no_stale_one() {
        let gone = after(|all| {
            all[2].person.disabled_at = Some(now());
            all[2].standing = Standing::default();
        });
        assert_eq!(gone, []);
    }

    #[test]
    fn what_waits_for_a_look_is_told() {
        use Verdict::{Fail, Warn};
        let oversight = Oversight {
            review_overdue: true,
            unreviewed_uses: 2,
            is_demo: false,
        };
        let expected = [("Access review", Warn), ("Break-glass account", Fail)];
        assert_eq!(complaints(&good(), oversight), expected);
    }

    #[test]
    fn an_old_secret_wants_rotating_but_that_of_a_wall_has_none_to_rotate() {
        let key = |scope| Key {
            id: "abcdefghijkl".parse().unwrap(),
            name: "Nightly".to_owned(),
            scopes: [scope].into(),
            networks: "10.0.0.0/8".parse().unwrap(),
            reach: Scope::All,
            created_by: "command_line:root".to_owned(),
            created_at: now() - TimeDelta::days(91),
            secret_made_at: now() - TimeDelta::days(91),
            expires_at: now() + TimeDelta::days(200),
            previous_ends_at: None,
            revoked: None,
            last_used: Some((now(), "10.1.0.0/24".to_owned())),
        };
        let verdict = |scope| keys(&[key(scope)], now())[0].verdict;
        assert_eq!(verdict(KeyScope::AlertsRead), Verdict::Warn);
        assert_eq!(verdict(KeyScope::Display), Verdict::Ok);
    }

    #[test]
    fn many_are_named_in_part() {
        assert_eq!(named(&[]), None);
        assert_eq!(named(&["a"]).unwrap(), "a");
        assert_eq!(named(&["a", "b", "c"]).unwrap(), "a, b and c");
        let seven = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(named(&seven).unwrap(), "a, b, c, d, e and 2 more");
    }
}
