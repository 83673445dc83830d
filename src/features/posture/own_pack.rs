//! Whether Signalbox watches itself: without its own pack no lamp is lit for what goes wrong with it.

use super::finding::Finding;
use crate::features::packs::own::Standing;

const SUBJECT: &str = "Own pack";

#[must_use]
pub fn judge(standing: &Standing) -> Finding {
    let mend = "`signalbox pack apply packs/signalbox.toml`, from this version of the program";
    match standing {
        Standing::Missing => Finding::fail(
            SUBJECT,
            "not applied: no lamp is lit and no incident opened when the audit log does not hold",
            mend,
        ),
        Standing::Without(rules) => {
            let names: Vec<&str> = rules.iter().map(String::as_str).collect();
            let found = format!("applied without {}", names.join(", "));
            Finding::warn(SUBJECT, found, mend)
        }
        Standing::Whole(rules) => Finding::ok(SUBJECT, format!("applied, {rules} rules in force")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_rule_that_is_missing_is_named() {
        assert_eq!(judge(&Standing::Missing).verdict, Verdict::Fail);
        assert_eq!(judge(&Standing::Whole(16)).verdict, Verdict::Ok);
        let without = Standing::Without(["sealer-behind".to_owned()].into());
        let finding = judge(&without);
        assert_eq!(finding.verdict, Verdict::Warn);
        assert_eq!(finding.found, "applied without sealer-behind");
    }
}
