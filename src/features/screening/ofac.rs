//! OFAC's SDN list in its three CSV files: `sdn` (entries), `alt` (aliases), `add` (addresses).
//!
//! The files have no header. `-0-` is null. Everything beyond name, program and title of a person
//! stands in the free-text remarks: dates of birth, nationality, place of birth, papers, and the
//! weak aliases in quotes. The files end in a stray 0x1A. Nothing is skipped in silence: a row that
//! cannot be read refuses the whole list, and oddities are reported.

use std::collections::HashMap;
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};

use super::birth::Birth;
use super::country_names::country;
use super::listed::{EntryKind, ListedEntry, ListedName, Quality};
use crate::features::intake::Country;

/// Twenty times today's list. More is not a list but a mistake.
const MAX_ENTRIES: u64 = 200_000;
const MAX_SIDE_ROWS: u64 = 1_000_000;
const MAX_WARNINGS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    Sdn,
    Alt,
    Add,
}

impl std::fmt::Display for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sdn => "sdn",
            Self::Alt => "alt",
            Self::Add => "add",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OfacError {
    #[error("the {file} file cannot be read as CSV near row {row}: {source}")]
    Csv {
        file: File,
        row: u64,
        source: csv::Error,
    },
    #[error("the {file} file, row {row}: {found} columns where {expected} belong")]
    Columns {
        file: File,
        row: u64,
        found: usize,
        expected: usize,
    },
    #[error("the sdn file, row {row}: unknown type of entry {kind:?}")]
    Kind { row: u64, kind: String },
    #[error("the sdn file, row {row}: an entry without a number or a name")]
    Nameless { row: u64 },
    #[error("the {file} file has more than {limit} rows")]
    TooLong { file: File, limit: u64 },
}

/// What was odd but not lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The number stood there already: the second entry is kept as `reference`.
    NumberTwice { row: u64, reference: String },
    /// An alias or address for a number that no entry has.
    Orphan { file: File, number: String },
    /// A date of birth in the remarks that could not be read stays in the text only.
    UnreadDate { reference: String },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NumberTwice { row, reference } => {
                write!(
                    f,
                    "row {row}: the number stood there already; kept as {reference}"
                )
            }
            Self::Orphan { file, number } => {
                write!(
                    f,
                    "the {file} file speaks of number {number}, which no entry has"
                )
            }
            Self::UnreadDate { reference } => {
                write!(f, "entry {reference}: a date of birth that cannot be read")
            }
        }
    }
}

/// The two side files by entry number; they are small against the memory that a server has, and
/// the entries themselves are streamed.
#[derive(Default)]
struct Sides {
    names: HashMap<String, Vec<ListedName>>,
    addresses: HashMap<String, Vec<(String, Option<Country>)>>,
}

/// Reads the list, hands each entry on as it comes, and returns what was odd.
pub fn read<E: From<OfacError>>(
    sdn: impl Read,
    alt: impl Read,
    add: impl Read,
    mut each: impl FnMut(ListedEntry) -> Result<(), E>,
) -> Result<Vec<Warning>, E> {
    let mut sides = read_sides(alt, add)?;
    let mut warnings = Vec::new();
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut rows = Rows::new(File::Sdn, 12, sdn);
    let mut count = 0;
    while let Some((row, record)) = rows.next_row()? {
        count += 1;
        if count > MAX_ENTRIES {
            return Err(OfacError::TooLong {
                file: File::Sdn,
                limit: MAX_ENTRIES,
            }
            .into());
        }
        let mut entry = entry(row, &record)?;
        // Aliases and addresses of a number go to the entry that had it first.
        if let Some(names) = sides.names.remove(&entry.reference) {
            entry.names.splice(1..1, names);
        }
        for (address, country) in sides.addresses.remove(&entry.reference).unwrap_or_default() {
            entry.addresses.push(address);
            entry.countries.extend(country);
        }
        let times = seen.entry(entry.reference.clone()).or_default();
        *times += 1;
        if *times > 1 {
            entry.reference = format!("{}#{times}", entry.reference);
            warn(&mut warnings, || Warning::NumberTwice {
                row,
                reference: entry.reference.clone(),
            });
        }
        if entry.unread_date() {
            warn(&mut warnings, || Warning::UnreadDate {
                reference: entry.reference.clone(),
            });
        }
        entry.countries.sort_unstable();
        entry.countries.dedup();
        each(entry)?;
    }
    let orphans = sides.names.into_keys().map(|number| (File::Alt, number));
    let orphans = orphans.chain(
        sides
            .addresses
            .into_keys()
            .map(|number| (File::Add, number)),
    );
    let mut orphans: Vec<Warning> = orphans
        .map(|(file, number)| Warning::Orphan { file, number })
        .collect();
    orphans.sort_by_key(ToString::to_string);
    orphans.truncate(MAX_WARNINGS);
    warnings.extend(orphans);
    Ok(warnings)
}

fn warn(warnings: &mut Vec<Warning>, warning: impl FnOnce() -> Warning) {
    if warnings.len() < MAX_WARNINGS {
        warnings.push(warning());
    }
}

