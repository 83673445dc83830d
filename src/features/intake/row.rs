//! One row of a subjects file: from the texts of its columns to a subject, or to what is wrong.
//!
//! A problem names the column and says what to do. It never repeats the value: messages are kept
//! and shown in the clear, values are not.

use chrono::{Datelike, NaiveDate};

use super::column::{Column, Values};
use super::country::Country;
use super::currency;
use super::subject::{Personal, SubjectKind};
use crate::foundation::kernel::{Currency, Money, MoneyError};

/// A row that says what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub external_id: String,
    pub kind: SubjectKind,
    pub personal: Personal,
}

/// One thing that is wrong with a row, in words for the person who has to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `None` when the row as a whole is meant.
    pub column: Option<Column>,
    pub message: String,
}

impl Problem {
    pub fn row(message: impl Into<String>) -> Self {
        Self {
            column: None,
            message: message.into(),
        }
    }

    pub fn of(column: Column, message: impl Into<String>) -> Self {
        Self {
            column: Some(column),
            message: message.into(),
        }
    }
}

/// Reads a row. `today` bounds dates of birth. All problems are found, not only the first.
pub fn parse(values: &Values, today: NaiveDate) -> Result<Row, Vec<Problem>> {
    let mut reader = Reader {
        values,
        problems: Vec::new(),
    };
    let external_id = reader.required(Column::ExternalId);
    let kind = reader.kind();
    let personal = reader.personal(today);
    match (external_id, kind) {
        (Some(external_id), Some(kind)) if reader.problems.is_empty() => Ok(Row {
            external_id,
            kind,
            personal,
        }),
        _ => Err(reader.problems),
    }
}

struct Reader<'a> {
    values: &'a Values,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn personal(&mut self, today: NaiveDate) -> Personal {
        let family_name = self.text(Column::FamilyName);
        let given_names = self.text(Column::GivenNames);
        let (expected_monthly, currency) = self.amount();
        Personal {
            name: self.name(given_names.as_deref(), family_name.as_deref()),
            family_name,
            given_names,
            other_names: self.other_names(),
            date_of_birth: self.date_of_birth(today),
            country: self.country(Column::Country),
            nationality: self.country(Column::Nationality),
            occupation: self.text(Column::Occupation),
            naics: self.naics(),
            tax_id: self.text(Column::TaxId),
            tax_id_type: self.text(Column::TaxIdType),
            id_type: self.text(Column::IdType),
            id_number: self.text(Column::IdNumber),
            id_country: self.country(Column::IdCountry),
            id_expires: self.date(Column::IdExpires),
            product: self.text(Column::Product),
            expected_monthly,
            currency,
            pep: self.yes_or_no(Column::Pep),
            email: self.email(),
            phone: self.phone(),
            street: self.text(Column::Street),
            city: self.text(Column::City),
            state: self.text(Column::State),
            postal_code: self.text(Column::PostalCode),
        }
    }

    fn fail(&mut self, column: Column, message: impl Into<String>) {
        self.problems.push(Problem::of(column, message));
    }

    /// The value, tidied: runs of white space with a line end or tab in them become one space.
    fn text(&mut self, column: Column) -> Option<String> {
        match tidy(self.values.get(column)?, column.limit()) {
            Ok(text) => text,
            Err(message) => {
                self.fail(column, message);
                None
            }
        }
    }

    fn required(&mut self, column: Column) -> Option<String> {
        let before = self.problems.len();
        let text = self.text(column);
        if text.is_none() && self.problems.len() == before {
            self.fail(column, "is empty; every row needs one");
        }
        text
    }

    /// Parses what is there with `read`; on failure says `message`.
    fn parsed<T>(
        &mut self,
        column: Column,
        message: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(column)?;
        let value = read(&text);
        if value.is_none() {
            self.fail(column, message);
        }
        value
    }

    fn kind(&mut self) -> Option<SubjectKind> {
        let text = self.required(Column::Kind)?;
        let kind = SubjectKind::parse(&text.to_ascii_lowercase());
        if kind.is_none() {
            self.fail(Column::Kind, "is neither \"person\" nor \"company\"");
        }
        kind
    }

    fn name(&mut self, given: Option<&str>, family: Option<&str>) -> String {
        let before = self.problems.len();
        let name = self.text(Column::Name).or_else(|| match (given, family) {
            (Some(given), Some(family)) => Some(format!("{given} {family}")),
            (given, family) => given.or(family).map(str::to_owned),
        });
        if name.is_none() && self.problems.len() == before {
            self.fail(
                Column::Name,
                "is empty, and so are family_name and given_names",
            );
        }
        name.unwrap_or_default()
    }

    fn other_names(&mut self) -> Vec<String> {
        self.text(Column::OtherNames)
            .iter()
            .flat_map(|text| text.split(';'))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn date(&mut self, column: Column) -> Option<NaiveDate> {
        self.parsed(
            column,
            "is not a real date written as 2001-12-31",
            read_date,
        )
    }

    fn date_of_birth(&mut self, today: NaiveDate) -> Option<NaiveDate> {
        let date = self.date(Column::DateOfBirth)?;
        if date > today {
            self.fail(Column::DateOfBirth, "lies in the future");
        } else if date.year() < 1800 {
            self.fail(Column::DateOfBirth, "lies before the year 1800");
        }
        Some(date)
    }

    fn country(&mut self, column: Column) -> Option<Country> {
        self.parsed(
            column,
            "is not a country code of two letters (ISO 3166), such as GB",
            |text| text.parse().ok(),
        )
    }

    fn naics(&mut self) -> Option<String> {
        self.parsed(
            Column::Naics,
            "is not an industry code of two to six digits",
            |text| {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                (digits && (2..=6).contains(&text.len())).then(|| text.to_owned())
            },
        )
    }

    fn amount(&mut self) -> (Option<Money>, Option<Currency>) {
        let currency = self.parsed(
            Column::Currency,
            "is not a currency code (ISO 4217), such as USD",
            currency::read,
        );
        let Some(text) = self.text(Column::ExpectedMonthlyAmount) else {
            return (None, currency);
        };
        let Some(currency) = currency else {
            if self.values.get(Column::Currency).is_none() {
                self.fail(Column::Currency, "is empty, but there is an amount");
            }
            return (None, None);
        };
        match Money::parse(&text, currency) {
            Ok(money) if money.minor < 0 => {
                self.fail(Column::ExpectedMonthlyAmount, "is below zero");
                (None, Some(currency))
            }
            Ok(money) => (Some(money), Some(currency)),
            Err(error) => {
                self.fail(Column::ExpectedMonthlyAmount, amount_message(&error));
                (None, Some(currency))
            }
        }
    }

    fn yes_or_no(&mut self, column: Column) -> Option<bool> {
        self.parsed(column, "is neither \"yes\" nor \"no\"", |text| {
            match text.to_ascii_lowercase().as_str() {
                "yes" | "true" => Some(true),
                "no" | "false" => Some(false),
                _ => None,
            }
        })
    }

    fn email(&mut self) -> Option<String> {
        self.parsed(
            Column::Email,
            "is not an e-mail address, such as ada@example.com",
            |text| looks_like_email(text).then(|| text.to_owned()),
        )
    }

    fn phone(&mut self) -> Option<String> {
        self.parsed(
            Column::Phone,
            "is not a phone number: 5 to 15 digits, with + ( ) - . and spaces",
            |text| looks_like_phone(text).then(|| text.to_owned()),
        )
    }
}

