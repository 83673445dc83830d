//! The lists as they stand now, indexed, and what comes of comparing a subject with them.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::explanation::{Explanation, MatchedPart};
use super::hit::EntryId;
use super::index::{Found, Index, Query, Scratch};
use super::listed::ListedEntry;
use super::name::{Name, Token};
use super::store::lists as store;
use crate::features::intake::{Personal, SubjectKind};
use crate::foundation::db::{self, Conn};

/// What is kept of an entry beside the index.
pub struct CurrentEntry {
    pub id: EntryId,
    pub source: String,
    pub reference: String,
    pub list_version: i32,
    pub hash: Vec<u8>,
    names: Vec<super::listed::ListedName>,
    company: bool,
}

/// All current entries. Building it reads every list; it is shared until a list changes.
pub struct Current {
    /// Source and version of each list that is in it.
    pub versions: Vec<(String, i32)>,
    /// The ids of those versions: two readings with the same ids compared the same.
    ids: Vec<Uuid>,
    /// Whether one of the lists names people who exist.
    pub real: bool,
    entries: Vec<CurrentEntry>,
    index: Index,
}

/// A likeness above the floor, with its reasons.
pub struct Likeness<'a> {
    pub entry: &'a CurrentEntry,
    pub score: u16,
    pub explanation: Explanation,
}

/// The newest lists that this process has indexed, by the ids of their versions. Ids are unique over
/// all databases, so that a cached index is never another database's.
static CACHE: Mutex<Option<(Vec<Uuid>, Arc<Current>)>> = Mutex::new(None);

impl Current {
    /// The lists as this transaction sees them.
    pub fn load(conn: &mut Conn) -> db::Result<Arc<Self>> {
        let lists = store::current_lists(conn)?;
        let ids: Vec<Uuid> = lists.iter().map(|list| list.id.uuid()).collect();
        if let Some((cached, current)) = &*CACHE.lock().unwrap_or_else(PoisonError::into_inner)
            && *cached == ids
        {
            return Ok(Arc::clone(current));
        }
        let real = lists.iter().any(|list| !list.invented);
        let versions = lists
            .into_iter()
            .map(|list| (list.source, list.version))
            .collect();
        let mut current = Self::build(versions, store::current_entries(conn)?);
        (current.ids, current.real) = (ids.clone(), real);
        let current = Arc::new(current);
        let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
        *cache = Some((ids, Arc::clone(&current)));
        Ok(current)
    }

    fn build(versions: Vec<(String, i32)>, rows: Vec<store::CurrentRow>) -> Self {
        let index = Index::build(rows.iter().map(|row| &row.content));
        let version_of = |source: &str| {
            let found = versions.iter().find(|(known, _)| known == source);
            found.map_or(0, |(_, version)| *version)
        };
        let entries = rows
            .into_iter()
            .map(|row| CurrentEntry {
                id: row.id,
                list_version: version_of(&row.source),
                source: row.source,
                reference: row.content.reference,
                hash: row.hash,
                company: row.content.kind == super::listed::EntryKind::Company,
                names: row.content.names,
            })
            .collect();
        Self {
            versions,
            ids: Vec::new(),
            real: false,
            entries,
            index,
        }
    }

    /// Whether these are the same versions of the same lists.
    pub fn is_same(&self, other: &Self) -> bool {
        self.ids == other.ids
    }

    /// "ofac-sdn:3", one for each list.
    pub fn labels(&self) -> Vec<String> {
        let label = |(source, version): &(String, i32)| format!("{source}:{version}");
        self.versions.iter().map(label).collect()
    }

    /// Entries that the subject resembles, best first.
    pub fn compare(
        &self,
        kind: SubjectKind,
        personal: &Personal,
        floor: u16,
        scratch: &mut Scratch,
    ) -> Vec<Likeness<'_>> {
        let spellings = personal.all_names();
        let query = query(kind, personal, &spellings);
        self.index
            .search(&query, floor, scratch)
            .into_iter()
            .map(|found| self.explain(&query, &spellings, found))
            .collect()
    }

    fn explain(&self, query: &Query, spellings: &[String], found: Found) -> Likeness<'_> {
        let entry = &self.entries[found.entry];
        let listed = &entry.names[found.entry_name];
        let other_kind = found.circumstances.other_kind;
        let own = if other_kind {
            &query.other_names
        } else {
            &query.names
        };
        let own = &own[found.query_name].tokens;
        let its = if entry.company {
            Name::company(&listed.name)
        } else {
            Name::person(&listed.name)
        }
        .tokens;
        let text = |tokens: &[Token]| {
            let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
            words.join(" ")
        };
        let pairs = &found.names.pairs;
        let alone = |tokens: &[Token], taken: &dyn Fn(usize) -> bool| {
            let left = tokens.iter().enumerate().filter(|(i, _)| !taken(*i));
            left.map(|(_, token)| token.text.clone()).collect()
        };
        Likeness {
            entry,
            score: found.score,
            explanation: Explanation {
                subject_name: spellings[found.query_name].clone(),
                entry_name: listed.name.clone(),
                quality: listed.quality,
                name_score: found.names.score,
                matched: pairs
                    .iter()
                    .map(|pair| MatchedPart {
                        subject: text(&own[pair.subject.clone()]),
                        entry: text(&its[pair.entry.clone()]),
                        likeness: pair.likeness,
                        how: pair.how,
                    })
                    .collect(),
                only_subject: alone(own, &|i| pairs.iter().any(|p| p.subject.contains(&i))),
                only_entry: alone(&its, &|i| pairs.iter().any(|p| p.entry.contains(&i))),
                birth: found.circumstances.birth,
                country: found.circumstances.country,
                other_kind,
            },
        }
    }
}

/// What screening looks at: every spelling, read as the name of what the subject says it is, and as
/// the name of the other kind.
fn query(kind: SubjectKind, personal: &Personal, spellings: &[String]) -> Query {
    let company = kind == SubjectKind::Company;
    let read = if company { Name::company } else { Name::person };
    let other = |spelling: &String| Query::other_reading(company, spelling);
    let countries = [personal.nationality, personal.country];
    Query {
        company,
        names: spellings.iter().map(|spelling| read(spelling)).collect(),
        other_names: spellings.iter().map(other).collect(),
        birth: personal.date_of_birth,
        countries: countries.into_iter().flatten().collect(),
    }
}

/// For the page that shows one entry beside its subject.
pub fn kind_words(entry: &ListedEntry) -> &'static str {
    match entry.kind {
        super::listed::EntryKind::Person => "Person",
        super::listed::EntryKind::Company => "Company or organisation",
        super::listed::EntryKind::Vessel => "Vessel",
        super::listed::EntryKind::Aircraft => "Aircraft",
    }
}

/// What screening looks at, as bytes for a keyed hash: only a change of this reopens a hit.
pub fn compared_content(kind: SubjectKind, personal: &Personal) -> Vec<u8> {
    let content = (
        kind.as_str(),
        personal.all_names(),
        personal.date_of_birth,
        personal.nationality,
        personal.country,
    );
    serde_json::to_vec(&content).unwrap_or_default()
}
