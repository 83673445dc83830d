//! A back-test as pages show it.

use chrono::{DateTime, TimeDelta, Utc};

use super::backtest::{BackTest, Compared, Done};
use super::replay::Firing;
use crate::features::alerts::words::reading;
use crate::features::packs::pack::Rule;
use crate::foundation::web::Lamp;
use crate::foundation::web::format::{counted, duration, percent};

/// A back-test as it is shown.
pub struct Tested {
    pub lamp: Lamp,
    pub sentence: String,
    /// Why it cannot be told, or what else is to be known.
    pub note: String,
    pub facts: Vec<(&'static str, String)>,
    pub since: Option<DateTime<Utc>>,
    /// The newest first.
    pub rows: Vec<FiringRow>,
    /// How many more there are.
    pub more: usize,
    /// When the lamp was lit, and would not have been by this.
    pub unexplained: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    pub is_compared: bool,
}

pub struct FiringRow {
    pub lamp: Lamp,
    pub from: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub lasted: String,
    pub peak: String,
    pub was_fired: bool,
}

/// The most rows of a back-test that a page shows.
const FIRINGS_SHOWN: usize = 50;

impl Tested {
    #[must_use]
    pub fn of(rule: &Rule, tested: &BackTest, compared: Option<&Compared>) -> Self {
        match tested {
            BackTest::Done(done) => Self::done(rule, done, compared),
            BackTest::Empty(grain, kept) => Self::nothing(
                "Nothing is kept yet that could be gone through",
                match kept {
                    Some(kept) => format!("It will be: {grain}, for {}.", days(*kept)),
                    None => format!("It will be: {grain}."),
                },
            ),
            BackTest::NotKept(why) => {
                Self::nothing("This cannot be told from what is kept", why.clone())
            }
        }
    }

    fn nothing(sentence: &str, note: String) -> Self {
        Self {
            lamp: Lamp::Unknown,
            sentence: sentence.to_owned(),
            note,
            facts: Vec::new(),
            since: None,
            rows: Vec::new(),
            more: 0,
            unexplained: Vec::new(),
            is_compared: false,
        }
    }

    fn done(rule: &Rule, done: &Done, compared: Option<&Compared>) -> Self {
        let rows = done.firings.iter().enumerate();
        let rows = rows.map(|(index, firing)| {
            let was_fired = compared.is_some_and(|it| it.fired.get(index) == Some(&true));
            FiringRow::of(rule, firing, done, was_fired)
        });
        let mut rows: Vec<FiringRow> = rows.collect();
        rows.reverse();
        let more = rows.len().saturating_sub(FIRINGS_SHOWN);
        rows.truncate(FIRINGS_SHOWN);
        let worst = done.firings.iter().map(|firing| firing.level).max();
        Self {
            lamp: match worst {
                Some(level) => level.into(),
                // That nothing fired in what little is known is no good news.
                None if done.share() < MOSTLY => Lamp::Unknown,
                None => Lamp::Clear,
            },
            sentence: sentence(done),
            note: done.caveat.clone(),
            facts: facts(done, compared),
            since: Some(done.since),
            rows,
            more,
            unexplained: compared
                .map(|it| it.unexplained.iter().map(|lit| (lit.from, lit.until)))
                .into_iter()
                .flatten()
                .collect(),
            is_compared: compared.is_some(),
        }
    }
}

impl FiringRow {
    fn of(rule: &Rule, firing: &Firing, done: &Done, was_fired: bool) -> Self {
        let peak = firing.peak.as_ref();
        Self {
            lamp: firing.level.into(),
            from: firing.from,
            until: firing.until,
            lasted: length(firing.until.unwrap_or(done.until) - firing.from),
            peak: peak.map_or_else(String::new, |peak| reading(rule, peak, &done.unit)),
            was_fired,
        }
    }
}

/// Where less than this was known, no verdict is without its share.
const MOSTLY: f64 = 0.5;

/// "Would have fired 14 times in 30 days".
fn sentence(done: &Done) -> String {
    let span = match done.span().num_days() {
        29.. => "in 30 days".to_owned(),
        _ if done.is_cut => format!("in the last {}", length(done.span())),
        _ => format!("in the {} that are kept", length(done.span())),
    };
    let known = if done.share() < MOSTLY {
        format!(", of which {} was known", percent(done.share(), 1))
    } else {
        String::new()
    };
    match done.firings.len() {
        0 => format!("Would not have fired {span}{known}"),
        fired => format!("Would have fired {} {span}{known}", times(fired as u64)),
    }
}

/// "30 days", or as long as it is where that is no whole number of them.
fn days(span: TimeDelta) -> String {
    let days = span.num_days();
    if span == TimeDelta::days(days) && days > 0 {
        counted(days.unsigned_abs(), "day", "days")
    } else {
        length(span)
    }
}

fn facts(done: &Done, compared: Option<&Compared>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Kept", done.grain.clone()),
        (
            "Something to read",
            format!("{} of that time", percent(done.share(), 1)),
        ),
    ];
    if !done.firings.is_empty() {
        facts.push(("Lit in all", length(done.lit())));
    }
    if let Some(compared) = compared {
        let before = match compared.before {
            0 => String::new(),
            before => format!(", and {} before that", times(before as u64)),
        };
        let really = format!("{} in that time{before}", times(compared.times as u64));
        facts.push(("Really fired", really));
    }
    facts
}

