//! What of a subject an assessment looks at.

use super::risk::{Band, Facts, Hits};
use crate::features::intake::store::SubjectRecord;
use crate::features::intake::{self, Personal, Risk, SubjectKind};
use crate::features::screening::current::compared_content;
use crate::features::screening::hit::HitStatus;
use crate::foundation::crypto::Keyring;
use crate::foundation::kernel::SubjectId;

/// What of a subject counts for the risk.
pub(super) fn facts(
    kind: SubjectKind,
    personal: &Personal,
    hits: &[(HitStatus, bool)],
    is_screened: bool,
) -> Facts {
    let code = |country: Option<intake::Country>| country.map(|c| c.code().to_owned());
    Facts {
        company: kind == SubjectKind::Company,
        residence: code(personal.country),
        nationality: code(personal.nationality),
        product: personal.product.clone(),
        occupation: personal.occupation.clone(),
        pep: personal.pep == Some(true),
        expected_monthly: personal
            .expected_monthly
            .map(|money| (money.minor, money.currency.code().to_owned())),
        has_date_of_birth: personal.date_of_birth.is_some(),
        has_id_number: personal.id_number.is_some() || personal.tax_id.is_some(),
        hits: strongest(hits),
        not_screened: !is_screened,
    }
}

/// A keyed hash of everything that risk and screening look at, and of nothing else: a new telephone
/// number is no reason to look again. The lists are not in it; what they changed shows in the hits.
pub(super) fn basis(keyring: &Keyring, record: &SubjectRecord, personal: &Personal) -> [u8; 32] {
    let content = (
        compared_content(record.kind, personal),
        &personal.product,
        &personal.occupation,
        personal.pep,
        personal.expected_monthly.map(|money| money.to_string()),
        personal.id_number.is_some() || personal.tax_id.is_some(),
        personal.id_expires,
    );
    let content = serde_json::to_vec(&content).unwrap_or_default();
    keyed(keyring, "reviews.basis", record.id, &content)
}

fn strongest(hits: &[(HitStatus, bool)]) -> Hits {
    let weight = |(status, exact): &(HitStatus, bool)| match (status, exact) {
        (HitStatus::Confirmed, _) => Hits::Confirmed,
        (status, true) if status.is_undecided() => Hits::Exact,
        (status, false) if status.is_undecided() => Hits::Possible,
        _ => Hits::None,
    };
    hits.iter().map(weight).max().unwrap_or_default()
}

pub(super) fn as_risk(band: Band) -> Risk {
    match band {
        Band::Low => Risk::Low,
        Band::Medium => Risk::Medium,
        Band::High => Risk::High,
        Band::Prohibited => Risk::Prohibited,
    }
}

/// A hash that nobody without the key can compare guesses with.
pub(super) fn keyed(
    keyring: &Keyring,
    domain: &str,
    subject: SubjectId,
    content: &[u8],
) -> [u8; 32] {
    keyring.token(domain, &format!("{subject}:{}", hex::encode(content)))
}
