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
use super::oddities::REMARKS_CHARS;
pub use super::oddities::{Oddities, Warning};
use crate::features::intake::Country;

/// Twenty times today's list. More is not a list but a mistake.
const MAX_ENTRIES: u64 = 200_000;
const MAX_SIDE_ROWS: u64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// The two side files by entry number; they are small against the memory that a server has, and
/// the entries themselves are streamed.
#[derive(Default)]
struct Sides {
    names: HashMap<String, Vec<ListedName>>,
    /// Each with its country: known, unknown by name, or none given.
    addresses: HashMap<String, Vec<(String, Option<Result<Country, String>>)>>,
}

/// Reads the list, hands each entry on as it comes, and returns what was odd.
pub fn read<E: From<OfacError>>(
    sdn: impl Read,
    alt: impl Read,
    add: impl Read,
    mut each: impl FnMut(ListedEntry) -> Result<(), E>,
) -> Result<Oddities, E> {
    let mut sides = read_sides(alt, add)?;
    let mut odd = Oddities::default();
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
        let (mut entry, mut unknown) = entry(row, &record)?;
        sides.move_to(&mut entry, &mut unknown);
        let times = seen.entry(entry.reference.clone()).or_default();
        *times += 1;
        if *times > 1 {
            entry.reference = format!("{}#{times}", entry.reference);
            odd.add(Warning::NumberTwice {
                row,
                reference: entry.reference.clone(),
            });
        }
        look_at(&entry, unknown, &mut odd);
        entry.countries.sort_unstable();
        entry.countries.dedup();
        each(entry)?;
    }
    for orphan in sides.orphans() {
        odd.add(orphan);
    }
    Ok(odd)
}

/// Notes what is odd about one entry.
fn look_at(entry: &ListedEntry, mut unknown: Vec<String>, odd: &mut Oddities) {
    let reference = || entry.reference.clone();
    if entry.unread_date() {
        odd.add(Warning::UnreadDate {
            reference: reference(),
        });
    }
    if entry.remarks.chars().count() >= REMARKS_CHARS {
        odd.add(Warning::CutRemarks {
            reference: reference(),
        });
    }
    unknown.sort_unstable();
    unknown.dedup();
    for name in unknown {
        odd.add(Warning::UnknownCountry {
            reference: reference(),
            name,
        });
    }
}

impl Sides {
    /// Aliases and addresses of a number go to the entry that had it first.
    fn move_to(&mut self, entry: &mut ListedEntry, unknown: &mut Vec<String>) {
        if let Some(names) = self.names.remove(&entry.reference) {
            entry.names.splice(1..1, names);
        }
        for (address, country) in self.addresses.remove(&entry.reference).unwrap_or_default() {
            entry.addresses.push(address);
            match country {
                Some(Ok(country)) => entry.countries.push(country),
                Some(Err(name)) => unknown.push(name),
                None => {}
            }
        }
    }

    /// What nobody came for, in an order that does not depend on the map.
    fn orphans(self) -> Vec<Warning> {
        let aliases = self.names.into_keys().map(|number| (File::Alt, number));
        let addresses = self.addresses.into_keys().map(|number| (File::Add, number));
        let mut orphans: Vec<Warning> = aliases
            .chain(addresses)
            .map(|(file, number)| Warning::Orphan { file, number })
            .collect();
        orphans.sort_unstable();
        orphans
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
            let country = field(&row, 4)
                .filter(|name| !is_no_country(name))
                .map(|name| country(&name).ok_or(name));
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

/// What the list writes where it knows of no country.
fn is_no_country(name: &str) -> bool {
    matches!(
        name.trim().to_ascii_lowercase().as_str(),
        "undetermined" | "na" | "stateless"
    )
}

/// The entry, and the countries in its remarks that have no code here.
fn entry(row: u64, record: &ByteRecord) -> Result<(ListedEntry, Vec<String>), OfacError> {
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
    let mut unknown = Vec::new();
    for part in remarks.trim_end_matches('.').split(';') {
        unknown.extend(entry.take_remark(part.trim()));
    }
    entry.remarks = remarks;
    Ok((entry, unknown))
}

impl ListedEntry {
    /// Returns a country that is not known here.
    fn take_remark(&mut self, part: &str) -> Option<String> {
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
            match country(name) {
                Some(country) => self.countries.push(country),
                None if is_no_country(name) => {}
                None => return Some(name.to_owned()),
            }
        } else if let Some(alias) = weak_alias(part) {
            self.names.push(ListedName {
                name: alias.to_owned(),
                quality: Quality::Weak,
            });
        } else if DOCUMENTS.iter().any(|start| part.starts_with(start)) {
            self.documents.push(part.to_owned());
        }
        None
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
    use super::super::oddities::NAMED;
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

    fn load(sdn: &str, alt: &str, add: &str) -> Result<(Vec<ListedEntry>, Oddities), OfacError> {
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
            warnings.named,
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
    fn all_oddities_are_counted_and_the_first_of_each_kind_named() {
        let alias = |number| format!("{number},7,aka,NOBODY,-0- \r\n");
        let aliases: String = (5_000..5_250).map(alias).collect();
        let (_, odd) = load(SDN, &aliases, "2,4,-0- ,\"Port\",\"Atlantis\",-0- \r\n").unwrap();
        assert_eq!(odd.total, 1 + 250 + 1);
        assert_eq!(odd.named.len(), 1 + NAMED + 1);
        let atlantis = Warning::UnknownCountry {
            reference: "2".into(),
            name: "Atlantis".into(),
        };
        assert!(odd.named.contains(&atlantis));
        assert!(odd.notes().last().unwrap().contains("150 more"));
    }

    #[test]
    fn remarks_that_were_cut_are_told_by_reference() {
        let long = "x".repeat(REMARKS_CHARS - "DOB 05 May 1960; ".len());
        let cut = SDN.replace("DOB 05 May 1960; ", &format!("DOB 05 May 1960; {long}"));
        let (_, odd) = load(&cut, "", "").unwrap();
        let reference = "1".to_owned();
        assert!(odd.named.contains(&Warning::CutRemarks { reference }));
        let (_, odd) = load(SDN, "", "").unwrap();
        let is_cut = |warning: &Warning| matches!(warning, Warning::CutRemarks { .. });
        assert!(!odd.named.iter().any(is_cut));
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
