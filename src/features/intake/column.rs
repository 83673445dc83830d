//! The columns of a subjects file, and how the first row of a file names them.

use std::fmt;

macro_rules! columns {
    ($($variant:ident $name:literal $limit:literal)+) => {
        /// A column of the subjects format. Others script against these names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Column { $($variant),+ }

        impl Column {
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Longest value that is kept, in characters.
            pub const fn limit(self) -> usize {
                match self { $(Self::$variant => $limit),+ }
            }
        }
    };
}

columns! {
    ExternalId "external_id" 100
    Kind "kind" 20
    Name "name" 300
    FamilyName "family_name" 150
    GivenNames "given_names" 150
    OtherNames "other_names" 2_000
    DateOfBirth "date_of_birth" 40
    Country "country" 40
    Nationality "nationality" 40
    Occupation "occupation" 200
    Naics "naics" 20
    TaxId "tax_id" 60
    TaxIdType "tax_id_type" 40
    IdType "id_type" 40
    IdNumber "id_number" 60
    IdCountry "id_country" 40
    IdExpires "id_expires" 40
    Product "product" 100
    ExpectedMonthlyAmount "expected_monthly_amount" 60
    Currency "currency" 20
    Pep "pep" 20
    Email "email" 320
    Phone "phone" 60
    Street "street" 300
    City "city" 150
    State "state" 100
    PostalCode "postal_code" 40
}

impl Column {
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The texts of one row by column. An empty text is the same as none.
#[derive(Clone, Default)]
pub struct Values([Option<String>; Column::ALL.len()]);

impl Values {
    pub fn get(&self, column: Column) -> Option<&str> {
        self.0[column as usize]
            .as_deref()
            .filter(|text| !text.trim().is_empty())
    }

    pub fn set(&mut self, column: Column, text: String) {
        self.0[column as usize] = Some(text);
    }

    pub fn is_empty(&self) -> bool {
        Column::ALL
            .into_iter()
            .all(|column| self.get(column).is_none())
    }

    pub fn has(&self, column: Column) -> bool {
        self.0[column as usize].is_some()
    }
}

/// Columns that our own downloads of rejected rows add, and that are passed over on the way in.
const OURS: &str = "signalbox_";

pub fn is_ours(name: &str) -> bool {
    name.starts_with(OURS)
}

/// What each place in a row of the file means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `None`: a column that is passed over.
    places: Vec<Option<Column>>,
}

