//! A subject: one person or company that a platform knows, and what is known about them.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::country::Country;
use crate::foundation::kernel::{Currency, Money};

macro_rules! named_values {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $text:literal $label:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// As people read it.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str() == text)
            }
        }
    };
}

named_values!(
    SubjectKind {
        Person "person" "Person",
        Company "company" "Company",
    }
);

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

named_values!(
    /// Where a subject stands with know-your-customer.
    Status {
        NotStarted "not_started" "Not started",
        Pending "pending" "Pending",
        InReview "in_review" "In review",
        Approved "approved" "Approved",
        Rejected "rejected" "Rejected",
        Expired "expired" "Expired",
    }
);

named_values!(
    /// The band that a risk score falls into.
    Risk {
        Low "low" "Low",
        Medium "medium" "Medium",
        High "high" "High",
        Prohibited "prohibited" "Prohibited",
    }
);

/// Everything that a platform told us about a subject, apart from its kind and its outside id.
///
/// It is stored as one sealed document under the subject's own key, so that destroying the key
/// erases all of it. `Debug` shows nothing, so that it cannot reach a log by accident.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// The name as the platform writes it; never empty.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_names: Option<String>,
    /// Aliases and former names, one each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<NaiveDate>,
    /// Country of residence, or of registration for a company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<Country>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occupation: Option<String>,
    /// North American industry code, two to six digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naics: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_country: Option<Country>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_expires: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// What the account is expected to move in a month.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "amount")]
    pub expected_monthly: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What the platform says; `None` when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pep: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
}

impl Personal {
    /// The name, then the name put together from its parts where that differs, then the others:
    /// every spelling under which the subject may stand on a list.
    pub fn all_names(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if let (Some(given), Some(family)) = (&self.given_names, &self.family_name) {
            names.push(format!("{given} {family}"));
        }
        names.extend(self.other_names.iter().cloned());
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.to_lowercase()));
        names
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

/// Money as it is shown, "1250.00 USD": exact, and readable in an export.
mod amount {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Money;

    #[allow(clippy::ref_option, reason = "serde asks for this signature")]
    pub fn serialize<S: Serializer>(money: &Option<Money>, to: S) -> Result<S::Ok, S::Error> {
        match money {
            Some(money) => to.collect_str(money),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Money>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let (digits, currency) = text
            .split_once(' ')
            .ok_or_else(|| D::Error::custom("an amount without a currency"))?;
        let currency = currency.parse().map_err(D::Error::custom)?;
        Money::parse(digits, currency)
            .map(Some)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_back() {
        let eth = "ETH".parse().unwrap();
        let personal = Personal {
            name: "Ada Example".into(),
            date_of_birth: NaiveDate::from_ymd_opt(1970, 1, 31),
            country: Some("GB".parse().unwrap()),
            expected_monthly: Some(Money::parse("1.000000000000000001", eth).unwrap()),
            currency: Some(eth),
            pep: Some(false),
            ..Personal::default()
        };
        let document = serde_json::to_string(&personal).unwrap();
        assert_eq!(
            serde_json::from_str::<Personal>(&document).unwrap(),
            personal
        );
    }

    #[test]
    fn names_are_listed_once() {
        let personal = Personal {
            name: "Ada Example".into(),
            given_names: Some("Ada".into()),
            family_name: Some("Example".into()),
            other_names: vec!["ada example".into(), "A. Sample".into()],
            ..Personal::default()
        };
        assert_eq!(personal.all_names(), ["Ada Example", "A. Sample"]);
    }

    #[test]
    fn debug_shows_nothing() {
        let personal = Personal {
            name: "Ada Example".into(),
            ..Personal::default()
        };
        assert_eq!(format!("{personal:?}"), "Personal(…)");
    }
}
