//! A labelled sample for screening: people and companies of the list under the spellings that
//! customers use, and people who are not on it. The same seed gives the same sample.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use signalbox::features::intake::Country;
use signalbox::features::screening::birth::Birth;
use signalbox::features::screening::index::Query;
use signalbox::features::screening::listed::{EntryKind, ListedEntry, Quality};
use signalbox::features::screening::name::Name;
use signalbox::features::screening::ofac::{self, OfacError};

/// One record with its label: the entry that it is, or none.
#[allow(dead_code, reason = "a measurement asks for less than the tests do")]
pub struct Labelled {
    pub query: Query,
    pub entry: Option<usize>,
    pub variation: &'static str,
}

pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

/// The folder of reference files, if it is there.
pub fn reference() -> Option<PathBuf> {
    let folder = std::env::var_os("SIGNALBOX_REFERENCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference"),
        PathBuf::from,
    );
    folder.join("screening/sdn.csv").is_file().then_some(folder)
}

pub fn whole_list(reference: &Path) -> Vec<ListedEntry> {
    let open = |name: &str| File::open(reference.join("screening").join(name)).unwrap();
    let mut entries = Vec::new();
    ofac::read::<OfacError>(open("sdn.csv"), open("alt.csv"), open("add.csv"), |entry| {
        entries.push(entry);
        Ok(())
    })
    .unwrap();
    entries
}

/// Common forenames and surnames, by country.
pub struct CommonNames {
    pub forenames: BTreeMap<Country, Vec<String>>,
    pub surnames: BTreeMap<Country, Vec<String>>,
    pub both: Vec<Country>,
}

pub fn common_names(reference: &Path) -> CommonNames {
    let read = |file: &str, country: usize, name: usize| {
        let mut by_country: BTreeMap<Country, Vec<String>> = BTreeMap::new();
        let path = reference.join("names").join(file);
        for row in csv::Reader::from_path(path).unwrap().records() {
            let row = row.unwrap();
            let code = row[country].trim_start_matches('\u{feff}');
            if let Ok(country) = code.parse() {
                by_country
                    .entry(country)
                    .or_default()
                    .push(row[name].to_owned());
            }
        }
        by_country
    };
    let forenames = read("sigpwned_common-forenames-by-country.csv", 0, 11);
    let surnames = read("sigpwned_common-surnames-by-country.csv", 0, 5);
    let both = forenames
        .keys()
        .filter(|country| surnames.contains_key(country))
        .copied()
        .collect();
    CommonNames {
        forenames,
        surnames,
        both,
    }
}

impl CommonNames {
    /// Somebody from nowhere in particular, with a date of birth.
    pub fn person(&self, random: &mut Random) -> (String, String, Country, NaiveDate) {
        let country = *random.pick(&self.both);
        let given = random.pick(&self.forenames[&country]).clone();
        let given = if random.percent(30) {
            format!("{given} {}", random.pick(&self.forenames[&country]))
        } else {
            given
        };
        let family = random.pick(&self.surnames[&country]).clone();
        (given, family, country, birthday(random))
    }
}

fn birthday(random: &mut Random) -> NaiveDate {
    let days = i64::try_from(random.below(365 * 60)).unwrap();
    NaiveDate::from_ymd_opt(1945, 1, 1).unwrap() + chrono::Duration::days(days)
}

/// Listed people and companies in disguise.
pub fn positives(entries: &[ListedEntry], count: usize, seed: u64) -> Vec<Labelled> {
    let mut random = Random::seeded(seed);
    let listed: Vec<usize> = (0..entries.len())
        .filter(|i| matches!(entries[*i].kind, EntryKind::Person | EntryKind::Company))
        .collect();
    let mut sample = Vec::with_capacity(count);
    while sample.len() < count {
        let place = *random.pick(&listed);
        let entry = &entries[place];
        let made = match entry.kind {
            EntryKind::Person => disguised_person(entry, &mut random),
            _ => disguised_company(entry, &mut random),
        };
        if let Some((text, variation)) = made {
            let company = entry.kind == EntryKind::Company;
            let name = if company {
                Name::company(&text)
            } else {
                Name::person(&text)
            };
            sample.push(Labelled {
                query: Query {
                    company,
                    names: vec![name],
                    other_names: vec![Query::other_reading(company, &text)],
                    birth: known_birthday(entry, &mut random),
                    countries: entry.countries.iter().take(1).copied().collect(),
                },
                entry: Some(place),
                variation,
            });
        }
    }
    sample
}

