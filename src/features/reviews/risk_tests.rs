use super::*;

/// What the migration installs.
fn policy() -> RiskPolicy {
    let migration = include_str!("../../../migrations/2026-11-20-001000_reviews/up.sql");
    let (_, json) = migration
        .split_once("install_policy('kyc.risk', '")
        .unwrap();
    let (json, _) = json.split_once("');").unwrap();
    serde_json::from_str(json).unwrap()
}

fn plain() -> Facts {
    Facts {
        residence: Some("CZ".into()),
        nationality: Some("CZ".into()),
        has_date_of_birth: true,
        has_id_number: true,
        ..Facts::default()
    }
}

#[test]
fn the_installed_policy_is_sound() {
    assert_eq!(policy().fault(), None);
}

#[test]
fn nothing_special_is_low() {
    let assessment = policy().assess(&plain());
    assert_eq!((assessment.score, assessment.band), (0, Band::Low));
    assert!(assessment.contributions.is_empty());
}

#[test]
fn every_contribution_is_named() {
    let assessment = policy().assess(&Facts {
        residence: Some("IR".into()),
        occupation: Some("Casino Operator".into()),
        expected_monthly: Some((6_000_000, "USD".into())),
        hits: Hits::Possible,
        ..plain()
    });
    assert_eq!(assessment.band, Band::High);
    let named: Vec<_> = assessment
        .contributions
        .iter()
        .map(|c| (c.factor, c.reason.as_str(), c.points))
        .collect();
    assert_eq!(
        named,
        [
            (Factor::Geography, "residence", 450),
            (Factor::Screening, "possible_hit", 300),
            (Factor::Occupation, "casino", 150),
            (Factor::ExpectedAmount, "over_threshold", 150),
        ]
    );
    assert_eq!(assessment.score, 1000, "the score is capped");
}

#[test]
fn a_pep_is_not_high_risk_by_status_alone() {
    let assessment = policy().assess(&Facts {
        pep: true,
        ..plain()
    });
    assert!(assessment.band < Band::High);
    assert_eq!(assessment.contributions[0].factor, Factor::Pep);
}

#[test]
fn what_is_barred_is_prohibited() {
    let by_nationality = policy().assess(&Facts {
        nationality: Some("KP".into()),
        ..plain()
    });
    let by_hit = policy().assess(&Facts {
        hits: Hits::Confirmed,
        ..plain()
    });
    assert_eq!(by_nationality.band, Band::Prohibited);
    assert_eq!(by_hit.band, Band::Prohibited);
}

#[test]
fn an_occupation_is_found_by_whole_words() {
    let points = |occupation: &str| {
        let facts = Facts {
            occupation: Some(occupation.into()),
            ..plain()
        };
        policy().assess(&facts).score
    };
    assert_eq!(points("Farms manager"), 0);
    assert_eq!(points("arms dealer"), 250);
    assert_eq!(points("Owner of casinos"), 150);
    assert_eq!(points("licensed Money-Transmitter"), 200);
    assert_eq!(points("money lender, transmitter of news"), 0);
}

#[test]
fn who_was_not_screened_is_said_to_be() {
    let facts = Facts {
        not_screened: true,
        ..plain()
    };
    let assessment = policy().assess(&facts);
    assert_eq!(assessment.contributions[0].reason, NOT_SCREENED);
    assert!(assessment.is_like(&policy().assess(&plain())));
}

#[test]
fn an_amount_without_a_rule_counts_for_something() {
    let assessment = policy().assess(&Facts {
        expected_monthly: Some((1, "CHF".into())),
        ..plain()
    });
    assert_eq!(assessment.contributions[0].reason, "not_comparable");
}

proptest::proptest! {
    #[test]
    fn more_to_worry_about_never_lowers_the_score(
        residence in "[A-Z]{2}", amount in 0_i128..100_000_000, pep: bool,
    ) {
        let calm = Facts { residence: Some(residence), ..plain() };
        let worse = Facts {
            expected_monthly: Some((amount, "USD".into())),
            pep,
            hits: Hits::Exact,
            ..calm.clone()
        };
        let policy = policy();
        proptest::prop_assert!(policy.assess(&worse).score >= policy.assess(&calm).score);
        proptest::prop_assert!(policy.assess(&worse).band >= policy.assess(&calm).band);
    }
}
