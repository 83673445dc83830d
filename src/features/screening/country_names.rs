//! Countries as sanctions lists spell them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::features::intake::Country;

/// Where a list's spelling is not the plain English name.
const SPELLINGS: &[(&str, &str)] = &[
    ("bahamas, the", "BS"),
    ("burma", "MM"),
    ("cape verde", "CV"),
    ("congo, democratic republic of the", "CD"),
    ("congo, republic of the", "CG"),
    ("cote d ivoire", "CI"),
    ("cote d'ivoire", "CI"),
    ("czech republic", "CZ"),
    ("drc", "CD"),
    ("gambia, the", "GM"),
    ("ivory coast", "CI"),
    ("korea, north", "KP"),
    ("korea, south", "KR"),
    ("macau", "MO"),
    ("macedonia, the former yugoslav republic of", "MK"),
    ("north macedonia, the republic of", "MK"),
    ("palestinian", "PS"),
    ("possibly palestinian", "PS"),
    ("region: crimea", "UA"),
    ("region: gaza", "PS"),
    ("region: kafia kingi", "SD"),
    ("region: northern mali", "ML"),
    ("swaziland", "SZ"),
    ("the bahamas", "BS"),
    ("the gambia", "GM"),
    ("turkey", "TR"),
    ("uk", "GB"),
    ("vatican city", "VA"),
    ("vietnam", "VN"),
    ("virgin islands, british", "VG"),
    ("west bank", "PS"),
];

static BY_NAME: LazyLock<HashMap<String, Country>> = LazyLock::new(|| {
    let plain = Country::all().map(|country| (country.name().to_lowercase(), country));
    let listed = SPELLINGS
        .iter()
        .filter_map(|(name, code)| Some(((*name).to_owned(), code.parse().ok()?)));
    plain.chain(listed).collect()
});

/// The country that a list names, if it is one that still has a code.
pub fn country(name: &str) -> Option<Country> {
    BY_NAME.get(&name.trim().to_lowercase()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_lead_to_codes() {
        for (_, code) in SPELLINGS {
            assert!(code.parse::<Country>().is_ok(), "{code}");
        }
        assert_eq!(country("Korea, North").unwrap().code(), "KP");
        assert_eq!(country(" iran ").unwrap().code(), "IR");
        assert_eq!(country("undetermined"), None);
    }
}