/// Six of ten give the listed day, two none, one a slip of the pen; a vague date gives a day in it.
fn known_birthday(entry: &ListedEntry, random: &mut Random) -> Option<NaiveDate> {
    let first = entry.births.first()?;
    let (from, to) = first.bounds();
    let day =
        from + chrono::Duration::days((to - from).num_days() * random.below(100) as i64 / 100);
    match random.below(10) {
        0..=6 => Some(day),
        7 | 8 => None,
        _ => match first {
            Birth::On(day) => Some(*day + chrono::Duration::days(1)),
            _ => Some(day),
        },
    }
}

fn disguised_person(entry: &ListedEntry, random: &mut Random) -> Option<(String, &'static str)> {
    let alias = entry
        .names
        .iter()
        .filter(|name| name.quality == Quality::Strong);
    let alias: Vec<_> = alias.collect();
    let variation = random.below(10);
    let source = match variation {
        0 => &random.pick(alias.get(..).filter(|a| !a.is_empty())?).name,
        _ => &entry.names[0].name,
    };
    let (family, given) = source.split_once(',')?;
    let given: Vec<&str> = given.split_whitespace().collect();
    let family = family.trim();
    let all = given.join(" ");
    let made = match variation {
        0 => (format!("{all} {family}"), "alias"),
        1 => (format!("{all} {family}"), "natural order"),
        2 => (format!("{family} {all}"), "family name first"),
        3 => (typo(&format!("{all} {family}"), random)?, "one typo"),
        4 => (
            typo(&typo(&format!("{all} {family}"), random)?, random)?,
            "two typos",
        ),
        5 if given.len() > 1 => (format!("{} {family}", given[0]), "middle names missing"),
        6 if given.len() > 1 => {
            let letter = given[1].chars().next()?;
            (format!("{} {letter}. {family}", given[0]), "middle initial")
        }
        7 => (
            respelt(&format!("{all} {family}"), random)?,
            "transliteration",
        ),
        8 => (cyrillic(&format!("{all} {family}")), "Cyrillic"),
        9 => (
            format!("{all} {family}").replace(['-', '\''], ""),
            "hyphens gone",
        ),
        _ => return None,
    };
    Some(made)
}

fn disguised_company(entry: &ListedEntry, random: &mut Random) -> Option<(String, &'static str)> {
    let name = &entry.names[0].name;
    let words: Vec<&str> = name.split_whitespace().collect();
    let made = match random.below(5) {
        0 => (name.to_lowercase(), "company as it is"),
        1 => (typo(name, random)?, "company, one typo"),
        2 => (
            format!("{} Limited", strip_form(name)),
            "company, other legal form",
        ),
        3 if words.len() > 3 => (
            words[..words.len() - 1].join(" "),
            "company, last word missing",
        ),
        4 if name.contains('&') => (name.replace('&', "and"), "company, and for &"),
        _ => return None,
    };
    Some(made)
}

fn strip_form(name: &str) -> &str {
    let forms = [
        " LTD.", " LTD", " LIMITED", " LLC", " INC.", " S.A.", " GMBH", " CO.",
    ];
    let stripped = forms
        .iter()
        .fold(name, |name, form| name.trim_end_matches(form));
    stripped.trim_end_matches(',')
}

/// One letter left out, doubled, exchanged with its neighbour, or replaced, in a word of five or
/// more letters.
fn typo(text: &str, random: &mut Random) -> Option<String> {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long: Vec<usize> = (0..words.len())
        .filter(|i| words[*i].len() >= 5 && words[*i].is_ascii())
        .collect();
    let at = *random.pick(long.get(..).filter(|long| !long.is_empty())?);
    let mut letters: Vec<char> = words[at].chars().collect();
    let place = 1 + random.below(letters.len() - 2);
    match random.below(4) {
        0 => drop(letters.remove(place)),
        1 => letters.insert(place, letters[place]),
        2 => letters.swap(place, place + 1),
        _ => letters[place] = *random.pick(&['a', 'e', 'o', 'n', 'r', 't', 'l', 's']),
    }
    words[at] = letters.into_iter().collect();
    Some(words.join(" "))
}