/// `Ok(None)` for an empty value.
fn tidy(text: &str, limit_chars: usize) -> Result<Option<String>, String> {
    let text = unquote_cell(text.trim());
    let mut tidied = String::with_capacity(text.len());
    let mut gap = false;
    for character in text.chars() {
        match character {
            '\r' | '\n' | '\t' => gap = true,
            ' ' if gap => {}
            character if character.is_control() => {
                return Err(format!(
                    "holds the control character U+{:04X}; remove it",
                    u32::from(character)
                ));
            }
            character => {
                if gap {
                    tidied.truncate(tidied.trim_end().len());
                    tidied.push(' ');
                    gap = false;
                }
                tidied.push(character);
            }
        }
    }
    let length = tidied.chars().count();
    if length > limit_chars {
        return Err(format!(
            "has {length} characters; at most {limit_chars} are kept"
        ));
    }
    Ok((!tidied.is_empty()).then_some(tidied))
}

/// Our own downloads put an apostrophe before a cell that a spreadsheet would run as a formula.
/// Taking it away again lets a corrected download be sent back as it is.
fn unquote_cell(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => text,
    }
}

/// Only the extended ISO 8601 form: what another form means differs from place to place.
fn read_date(text: &str) -> Option<NaiveDate> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shape
        .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .flatten()
}

fn amount_message(error: &MoneyError) -> String {
    match error {
        MoneyError::TooPrecise {
            currency, exponent, ..
        } => format!("has more than the {exponent} decimal digits of {currency}"),
        MoneyError::TooLarge(_) => "is too large".into(),
        _ => "is not an amount: digits with at most one point, such as 1250.00".into(),
    }
}

/// The shape only; whether mail arrives is another question.
fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain =
        |part: &str| !part.contains(|c: char| c.is_whitespace() || "<>()[],;\"".contains(c));
    let labels = domain.split('.');
    !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && plain(local)
        && plain(domain)
        && domain.contains('.')
        && labels
            .into_iter()
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}

fn looks_like_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let allowed = text
        .char_indices()
        .all(|(at, c)| c.is_ascii_digit() || " ()-./".contains(c) || (c == '+' && at == 0));
    allowed && (5..=15).contains(&digits)
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
