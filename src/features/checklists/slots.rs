//! Which slots of a list have come, and which of them were missed. Pure.

use chrono::{DateTime, Utc};

use crate::foundation::kernel::Timetable;

/// Looked no further back than this at once: a standstill of weeks is caught up with turn by turn.
const AT_ONCE: usize = 100;

/// The slots that have come since the last one: those that nobody could do any more, and the one that is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Come {
    pub missed: Vec<DateTime<Utc>>,
    pub open: Option<DateTime<Utc>>,
}

/// What has come after `after`, by `now`.
#[must_use]
pub fn come(timetable: &Timetable, after: DateTime<Utc>, now: DateTime<Utc>) -> Come {
    let slots = timetable.after(after).take_while(|slot| *slot <= now);
    let mut missed: Vec<DateTime<Utc>> = slots.take(AT_ONCE).collect();
    let Some(last) = missed.pop() else {
        return Come::default();
    };
    let next = timetable.next(last);
    if next.is_some_and(|next| next <= now) {
        // There are more, so this one was missed as well.
        missed.push(last);
        return Come { missed, open: None };
    }
    Come {
        missed,
        open: Some(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn texts(slots: &[DateTime<Utc>]) -> Vec<String> {
        let text = |slot: &DateTime<Utc>| slot.format("%d %H:%M").to_string();
        slots.iter().map(text).collect()
    }

    fn newly(cron: &str, zone: &str, after: &str, now: &str) -> (Vec<String>, Option<String>) {
        let timetable = Timetable::in_zone(cron, zone).unwrap();
        let come = come(&timetable, at(after), at(now));
        let open = come.open.as_slice();
        (texts(&come.missed), texts(open).pop())
    }

    #[test]
    fn a_slot_comes_once_and_what_a_standstill_left_out_is_missed() {
        let newly = |after, now| newly("0 8 * * *", "UTC", after, now);
        assert_eq!(
            newly("2026-03-02T07:00:00Z", "2026-03-02T07:59:59Z"),
            (vec![], None)
        );
        assert_eq!(
            newly("2026-03-02T07:00:00Z", "2026-03-02T08:00:00Z"),
            (vec![], Some("02 08:00".to_owned()))
        );
        assert_eq!(
            newly("2026-03-02T08:00:00Z", "2026-03-02T20:00:00Z"),
            (vec![], None)
        );
        assert_eq!(
            newly("2026-03-02T08:00:00Z", "2026-03-05T09:00:00Z"),
            (
                vec!["03 08:00".to_owned(), "04 08:00".to_owned()],
                Some("05 08:00".to_owned())
            )
        );
    }

    #[test]
    fn there_is_one_slot_on_the_days_on_which_clocks_change() {
        // 02:30 does not exist on 8 March in New York, and comes twice on 1 November.
        let spring = newly(
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            "2026-03-09T12:00:00Z",
        );
        assert_eq!(
            spring,
            (vec!["08 07:00".to_owned()], Some("09 06:30".to_owned()))
        );
        let autumn = newly(
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            "2026-11-02T12:00:00Z",
        );
        assert_eq!(
            autumn,
            (vec!["01 05:30".to_owned()], Some("02 06:30".to_owned()))
        );
    }

    #[test]
    fn a_long_standstill_is_caught_up_with_turn_by_turn() {
        let timetable = Timetable::in_zone("0 * * * *", "UTC").unwrap();
        let (mut after, now) = (at("2026-03-01T00:30:00Z"), at("2026-03-10T00:30:00Z"));
        let mut all = Vec::new();
        for _ in 0..3 {
            let come = come(&timetable, after, now);
            all.extend(come.missed);
            if let Some(open) = come.open {
                all.push(open);
            }
            after = *all.last().unwrap();
        }
        assert_eq!(all.len(), 9 * 24);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
