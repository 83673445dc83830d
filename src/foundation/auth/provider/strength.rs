//! Whether a provider has seen two factors, from what it says in `amr` (RFC 8176).

use chrono::{DateTime, Duration, Utc};

/// What somebody shows of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Knowing,
    Having,
    Being,
}

/// Methods of no kind prove nothing here: where somebody is, how risky it looks, what a telephone network carried.
fn kind(method: &str) -> Option<Kind> {
    match method {
        "pwd" | "pin" | "kba" => Some(Kind::Knowing),
        "otp" | "hwk" | "swk" | "pop" | "sc" => Some(Kind::Having),
        "face" | "fpt" | "iris" | "retina" | "vbm" => Some(Kind::Being),
        _ => None,
    }
}

/// Whether these are two factors: the provider says so, or names two methods of different kinds.
#[must_use]
pub fn is_two_factors<'a>(methods: impl IntoIterator<Item = &'a str>) -> bool {
    let mut first = None;
    methods.into_iter().any(|method| {
        let kind = kind(method);
        let differs = matches!((first, kind), (Some(first), Some(kind)) if first != kind);
        first = first.or(kind);
        method == "mfa" || differs
    })
}

/// Whether the provider has seen somebody lately. One that does not say when says nothing.
#[must_use]
pub fn is_recent(at: Option<DateTime<Utc>>, now: DateTime<Utc>, within: Duration) -> bool {
    at.is_some_and(|at| now - at <= within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_methods_of_one_kind_are_one_factor() {
        let counts: [&[&str]; 6] = [
            &["mfa"],
            &["pwd", "otp"],
            &["otp", "pwd", "user"],
            &["hwk", "pin"],
            &["fpt", "swk"],
            &["rba", "pwd", "mfa"],
        ];
        for methods in counts {
            assert!(is_two_factors(methods.iter().copied()), "{methods:?}");
        }
        let falls_short: [&[&str]; 8] = [
            &[],
            &["pwd"],
            &["pwd", "pwd"],
            &["pwd", "pin"],
            &["otp", "hwk"],
            &["pwd", "sms"],
            &["pwd", "user", "geo", "rba", "mca"],
            &["MFA"],
        ];
        for methods in falls_short {
            assert!(!is_two_factors(methods.iter().copied()), "{methods:?}");
        }
    }

    #[test]
    fn a_sign_in_of_yesterday_is_not_one_of_today() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (within, second) = (Duration::hours(12), Duration::seconds(1));
        assert!(is_recent(Some(now - within), now, within));
        assert!(!is_recent(Some(now - within - second), now, within));
        assert!(!is_recent(None, now, within));
    }
}
