//! What is known of a subject, and why it was flagged, in words.

use crate::features::intake::Personal;
use crate::features::reviews::risk::{Contribution, Factor, NOT_SCREENED};
use crate::foundation::web::format::money;

/// One contribution to the score, in words.
pub struct Flag {
    pub title: &'static str,
    pub what: String,
    pub points: u16,
}

pub(super) fn facts(personal: &Personal) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let parts = [
        &personal.street,
        &personal.postal_code,
        &personal.city,
        &personal.state,
    ];
    let address: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    let rows = [
        ("Name", personal.name.clone()),
        ("Other names", personal.other_names.join("; ")),
        (
            "Born",
            personal
                .date_of_birth
                .map_or_else(String::new, |date| date.format("%-d %b %Y").to_string()),
        ),
        (
            "Residence",
            personal.country.map_or("", |c| c.name()).to_owned(),
        ),
        (
            "Nationality",
            personal.nationality.map_or("", |c| c.name()).to_owned(),
        ),
        ("Occupation", text(&personal.occupation)),
        ("Product", text(&personal.product)),
        (
            "Expected each month",
            personal
                .expected_monthly
                .map_or_else(String::new, |amount| money(&amount)),
        ),
        (
            "PEP",
            match personal.pep {
                Some(true) => "Yes, says the platform",
                Some(false) => "No, says the platform",
                None => "",
            }
            .to_owned(),
        ),
        ("Address", address.join(", ")),
        (
            "Papers",
            personal
                .id_number
                .as_ref()
                .map_or_else(String::new, |number| masked(personal, number)),
        ),
        (
            "Papers expire",
            personal
                .id_expires
                .map_or_else(String::new, |date| date.format("%-d %b %Y").to_string()),
        ),
    ];
    rows.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The end of a number is enough to compare papers; the whole stands on the subject's page.
fn masked(personal: &Personal, number: &str) -> String {
    let end: String = number
        .chars()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let kind = personal.id_type.as_deref().unwrap_or("Number");
    let country = personal.id_country.map_or("", |country| country.code());
    format!("{kind} {country} …{end}")
}

/// Why flagged, in words. The page may say what the event may not: which country it is.
pub(super) fn flag(contribution: &Contribution, personal: Option<&Personal>) -> Flag {
    let country = |of: fn(&Personal) -> Option<crate::features::intake::Country>| {
        personal.and_then(of).map_or("", |country| country.name())
    };
    let (title, what) = match contribution.factor {
        Factor::Geography => (
            "Geography",
            match contribution.reason.as_str() {
                "residence" => format!("Lives in {}", country(|p| p.country)),
                "nationality" => format!("National of {}", country(|p| p.nationality)),
                "residence_prohibited" => {
                    format!("Lives in {}, which is prohibited", country(|p| p.country))
                }
                _ => format!(
                    "National of {}, which is prohibited",
                    country(|p| p.nationality)
                ),
            },
        ),
        Factor::Product => ("Product", contribution.reason.replace('_', " ")),
        Factor::Occupation => ("Occupation", contribution.reason.replace('_', " ")),
        Factor::Pep => ("PEP", "Politically exposed, says the platform".to_owned()),
        Factor::Screening => (
            "Screening",
            match contribution.reason.as_str() {
                NOT_SCREENED => "Not screened: no list is in force".to_owned(),
                "confirmed_hit" => "A confirmed hit".to_owned(),
                "exact_hit" => "A hit with exact name and date".to_owned(),
                _ => "A possible hit".to_owned(),
            },
        ),
        Factor::ExpectedAmount => (
            "Expected amount",
            match contribution.reason.as_str() {
                "not_comparable" => "In a currency without a threshold".to_owned(),
                _ => "Above a threshold of the policy".to_owned(),
            },
        ),
        Factor::MissingFacts => (
            "Missing facts",
            format!("No {}", contribution.reason.replace('_', " ")),
        ),
    };
    Flag {
        title,
        what,
        points: contribution.points,
    }
}