fn read_sides(alt: impl Read, add: impl Read) -> Result<Sides, OfacError> {
    let mut sides = Sides::default();
    let mut rows = Rows::new(File::Alt, 5, alt);
    while let Some((_, row)) = rows.next_row()? {
        if let (Some(number), Some(name)) = (field(&row, 0), field(&row, 3)) {
            sides.names.entry(number).or_default().push(ListedName {
                name,
                quality: Quality::Strong,
            });
        }
    }
    let mut rows = Rows::new(File::Add, 6, add);
    while let Some((_, row)) = rows.next_row()? {
        let Some(number) = field(&row, 0) else {
            continue;
        };
        let parts: Vec<String> = (2..5).filter_map(|column| field(&row, column)).collect();
        if !parts.is_empty() {
            let country = field(&row, 4).and_then(|name| country(&name));
            sides
                .addresses
                .entry(number)
                .or_default()
                .push((parts.join(", "), country));
        }
    }
    Ok(sides)
}

/// Rows of one file, with their numbers, without the stray end marker.
struct Rows<R> {
    file: File,
    columns: usize,
    reader: csv::Reader<R>,
    read: u64,
}

impl<R: Read> Rows<R> {
    fn new(file: File, columns: usize, input: R) -> Self {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(input);
        Self {
            file,
            columns,
            reader,
            read: 0,
        }
    }

    fn next_row(&mut self) -> Result<Option<(u64, ByteRecord)>, OfacError> {
        let mut record = ByteRecord::new();
        loop {
            let row = self.read + 1;
            let more = self
                .reader
                .read_byte_record(&mut record)
                .map_err(|source| OfacError::Csv {
                    file: self.file,
                    row,
                    source,
                })?;
            if !more {
                return Ok(None);
            }
            let only = record.get(0).map(<[u8]>::trim_ascii);
            if record.len() == 1 && matches!(only, Some(b"\x1a" | b"")) {
                continue;
            }
            if record.len() != self.columns {
                return Err(OfacError::Columns {
                    file: self.file,
                    row,
                    found: record.len(),
                    expected: self.columns,
                });
            }
            self.read = row;
            if row > MAX_SIDE_ROWS {
                return Err(OfacError::TooLong {
                    file: self.file,
                    limit: MAX_SIDE_ROWS,
                });
            }
            return Ok(Some((row, record)));
        }
    }
}

/// A trimmed field; `-0-` and nothing are null. Bytes that are not UTF-8 are Latin-1.
fn field(row: &ByteRecord, column: usize) -> Option<String> {
    let bytes = row.get(column)?.trim_ascii();
    if bytes.is_empty() || bytes == b"-0-" {
        return None;
    }
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    })
}

fn entry(row: u64, record: &ByteRecord) -> Result<ListedEntry, OfacError> {
    let (Some(reference), Some(name)) = (field(record, 0), field(record, 1)) else {
        return Err(OfacError::Nameless { row });
    };
    let kind = match field(record, 2).as_deref() {
        None => EntryKind::Company,
        Some("individual") => EntryKind::Person,
        Some("vessel") => EntryKind::Vessel,
        Some("aircraft") => EntryKind::Aircraft,
        Some(other) => {
            return Err(OfacError::Kind {
                row,
                kind: other.to_owned(),
            });
        }
    };
    let remarks = field(record, 11).unwrap_or_default();
    let mut entry = ListedEntry {
        reference,
        kind,
        names: vec![ListedName {
            name,
            quality: Quality::Primary,
        }],
        // Several programs are written "SDGT] [NPWMD] [IFSR".
        programs: field(record, 3)
            .map(|programs| programs.split("] [").map(str::to_owned).collect())
            .unwrap_or_default(),
        title: field(record, 4),
        births: Vec::new(),
        countries: Vec::new(),
        birth_places: Vec::new(),
        documents: Vec::new(),
        addresses: Vec::new(),
        remarks: String::new(),
    };
    for part in remarks.trim_end_matches('.').split(';') {
        entry.take_remark(part.trim());
    }
    entry.remarks = remarks;
    Ok(entry)
}

impl ListedEntry {
    fn take_remark(&mut self, part: &str) {
        const DOCUMENTS: [&str; 9] = [
            "Passport",
            "National ID",
            "Identification Number",
            "Tax ID",
            "Cedula",
            "R.F.C.",
            "C.U.R.P.",
            "Registration",
            "NIT",
        ];
        let part = part.strip_prefix("alt. ").unwrap_or(part);
        if let Some(date) = part.strip_prefix("DOB ") {
            self.births.extend(Birth::parse(date));
        } else if let Some(place) = part.strip_prefix("POB ") {
            self.birth_places.push(place.to_owned());
        } else if let Some(name) = part
            .strip_prefix("nationality ")
            .or_else(|| part.strip_prefix("citizen "))
        {
            self.countries.extend(country(name));
        } else if let Some(alias) = weak_alias(part) {
            self.names.push(ListedName {
                name: alias.to_owned(),
                quality: Quality::Weak,
            });
        } else if DOCUMENTS.iter().any(|start| part.starts_with(start)) {
            self.documents.push(part.to_owned());
        }
    }