/// Why a file is refused by its first row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("the file is empty")]
    Empty,
    #[error(
        "the first row is not UTF-8 text: save the file as UTF-8 (it may be in Latin-1, \
         Windows-1252 or UTF-16 now)"
    )]
    Encoding,
    #[error("the columns are separated by {0}: save the file with commas")]
    Separator(&'static str),
    #[error("unknown columns: {}; rename or remove them, or ignore unknown columns (at the command line: --ignore-unknown)", .0.join(", "))]
    Unknown(Vec<String>),
    /// The row may well be somebody's data, so nothing of it is repeated.
    #[error(
        "none of the {0} columns in the first row is known; the first row must name the columns, \
         such as external_id, kind and name"
    )]
    NoneKnown(usize),
    #[error("the column {0} stands twice in the first row")]
    Twice(String),
    #[error("missing columns: {}; the first row must name the columns", .0.join(", "))]
    Missing(Vec<String>),
    #[error("the first row is not well-formed CSV: it {0}")]
    Malformed(&'static str),
    #[error("this is {0}")]
    Foreign(&'static str),
}

/// Names of unknown columns are cut to this many characters in messages.
const SHOWN_CHARS: usize = 60;

impl Header {
    pub fn read(fields: &[Vec<u8>], ignore_unknown: bool) -> Result<Self, HeaderError> {
        let names = names(fields)?;
        let mut header = Self { places: Vec::new() };
        let mut unknown = Vec::new();
        for name in &names {
            let column = Column::find(name);
            if column.is_some() && header.places.contains(&column) {
                return Err(HeaderError::Twice(name.clone()));
            }
            if column.is_none() && !ignore_unknown && !is_ours(name) {
                unknown.push(shown(name));
            }
            header.places.push(column);
        }
        if header.places.iter().all(Option::is_none) {
            return Err(separator(&names).unwrap_or(HeaderError::NoneKnown(names.len())));
        }
        if !unknown.is_empty() {
            return Err(separator(&names).unwrap_or(HeaderError::Unknown(unknown)));
        }
        header.check_required(&names)?;
        Ok(header)
    }

    fn check_required(&self, names: &[String]) -> Result<(), HeaderError> {
        let has = |column| self.places.contains(&Some(column));
        let mut missing: Vec<String> = [Column::ExternalId, Column::Kind]
            .into_iter()
            .filter(|column| !has(*column))
            .map(|column| column.name().to_owned())
            .collect();
        if !has(Column::Name) && !has(Column::FamilyName) {
            missing.push(Column::Name.name().to_owned());
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(separator(names).unwrap_or(HeaderError::Missing(missing)))
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The meaning of each place, in order.
    pub fn places(&self) -> impl Iterator<Item = Option<Column>> + '_ {
        self.places.iter().copied()
    }
}

fn names(fields: &[Vec<u8>]) -> Result<Vec<String>, HeaderError> {
    let names = fields
        .iter()
        .map(|field| std::str::from_utf8(field).map(|name| name.trim().to_ascii_lowercase()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| HeaderError::Encoding)?;
    if names.iter().any(|name| name.contains('\0')) {
        return Err(HeaderError::Encoding);
    }
    if names.iter().all(String::is_empty) {
        return Err(HeaderError::Empty);
    }
    Ok(names)
}

/// A single "column" with another separator in it is a file from another spreadsheet.
fn separator(names: &[String]) -> Option<HeaderError> {
    let [only] = names else { return None };
    [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")]
        .into_iter()
        .find(|(mark, _)| only.contains(*mark))
        .map(|(_, name)| HeaderError::Separator(name))
}

/// A column name of the file, fit for a message.
pub fn shown(name: &str) -> String {
    let name = if name.is_empty() { "(no name)" } else { name };
    name.chars()
        .take(SHOWN_CHARS)
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str, ignore_unknown: bool) -> Result<Header, HeaderError> {
        let fields: Vec<Vec<u8>> = text.split(',').map(|f| f.as_bytes().to_vec()).collect();
        Header::read(&fields, ignore_unknown)
    }

    #[test]
    fn columns_may_come_in_any_order_and_case() {
        let header = header("Name, KIND ,external_id,signalbox_row", false).unwrap();
        assert_eq!(
            header.places().collect::<Vec<_>>(),
            [
                Some(Column::Name),
                Some(Column::Kind),
                Some(Column::ExternalId),
                None
            ]
        );
    }

    #[test]
    fn unknown_columns_are_refused_by_name_unless_ignored() {
        let text = "external_id,kind,name,shoe_size,mood";
        assert_eq!(
            header(text, false),
            Err(HeaderError::Unknown(vec![
                "shoe_size".into(),
                "mood".into()
            ]))
        );
        assert_eq!(header(text, true).unwrap().len(), 5);
    }

    #[test]
    fn a_first_row_of_data_is_not_repeated() {
        for ignore_unknown in [false, true] {
            let error = header("C-1,person,Zebediah Fakename", ignore_unknown).unwrap_err();
            assert_eq!(error, HeaderError::NoneKnown(3));
            assert!(!error.to_string().contains("Zebediah"));
        }
    }

    #[test]
    fn a_header_says_what_is_wrong_with_it() {
        assert_eq!(
            header("external_id;kind;name", false),
            Err(HeaderError::Separator("semicolons"))
        );
        assert_eq!(
            header("external_id,kind", false),
            Err(HeaderError::Missing(vec!["name".into()]))
        );
        assert_eq!(
            header("external_id,kind,name,name", false),
            Err(HeaderError::Twice("name".into()))
        );
        assert_eq!(header("", false), Err(HeaderError::Empty));
        let latin = [b"external_id".to_vec(), b"n\xe4me".to_vec()];
        assert_eq!(Header::read(&latin, false), Err(HeaderError::Encoding));
    }
}
