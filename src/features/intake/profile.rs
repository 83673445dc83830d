//! What is known of a subject, as pages list it.

use chrono::NaiveDate;

use super::country::Country;
use super::subject::Personal;

pub struct Fact {
    pub name: &'static str,
    pub value: String,
}

/// Headed lists of what is known, empty ones left out.
pub fn facts(personal: &Personal) -> Vec<(&'static str, Vec<Fact>)> {
    let country = |country: Option<Country>| country.map(|c| format!("{} ({c})", c.name()));
    let date = |date: Option<NaiveDate>| date.map(|date| date.format("%-d %B %Y").to_string());
    let pep = personal
        .pep
        .map(|pep| if pep { "Yes" } else { "No" }.to_owned());
    let names = personal.other_names.join("; ");
    let mut facts = vec![
        (
            "Identity",
            list([
                ("Name", Some(personal.name.clone())),
                ("Family name", personal.family_name.clone()),
                ("Given names", personal.given_names.clone()),
                ("Other names", Some(names).filter(|names| !names.is_empty())),
                ("Date of birth", date(personal.date_of_birth)),
                ("Nationality", country(personal.nationality)),
                ("Tax id", personal.tax_id.clone()),
                ("Kind of tax id", personal.tax_id_type.clone()),
                ("Document", personal.id_type.clone()),
                ("Document number", personal.id_number.clone()),
                ("Issued by", country(personal.id_country)),
                ("Document expires", date(personal.id_expires)),
            ]),
        ),
        (
            "Business",
            list([
                ("Occupation", personal.occupation.clone()),
                ("Industry (NAICS)", personal.naics.clone()),
                ("Politically exposed", pep),
                ("Product", personal.product.clone()),
                (
                    "Expected in a month",
                    personal.expected_monthly.map(|money| money.to_string()),
                ),
            ]),
        ),
        (
            "Contact",
            list([
                ("Residence", country(personal.country)),
                ("Street", personal.street.clone()),
                ("City", personal.city.clone()),
                ("State", personal.state.clone()),
                ("Postal code", personal.postal_code.clone()),
                ("Email", personal.email.clone()),
                ("Phone", personal.phone.clone()),
            ]),
        ),
    ];
    facts.retain(|(_, facts)| !facts.is_empty());
    facts
}

fn list<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> Vec<Fact> {
    pairs
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| Fact { name, value }))
        .collect()
}
