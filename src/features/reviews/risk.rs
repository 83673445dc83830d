//! The risk of a subject: named contributions, each with its points, and the band they add up to.
//!
//! All weights come from the policy `kyc.risk`; a case pins the version under which it was opened.
//! A contribution holds codes and points and no personal data, so that it can stand in the open.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The key of the policy's rows.
pub const POLICY: &str = "kyc.risk";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    Low,
    Medium,
    High,
    Prohibited,
}

impl Band {
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Prohibited];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Prohibited => "prohibited",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|band| band.as_str() == text)
    }

    /// High and prohibited: a person looks, and a second one before an approval.
    pub fn needs_review(self) -> bool {
        self >= Self::High
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    Geography,
    Product,
    Occupation,
    Pep,
    Screening,
    ExpectedAmount,
    MissingFacts,
}

/// One reason for the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    pub factor: Factor,
    /// What about the factor, as a code: "residence", "nationality", "possible_hit".
    pub reason: String,
    pub points: u16,
}

/// Points for each value of a factor, and where the bands begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskPolicy {
    pub geography: Geography,
    /// By the platform's code for the product.
    pub products: BTreeMap<String, u16>,
    pub occupations: Vec<OccupationRule>,
    /// A status alone is never high risk: [`RiskPolicy::fault`] holds the policy to it.
    pub pep: u16,
    pub screening: ScreeningPoints,
    /// Monthly amounts by currency; the highest threshold that is reached counts.
    pub amounts: Vec<AmountRule>,
    /// For a currency that no rule speaks of. A missing rate is never zero.
    pub amount_not_comparable: u16,
    pub missing: MissingPoints,
    pub bands: BandStarts,
    pub due_hours: PerBand,
    pub review_months: PerBand,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geography {
    /// By ISO 3166-1 alpha-2 code.
    pub points: BTreeMap<String, u16>,
    pub prohibited: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OccupationRule {
    /// A word or some in a row, found as such in the occupation, whatever the case and number.
    pub word: String,
    pub points: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningPoints {
    pub possible: u16,
    pub exact: u16,
    pub confirmed: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountRule {
    pub currency: String,
    /// Minor units, as text: they may be beyond what JSON numbers hold.
    #[serde(with = "minor_units")]
    pub from_minor: i128,
    pub points: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingPoints {
    pub date_of_birth: u16,
    pub country: u16,
    pub id_number: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandStarts {
    pub medium: u16,
    pub high: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerBand {
    pub low: u16,
    pub medium: u16,
    pub high: u16,
    pub prohibited: u16,
}

impl PerBand {
    pub fn of(self, band: Band) -> u16 {
        match band {
            Band::Low => self.low,
            Band::Medium => self.medium,
            Band::High => self.high,
            Band::Prohibited => self.prohibited,
        }
    }
}

mod minor_units {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(minor: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&minor.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// What of a subject counts.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Facts {
    pub company: bool,
    pub residence: Option<String>,
    pub nationality: Option<String>,
    pub product: Option<String>,
    pub occupation: Option<String>,
    pub pep: bool,
    /// Minor units and currency.
    pub expected_monthly: Option<(i128, String)>,
    pub has_date_of_birth: bool,
    pub has_id_number: bool,
    pub hits: Hits,
    /// No list was in force that the subject could have been compared with.
    pub not_screened: bool,
}

/// The strongest of a subject's hits that nobody has dismissed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hits {
    #[default]
    None,
    Possible,
    Exact,
    Confirmed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    pub score: u16,
    pub band: Band,
    pub contributions: Vec<Contribution>,
}

impl Assessment {
    /// Whether a person who judged one has judged the other: that a list came into force which finds
    /// nothing is no news of the subject.
    pub fn is_like(&self, other: &Self) -> bool {
        let counted = |assessment: &Self| -> Vec<Contribution> {
            let counts = |one: &&Contribution| one.points > 0;
            assessment
                .contributions
                .iter()
                .filter(counts)
                .cloned()
                .collect()
        };
        self.score == other.score && self.band == other.band && counted(self) == counted(other)
    }
}

/// The reason of a contribution without points: nothing speaks against the subject, and nothing for it.
pub const NOT_SCREENED: &str = "not_screened";

const MOST: u16 = 1000;

impl RiskPolicy {
    /// What is wrong with the policy, if anything is.
    pub fn fault(&self) -> Option<&'static str> {
        if self.bands.medium >= self.bands.high {
            Some("medium has to begin below high")
        } else if self.pep >= self.bands.high {
            Some("the status of a PEP alone must not be high risk")
        } else {
            None
        }
    }

    /// Adds up what counts. The same facts under the same policy give the same assessment.
    pub fn assess(&self, facts: &Facts) -> Assessment {
        let mut contributions = self.geography(facts);
        contributions.extend(self.product(facts));
        contributions.extend(self.occupation(facts));
        if facts.pep {
            contributions.push(contribution(Factor::Pep, "declared", self.pep));
        }
        contributions.extend(self.hits(facts.hits));
        if facts.not_screened {
            contributions.push(contribution(Factor::Screening, NOT_SCREENED, 0));
        }
        contributions.extend(self.amount(facts));
        contributions.extend(self.missing(facts));
        contributions.retain(|one| one.points > 0 || one.reason == NOT_SCREENED);
        contributions.sort_by(|a, b| b.points.cmp(&a.points).then(a.factor.cmp(&b.factor)));
        let sum: u32 = contributions.iter().map(|c| u32::from(c.points)).sum();
        let score = u16::try_from(sum).unwrap_or(MOST).min(MOST);
        Assessment {
            score,
            band: self.band(facts, score),
            contributions,
        }
    }

    fn band(&self, facts: &Facts, score: u16) -> Band {
        let countries = [&facts.residence, &facts.nationality];
        let barred = countries
            .into_iter()
            .flatten()
            .any(|code| self.geography.prohibited.contains(code));
        if barred || facts.hits == Hits::Confirmed {
            Band::Prohibited
        } else if score >= self.bands.high {
            Band::High
        } else if score >= self.bands.medium {
            Band::Medium
        } else {
            Band::Low
        }
    }

    fn geography(&self, facts: &Facts) -> Vec<Contribution> {
        let mut found = Vec::new();
        for (reason, code) in [
            ("residence", &facts.residence),
            ("nationality", &facts.nationality),
        ] {
            let Some(code) = code else { continue };
            if reason == "nationality" && facts.residence.as_ref() == Some(code) {
                continue;
            }
            if self.geography.prohibited.contains(code) {
                let reason = format!("{reason}_prohibited");
                found.push(contribution(Factor::Geography, &reason, MOST));
            } else if let Some(points) = self.geography.points.get(code) {
                found.push(contribution(Factor::Geography, reason, *points));
            }
        }
        found
    }

    fn product(&self, facts: &Facts) -> Option<Contribution> {
        let product = facts.product.as_ref()?;
        let points = self.products.get(product)?;
        Some(contribution(Factor::Product, product, *points))
    }

    fn occupation(&self, facts: &Facts) -> Option<Contribution> {
        let occupation = facts.occupation.as_ref()?.to_lowercase();
        let words = words(&occupation);
        let rule = self
            .occupations
            .iter()
            .filter(|rule| holds_words(&words, &rule.word.to_lowercase()))
            .max_by_key(|rule| rule.points)?;
        let reason = rule.word.replace(' ', "_");
        Some(contribution(Factor::Occupation, &reason, rule.points))
    }

    fn hits(&self, hits: Hits) -> Option<Contribution> {
        let (reason, points) = match hits {
            Hits::None => return None,
            Hits::Possible => ("possible_hit", self.screening.possible),
            Hits::Exact => ("exact_hit", self.screening.exact),
            Hits::Confirmed => ("confirmed_hit", self.screening.confirmed),
        };
        Some(contribution(Factor::Screening, reason, points))
    }

    fn amount(&self, facts: &Facts) -> Option<Contribution> {
        let (minor, currency) = facts.expected_monthly.as_ref()?;
        let mut rules = self
            .amounts
            .iter()
            .filter(|rule| rule.currency == *currency)
            .peekable();
        if rules.peek().is_none() {
            let points = self.amount_not_comparable;
            return Some(contribution(
                Factor::ExpectedAmount,
                "not_comparable",
                points,
            ));
        }
        let reached = rules.filter(|rule| *minor >= rule.from_minor);
        let highest = reached.max_by_key(|rule| rule.from_minor)?;
        Some(contribution(
            Factor::ExpectedAmount,
            "over_threshold",
            highest.points,
        ))
    }

    fn missing(&self, facts: &Facts) -> Vec<Contribution> {
        let mut found = Vec::new();
        let mut note = |missing: bool, reason, points| {
            if missing {
                found.push(contribution(Factor::MissingFacts, reason, points));
            }
        };
        let born = facts.company || facts.has_date_of_birth;
        note(!born, "date_of_birth", self.missing.date_of_birth);
        note(facts.residence.is_none(), "country", self.missing.country);
        note(!facts.has_id_number, "id_number", self.missing.id_number);
        found
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether the words of `wanted` stand in `text` one after the other; the last may be a plural.
fn holds_words(text: &[&str], wanted: &str) -> bool {
    let wanted = words(wanted);
    let Some((last, first)) = wanted.split_last() else {
        return false;
    };
    text.windows(wanted.len()).any(|run| {
        let (end, begin) = run.split_last().unwrap_or((&"", &[]));
        begin == first && (end == last || end.strip_suffix('s') == Some(last))
    })
}

fn contribution(factor: Factor, reason: &str, points: u16) -> Contribution {
    Contribution {
        factor,
        reason: reason.to_owned(),
        points: points.min(MOST),
    }
}

#[cfg(test)]
#[path = "risk_tests.rs"]
mod tests;