/// "never", "once", "14 times".
#[must_use]
pub fn times(count: u64) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        many => counted(many, "time", "times"),
    }
}

fn length(span: TimeDelta) -> String {
    duration(span.to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::packs::{file, parameters::Given};
    use crate::foundation::kernel::Level;

    fn rule() -> Rule {
        let source = "[platform]\nid = \"p\"\nname = \"P\"\nversion = \"1\"\n[[rule]]\nid = \"r\"\nname = \"R\"\n\
                      on.indicator = \"i\"\nred = { below = 98 }\n";
        let mut file = file::read(source, &Given::default()).unwrap();
        file.pack.rules.remove(0)
    }

    /// Of a hundred hours so many were known.
    fn done(known_hours: i64, firings: Vec<Firing>) -> Done {
        let until = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        Done {
            firings,
            since: until - TimeDelta::hours(100),
            until,
            known: TimeDelta::hours(known_hours),
            grain: "every report".to_owned(),
            slack: TimeDelta::seconds(10),
            is_cut: false,
            caveat: String::new(),
            unit: String::new(),
        }
    }

    /// With blanks that may break.
    fn plain(text: &str) -> String {
        text.replace(['\u{202f}', '\u{a0}'], " ")
    }

    fn told(done: Done) -> (Lamp, String) {
        let tested = Tested::of(&rule(), &BackTest::Done(done), None);
        (tested.lamp, plain(&tested.sentence))
    }

    #[test]
    fn nothing_fired_in_what_little_is_known_is_no_good_news() {
        assert_eq!(
            told(done(97, Vec::new())),
            (
                Lamp::Clear,
                "Would not have fired in the 4 d 4 h that are kept".to_owned()
            )
        );
        assert_eq!(
            told(done(3, Vec::new())),
            (
                Lamp::Unknown,
                "Would not have fired in the 4 d 4 h that are kept, of which 3 % was known"
                    .to_owned()
            )
        );
        let firing = Firing {
            from: DateTime::UNIX_EPOCH + TimeDelta::days(19_999),
            until: None,
            level: Level::Red,
            peak: None,
        };
        let (lamp, sentence) = told(done(3, vec![firing]));
        assert_eq!(lamp, Lamp::Red);
        assert!(sentence.ends_with("of which 3 % was known"), "{sentence}");
    }

    #[test]
    fn what_is_not_gone_through_as_far_back_as_it_is_kept_is_said() {
        let cut = Done {
            is_cut: true,
            ..done(100, Vec::new())
        };
        assert_eq!(told(cut).1, "Would not have fired in the last 4 d 4 h");
    }

    #[test]
    fn what_is_not_there_yet_will_be_kept_for_as_long_as_it_is() {
        for (kept, said) in [
            (Some(TimeDelta::days(30)), ", for 30 days."),
            (Some(TimeDelta::hours(48)), ", for 2 days."),
            (Some(TimeDelta::hours(36)), ", for 1 d 12 h."),
            (None, "."),
        ] {
            let empty = BackTest::Empty("every result".to_owned(), kept);
            let note = Tested::of(&rule(), &empty, None).note;
            assert_eq!(plain(&note), format!("It will be: every result{said}"));
        }
    }
}