    fn unread_date(&self) -> bool {
        let dates = self
            .remarks
            .trim_end_matches('.')
            .split(';')
            .map(str::trim)
            .filter(|part| {
                let part = part.strip_prefix("alt. ").unwrap_or(part);
                part.starts_with("DOB ")
            });
        dates.count() > self.births.len()
    }
}

/// `a.k.a. 'EL BARNEY'`: in the remarks stand the aliases that OFAC calls weak.
fn weak_alias(part: &str) -> Option<&str> {
    let rest = part
        .strip_prefix("a.k.a. ")
        .or_else(|| part.strip_prefix("f.k.a. "))
        .or_else(|| part.strip_prefix("n.k.a. "))?;
    let alias = rest.trim().trim_matches('\'').trim();
    (!alias.is_empty()).then_some(alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDN: &str = concat!(
        "1,\"FAKENAME, Ana\",individual,\"SDGT] [NPWMD\",\"Director\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,",
        "\"DOB 05 May 1960; alt. DOB circa 1961; POB Nowhere, Cuba; nationality Korea, North; ",
        "alt. citizen Iran; Passport X1 (Iran); a.k.a. 'THE INVENTED'; Gender Female.\"\r\n",
        "2,IMAGINARY TRADING S.A.,-0- ,CUBA,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n",
        "3,SHIP,vessel,IRAN,-0- ,-0- ,Tanker,-0- ,-0- ,Iran,-0- ,-0- \r\n",
        "1,SECOND WITH THE NUMBER,-0- ,CUBA,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n",
        "\u{1a}",
    );

    fn load(
        sdn: &str,
        alt: &str,
        add: &str,
    ) -> Result<(Vec<ListedEntry>, Vec<Warning>), OfacError> {
        let mut entries = Vec::new();
        let warnings =
            read::<OfacError>(sdn.as_bytes(), alt.as_bytes(), add.as_bytes(), |entry| {
                entries.push(entry);
                Ok(())
            })?;
        Ok((entries, warnings))
    }

    #[test]
    fn remarks_are_read() {
        let (entries, warnings) = load(
            SDN,
            "1,7,aka,\"PSEUDONYM, Ana\",-0- \r\n9,8,aka,NOBODY,-0- \r\n\u{1a}",
            "2,4,-0- ,\"Panama City\",\"Panama\",-0- \r\n",
        )
        .unwrap();
        let ana = &entries[0];
        assert_eq!(ana.kind, EntryKind::Person);
        assert_eq!(ana.programs, ["SDGT", "NPWMD"]);
        assert_eq!(
            ana.names
                .iter()
                .map(|n| (n.name.as_str(), n.quality))
                .collect::<Vec<_>>(),
            [
                ("FAKENAME, Ana", Quality::Primary),
                ("PSEUDONYM, Ana", Quality::Strong),
                ("THE INVENTED", Quality::Weak),
            ]
        );
        assert_eq!(ana.births.len(), 2);
        assert_eq!(ana.birth_places, ["Nowhere, Cuba"]);
        assert_eq!(ana.documents, ["Passport X1 (Iran)"]);
        let codes: Vec<_> = ana.countries.iter().map(|c| c.code()).collect();
        assert_eq!(codes, ["IR", "KP"]);
        assert_eq!(entries[1].kind, EntryKind::Company);
        assert_eq!(entries[1].addresses, ["Panama City, Panama"]);
        assert_eq!(entries[2].kind, EntryKind::Vessel);
        assert_eq!(entries[3].reference, "1#2");
        assert_eq!(
            warnings,
            [
                Warning::NumberTwice {
                    row: 4,
                    reference: "1#2".into()
                },
                Warning::Orphan {
                    file: File::Alt,
                    number: "9".into()
                },
            ]
        );
    }

    #[test]
    fn a_row_that_cannot_be_read_refuses_the_list() {
        let error = load("1,NAME\r\n", "", "").unwrap_err();
        assert!(error.to_string().contains("row 1"), "{error}");
        let error = load(&SDN.replace(",vessel,", ",submarine,"), "", "").unwrap_err();
        assert!(error.to_string().contains("submarine"), "{error}");
    }

    #[test]
    fn the_hash_follows_the_content() {
        let (first, _) = load(SDN, "", "").unwrap();
        let (again, _) = load(SDN, "", "").unwrap();
        let (other, _) = load(&SDN.replace("05 May 1960", "06 May 1960"), "", "").unwrap();
        assert_eq!(first[0].content_hash(), again[0].content_hash());
        assert_ne!(first[0].content_hash(), other[0].content_hash());
        assert_eq!(first[1].content_hash(), other[1].content_hash());
    }

    #[test]
    fn latin_1_is_read() {
        let row = ByteRecord::from(vec![&b"Jos\xe9"[..], b" -0- "]);
        assert_eq!(field(&row, 0).as_deref(), Some("José"));
        assert_eq!(field(&row, 1), None);
    }
}
