use proptest::prelude::*;

use super::*;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()
}

fn values(pairs: &[(Column, &str)]) -> Values {
    let mut values = Values::default();
    values.set(Column::ExternalId, "A-1".into());
    values.set(Column::Kind, "person".into());
    values.set(Column::Name, "Ada Example".into());
    for (column, text) in pairs {
        values.set(*column, (*text).into());
    }
    values
}

fn good(pairs: &[(Column, &str)]) -> Row {
    parse(&values(pairs), today()).unwrap()
}

/// The columns that a row with these values is refused for.
fn refused(pairs: &[(Column, &str)]) -> Vec<Column> {
    parse(&values(pairs), today())
        .unwrap_err()
        .into_iter()
        .filter_map(|problem| problem.column)
        .collect()
}

#[test]
fn a_full_row_is_read() {
    let row = good(&[
        (Column::OtherNames, "A. Sample; ; Ada Specimen "),
        (Column::DateOfBirth, "1970-02-28"),
        (Column::Country, "gb"),
        (Column::ExpectedMonthlyAmount, "1250.5"),
        (Column::Currency, "USD"),
        (Column::Pep, "No"),
        (Column::Email, "ada@example.com"),
        (Column::Phone, "+44 (20) 7946-0000"),
    ]);
    assert_eq!(row.external_id, "A-1");
    assert_eq!(row.kind, SubjectKind::Person);
    assert_eq!(row.personal.other_names, ["A. Sample", "Ada Specimen"]);
    assert_eq!(row.personal.expected_monthly.unwrap().minor, 125_050);
    assert_eq!(row.personal.country.unwrap().code(), "GB");
    assert_eq!(row.personal.pep, Some(false));
}

#[test]
fn a_name_is_put_together_where_only_its_parts_are_given() {
    let row = good(&[
        (Column::Name, ""),
        (Column::GivenNames, "Ada"),
        (Column::FamilyName, "Example"),
    ]);
    assert_eq!(row.personal.name, "Ada Example");
    assert_eq!(refused(&[(Column::Name, " ")]), [Column::Name]);
}

#[test]
fn every_problem_of_a_row_is_found() {
    assert_eq!(
        refused(&[
            (Column::ExternalId, ""),
            (Column::Kind, "robot"),
            (Column::DateOfBirth, "1970-02-30"),
            (Column::Country, "UK"),
            (Column::Pep, "maybe"),
        ]),
        [
            Column::ExternalId,
            Column::Kind,
            Column::DateOfBirth,
            Column::Country,
            Column::Pep
        ]
    );
}

#[test]
fn dates_are_real_and_written_one_way() {
    assert!(
        good(&[(Column::DateOfBirth, "2000-02-29")])
            .personal
            .date_of_birth
            .is_some()
    );
    for wrong in [
        "1900-02-29",
        "29.02.2000",
        "2000-2-29",
        "+200-02-29",
        "2026-11-21",
        "0070-01-01",
    ] {
        assert_eq!(
            refused(&[(Column::DateOfBirth, wrong)]),
            [Column::DateOfBirth],
            "{wrong}"
        );
    }
    let expired = good(&[(Column::IdExpires, "2031-01-01")]);
    assert!(
        expired.personal.id_expires.is_some(),
        "an expiry may lie ahead"
    );
}

#[test]
fn an_amount_needs_its_currency_and_not_the_reverse() {
    let amount = Column::ExpectedMonthlyAmount;
    assert_eq!(refused(&[(amount, "10")]), [Column::Currency]);
    assert_eq!(
        good(&[(Column::Currency, "NGN")]).personal.expected_monthly,
        None
    );
    for wrong in ["-1", "1,000", "1.005", "ten", "1e3"] {
        assert_eq!(
            refused(&[(amount, wrong), (Column::Currency, "USD")]),
            [amount],
            "{wrong}"
        );
    }
    assert_eq!(
        refused(&[(amount, "1"), (Column::Currency, "ZZZ")]),
        [Column::Currency]
    );
}

#[test]
fn control_characters_are_refused_and_line_ends_smoothed() {
    assert_eq!(refused(&[(Column::Name, "Ada\0Example")]), [Column::Name]);
    assert_eq!(
        good(&[(Column::Street, "1 Sample Way \r\n  Flat 2")])
            .personal
            .street
            .unwrap(),
        "1 Sample Way Flat 2"
    );
}

#[test]
fn values_that_are_too_long_are_refused() {
    let long = "é".repeat(Column::Name.limit() + 1);
    assert_eq!(refused(&[(Column::Name, &long)]), [Column::Name]);
}

#[test]
fn messages_never_repeat_the_value() {
    let marker = "S3CRET-VALUE";
    for column in Column::ALL {
        if let Err(problems) = parse(&values(&[(column, &format!("{marker}\u{1}"))]), today()) {
            assert!(
                problems
                    .iter()
                    .all(|problem| !problem.message.contains(marker))
            );
        }
    }
}

#[test]
fn addresses_and_numbers_have_a_shape() {
    for wrong in [
        "ada",
        "ada@",
        "@example.com",
        "a da@example.com",
        "ada@example",
        "a@b@example.com",
        "ada@-example.com",
        "ada@example..com",
    ] {
        assert_eq!(
            refused(&[(Column::Email, wrong)]),
            [Column::Email],
            "{wrong}"
        );
    }
    for wrong in ["1234", "12+345", "call me", "1234567890123456"] {
        assert_eq!(
            refused(&[(Column::Phone, wrong)]),
            [Column::Phone],
            "{wrong}"
        );
    }
}

#[test]
fn the_apostrophe_of_our_own_downloads_is_taken_away() {
    let row = good(&[
        (Column::Phone, "'+44 20 7946 0000"),
        (Column::Name, "'t Voorbeeld"),
    ]);
    assert_eq!(row.personal.phone.unwrap(), "+44 20 7946 0000");
    assert_eq!(row.personal.name, "'t Voorbeeld");
}

proptest! {
    /// Whatever stands in the columns, reading ends with a row or with reasons.
    #[test]
    fn reading_never_panics(texts in prop::collection::vec(any::<String>(), Column::ALL.len())) {
        let mut values = Values::default();
        for (column, text) in Column::ALL.into_iter().zip(texts) {
            values.set(column, text);
        }
        match parse(&values, today()) {
            Ok(row) => prop_assert!(!row.personal.name.is_empty() && !row.external_id.is_empty()),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