/// Another convention for the same sounds, in up to two places.
fn respelt(text: &str, random: &mut Random) -> Option<String> {
    const HABITS: &[(&str, &str)] = &[
        ("y", "i"),
        ("i", "y"),
        ("u", "ou"),
        ("kh", "h"),
        ("q", "k"),
        ("k", "q"),
        ("w", "v"),
        ("v", "w"),
        ("ee", "i"),
        ("oo", "u"),
        ("zh", "j"),
        ("sh", "sch"),
        ("ss", "s"),
        ("x", "ks"),
        ("ts", "tz"),
        ("f", "ph"),
        ("e", "i"),
        ("o", "u"),
        ("aa", "a"),
        ("dh", "d"),
        ("j", "dj"),
    ];
    let mut lower = text.to_lowercase();
    let mut changed = 0;
    for _ in 0..30 {
        let (from, to) = random.pick(HABITS);
        if changed < 2 && lower.contains(from) {
            lower = lower.replacen(from, to, 1);
            changed += 1;
        }
    }
    (changed > 0).then_some(lower)
}

fn cyrillic(text: &str) -> String {
    const LETTERS: &[(&str, &str)] = &[
        ("shch", "щ"),
        ("yu", "ю"),
        ("ya", "я"),
        ("zh", "ж"),
        ("kh", "х"),
        ("ts", "ц"),
        ("ch", "ч"),
        ("sh", "ш"),
        ("ye", "е"),
        ("a", "а"),
        ("b", "б"),
        ("c", "к"),
        ("d", "д"),
        ("e", "е"),
        ("f", "ф"),
        ("g", "г"),
        ("h", "х"),
        ("i", "и"),
        ("j", "дж"),
        ("k", "к"),
        ("l", "л"),
        ("m", "м"),
        ("n", "н"),
        ("o", "о"),
        ("p", "п"),
        ("q", "к"),
        ("r", "р"),
        ("s", "с"),
        ("t", "т"),
        ("u", "у"),
        ("v", "в"),
        ("w", "в"),
        ("x", "кс"),
        ("y", "й"),
        ("z", "з"),
    ];
    let lower = text.to_lowercase();
    let mut written = String::new();
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some((from, to)) = LETTERS.iter().find(|(from, _)| rest.starts_with(from)) {
            written.push_str(to);
            rest = &rest[from.len()..];
        } else {
            written.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    written
}

/// People and companies that are not on the list. Nine of ten people give a date of birth. Every
/// twentieth bears the family name of a listed person with another given name; every fifth is a
/// company, and some of those bear the names of people.
pub fn negatives(
    entries: &[ListedEntry],
    names: &CommonNames,
    count: usize,
    seed: u64,
) -> Vec<Labelled> {
    let mut random = Random::seeded(seed);
    let families: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Person)
        .filter_map(|entry| Some(entry.primary_name().split_once(',')?.0))
        .collect();
    (0..count)
        .map(|i| {
            if i % 5 == 3 {
                return other_company(names, &mut random);
            }
            let (given, family, country, birth) = names.person(&mut random);
            let (family, variation) = if i % 20 == 0 {
                let listed = families[random.below(families.len())];
                (listed.to_owned(), "listed family name")
            } else {
                (family, "common name")
            };
            Labelled {
                query: Query {
                    company: false,
                    names: vec![Name::person_parts(&family, &given)],
                    other_names: vec![Name::company(&format!("{given} {family}"))],
                    birth: random.percent(90).then_some(birth),
                    countries: vec![country],
                },
                entry: None,
                variation,
            }
        })
        .collect()
}

/// A company that nobody has listed: a trade, somewhere, under somebody's name or none.
fn other_company(names: &CommonNames, random: &mut Random) -> Labelled {
    const FIRST: &[&str] = &[
        "Northern", "Blue", "United", "Golden", "Prime", "Harbour", "Alpine", "Central", "Bright",
        "Summit", "Delta", "Oak", "Silver", "Metro", "Green",
    ];
    const TRADE: &[&str] = &[
        "Trading",
        "Logistics",
        "Bakery",
        "Consulting",
        "Textiles",
        "Construction",
        "Foods",
        "Pharma",
        "Shipping",
        "Electronics",
        "Agriculture",
        "Software",
        "Energy",
        "Motors",
    ];
    const FORM: &[&str] = &["Ltd", "LLC", "GmbH", "S.A.", "Inc.", "Co."];
    let (given, family, country, _) = names.person(random);
    let (trade, form) = (*random.pick(TRADE), *random.pick(FORM));
    let (text, variation) = match random.below(3) {
        0 => (
            format!("{} {trade} {form}", random.pick(FIRST)),
            "common company",
        ),
        1 => (format!("{family} {trade} {form}"), "company of a family"),
        _ => (
            format!("{given} {family} {form}"),
            "company of a person's name",
        ),
    };
    Labelled {
        query: Query {
            company: true,
            names: vec![Name::company(&text)],
            other_names: vec![Query::other_reading(true, &text)],
            birth: None,
            countries: vec![country],
        },
        entry: None,
        variation,
    }
}
