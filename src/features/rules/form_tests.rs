use super::*;
use crate::features::rules::fields::KINDS;

fn typed(fields: &[(&str, &str)]) -> Typed {
    let mut typed = Typed::default();
    for (name, value) in fields {
        typed.set(name, *value);
    }
    typed
}

const DISK: [(&str, &str); 3] = [
    ("name", "The disk is full"),
    ("on.measure.probe", "host"),
    ("on.measure.name", "disk"),
];

fn disk(more: &[(&str, &str)]) -> Result<Fields, Vec<(&'static str, String)>> {
    let all = [&DISK[..], more].concat();
    read(kind("measure").unwrap(), &typed(&all)).map_err(|problems| {
        let problems = problems.iter();
        problems.map(|it| (it.field, it.message.clone())).collect()
    })
}

#[test]
fn what_is_typed_is_what_the_pack_says() {
    let fields = disk(&[
        ("red.side", "above"),
        ("red.at", " 90% "),
        ("red.for", "5m"),
        ("blue.side", "below"),
        ("no_data", ""),
    ])
    .unwrap();
    let said: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("name", "The disk is full"),
            ("on.measure.name", "disk"),
            ("on.measure.probe", "host"),
            ("red.above", "90%"),
            ("red.for", "5m"),
        ]
    );
}

#[test]
fn what_cannot_be_is_told_beside_its_field() {
    let wrong = disk(&[
        ("name", ""),
        ("red.at", "ninety"),
        ("red.for", "5 minutes"),
        ("yellow.for", "5m"),
    ])
    .unwrap_err();
    let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["name", "red.at", "red.for", "yellow.for"]);
    assert!(
        wrong[1].1.starts_with("Red lights at: ") && wrong[1].1.contains("90%"),
        "{wrong:?}"
    );
    assert!(wrong[2].1.contains("5m"), "{wrong:?}");
    assert!(wrong[3].1.contains("Say when yellow lights"), "{wrong:?}");
    let none = disk(&[]).unwrap_err();
    assert_eq!(none[0].0, "red.at");
    assert!(disk(&[("red.at", "${LIMIT:-90%}")]).is_ok(), "a parameter");
}

#[test]
fn what_is_missing_is_asked_for_by_its_name() {
    let wrong = disk(&[("name", ""), ("on.measure.name", ""), ("red.at", "90%")]).unwrap_err();
    let told: Vec<&str> = wrong.iter().map(|(_, message)| message.as_str()).collect();
    assert_eq!(told, ["Figure: choose one.", "Name: say what it is."]);
}

/// What the form takes for a number is written as one.
#[test]
fn a_number_is_taken_however_people_write_it() {
    for (typed, fits) in [
        ("1_000", true),
        (".5", true),
        ("05", true),
        ("1e3", true),
        ("-2", true),
        ("inf", false),
        ("nan", false),
        ("1,5", false),
    ] {
        let taken = disk(&[("red.at", typed)]);
        assert_eq!(taken.is_ok(), fits, "{typed}: {taken:?}");
    }
}

#[test]
fn what_was_read_is_shown_and_comes_back_the_same() {
    let stories: [&[(&str, &str)]; 4] = [
        &[
            ("name", "Disk"),
            ("on.measure.name", "disk"),
            ("on.measure.probe", "host"),
            ("red.below", "7d"),
            ("red.clear", "8d"),
            ("yellow.above", "3"),
            ("no_data", "fire"),
        ],
        &[
            ("name", "Down"),
            ("on.state", "api"),
            ("red.is", "down"),
            ("red.for", "1m"),
        ],
        &[("name", "Came"), ("on.event", "e"), ("blue", EMPTY)],
        &[
            ("name", "Gone"),
            ("on.absence.scrape", "s"),
            ("on.absence.select", "m"),
            ("red.for", "5m"),
        ],
    ];
    for story in stories {
        let fields: Fields = story
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (kind, typed) = shown(&fields).unwrap();
        assert_eq!(read(kind, &typed).unwrap(), fields);
        assert!(fields.keys().all(|name| kind.governs(name)));
    }
    assert_eq!(shown(&Fields::new()), None);
}

#[test]
fn every_field_has_a_name_of_its_own() {
    for kind in &KINDS {
        let levels = LEVELS.iter().flat_map(|level| level.parts(kind.test));
        let all = kind.reads.iter().copied().chain(COMMON).chain(levels);
        let mut names: Vec<&str> = all.map(|part| part.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}", kind.key);
        assert!(!kind.governs("only_with"));
    }
}
