//! Who may know whom, read from the imports. The rules are the crate docs' map of the house.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A feature may use another one only along these lines, each with its reason.
const BETWEEN_FEATURES: &[(&str, &str, &str)] = &[
    ("alerts", "connectors", "rules read whether calls go out"),
    ("alerts", "health", "rules read probe states and indicators"),
    ("alerts", "heartbeats", "rules read how heartbeats stand"),
    ("alerts", "logs", "rules count lines"),
    (
        "alerts",
        "notify",
        "an alert shows what became of the notices about it",
    ),
    (
        "alerts",
        "packs",
        "rules and runbooks are declared in packs",
    ),
    (
        "centre",
        "alerts",
        "a silence that waits for a second person is shown to them",
    ),
    ("centre", "checklists", "so is a list to be looked over"),
    ("centre", "connectors", "so is a breaker to be disabled"),
    ("centre", "health", "so is a value to be agreed to"),
    ("centre", "incidents", "so is a review to be approved"),
    ("centre", "notify", "what somebody was told is a notice"),
    (
        "centre",
        "packs",
        "packs mark events, and a change of one waits for a second person",
    ),
    (
        "centre",
        "releases",
        "so is a release, and a gate that did not pass",
    ),
    (
        "checklists",
        "alerts",
        "an item is answered by what rules read, and links the alert about it; a window opens its list",
    ),
    (
        "checklists",
        "health",
        "how many are overdue is an indicator",
    ),
    ("checklists", "packs", "checklists are declared in packs"),
    ("digests", "alerts", "a digest adds up alerts"),
    (
        "digests",
        "capacity",
        "a digest says which limits come near",
    ),
    ("digests", "checklists", "a digest adds up what was missed"),
    ("digests", "health", "a digest adds up runs of probes"),
    ("digests", "incidents", "a digest adds up incidents"),
    ("digests", "logs", "a digest adds up errors of logs"),
    ("digests", "notify", "whoever asked for a digest is sent it"),
    ("digests", "packs", "packs say who asked for a digest"),
    ("digests", "releases", "a digest adds up releases"),
    ("connectors", "packs", "connectors are declared in packs"),
    (
        "health",
        "packs",
        "services and probes are declared in packs",
    ),
    (
        "capacity",
        "health",
        "what is in use is what probes measure and platforms report",
    ),
    ("capacity", "packs", "limits are declared in packs"),
    (
        "rules",
        "alerts",
        "what would have been is gone through with the step of every tick, and held against what was lit",
    ),
    (
        "rules",
        "connectors",
        "what rules read is how breakers stood",
    ),
    ("rules", "health", "and what probes found"),
    ("rules", "heartbeats", "and how heartbeats stood"),
    ("rules", "logs", "and how many lines there were"),
    (
        "rules",
        "packs",
        "a rule is a piece of its pack, and is changed as one",
    ),
    (
        "slo",
        "alerts",
        "what is planned are its maintenance windows, and the pace is that of its rules",
    ),
    ("slo", "health", "results are those of probes and reports"),
    ("slo", "packs", "targets are declared in packs"),
    ("heartbeats", "packs", "heartbeats are declared in packs"),
    (
        "hooks",
        "health",
        "what programs send is an event like any other",
    ),
    ("hooks", "notify", "a signature is checked as ours are made"),
    ("hooks", "packs", "types of events are declared in packs"),
    (
        "incidents",
        "alerts",
        "an incident shows its alerts, and what became of them",
    ),
    (
        "incidents",
        "health",
        "what is overdue is reported to our own pack",
    ),
    (
        "incidents",
        "packs",
        "runbooks are declared in packs, and platforms have zones",
    ),
    ("posture", "notify", "that nobody can be told is a weakness"),
    (
        "posture",
        "packs",
        "that we do not watch ourselves is a weakness",
    ),
    ("posture", "watched", "that nobody watches us is a weakness"),
    (
        "logs",
        "packs",
        "logs and error codes are declared in packs",
    ),
    (
        "oncall",
        "alerts",
        "who is told of an alert depends on how it stands, and stands with it",
    ),
    (
        "notify",
        "connectors",
        "what leaves goes through the breaker before its way",
    ),
    (
        "oncall",
        "incidents",
        "a step of an escalation opens an incident",
    ),
    ("oncall", "notify", "whoever is told is sent a notice"),
    (
        "oncall",
        "packs",
        "contacts, rotas and escalations are declared in packs",
    ),
    (
        "posture",
        "people",
        "an access review that is overdue is a weakness",
    ),
    (
        "releases",
        "alerts",
        "a gate is answered by what rules read",
    ),
    (
        "releases",
        "checklists",
        "a release starts the list for deployments and waits for its signature",
    ),
    ("releases", "health", "what a gate waits for is run at once"),
    ("releases", "packs", "gates are declared in packs"),
    ("reviews", "intake", "a case shows the subject it is about"),
    (
        "reviews",
        "screening",
        "a case cannot be approved over an open hit",
    ),
    (
        "screening",
        "intake",
        "screening compares subjects with lists",
    ),
];

/// The foundation's floors, from the ground up: a module uses those below its own and no other.
const FOUNDATION: &[&[&str]] = &[
    &["kernel"],
    &["config", "telemetry", "crypto"],
    &["db"],
    &["audit"],
    &["web", "auth"],
    &["services"],
    &["jobs", "policy", "rotation"],
    &["files"],
];

/// Where the order of the foundation is broken, each with its reason.
const ACROSS: &[(&str, &str, &str)] = &[
    (
        "config",
        "crypto",
        "a key that cannot be read is told with everything else that is wrong",
    ),
    ("crypto", "db", "the key of a subject is a row"),
    (
        "web",
        "auth",
        "the route table names permissions, and a page its reader",
    ),
    (
        "auth",
        "web",
        "the guard answers requests, with the web's errors",
    ),
    (
        "web",
        "services",
        "pages and streams are handed what every feature is",
    ),
    (
        "auth",
        "services",
        "the guard is handed what every feature is",
    ),
];

/// State machines and rules: they import the kernel, each other and std. No database, no clock of their
/// own, no IO.
const PURE: &[&str] = &[
    "alerts/alert",
    "alerts/alertmanager/posted",
    "alerts/burn",
    "alerts/flap",
    "alerts/labels",
    "alerts/rule",
    "alerts/silences/matcher",
    "alerts/silences/silence",
    "alerts/step",
    "alerts/windows/window",
    "alerts/words",
    "audit_log/filter",
    "capacity/trend",
    "checklists/run",
    "checklists/slots",
    "connectors/breaker",
    "connectors/words",
    "digests/digest",
    "health/cache",
    "health/claims/claim",
    "health/exposition",
    "health/latency",
    "health/probe",
    "health/series",
    "health/slice",
    "health/queue",
    "heartbeats/heartbeat",
    "heartbeats/ping",
    "health/resp",
    "hooks/message",
    "incidents/incident",
    "incidents/review",
    "intake/column",
    "intake/country",
    "intake/currency",
    "intake/names",
    "intake/row",
    "intake/subject",
    "notify/address",
    "notify/endpoint",
    "notify/gather",
    "notify/letter",
    "notify/notice",
    "logs/filter",
    "logs/line",
    "logs/mask",
    "logs/moment",
    "notify/signing",
    "packs/calendar",
    "packs/change",
    "packs/guards",
    "packs/guards/rules",
    "packs/lines",
    "oncall/escalation",
    "oncall/rota",
    "packs/pack",
    "packs/parameters",
    "packs/pattern",
    "packs/quantity",
    "packs/severity",
    "people/proposal",
    "posture/finding",
    "posture/hello",
    "releases/release",
    "reviews/case",
    "reviews/proposal",
    "reviews/risk",
    "reviews/step",
    "reviews/verdict",
    "rules/beats",
    "rules/burns",
    "rules/fields",
    "rules/replay",
    "rules/said",
    "rules/text",
    "rules/words",
    "sar/grant",
    "screening/birth",
    "screening/country_names",
    "screening/hit",
    "screening/listed",
    "screening/matching",
    "screening/name",
    "screening/plain",
    "screening/policy",
    "screening/word",
    "slo/budget",
    "slo/month",
    "watched/life",
];

/// What asks something of the world, as the code that does it is written.
const OUTWARD: &[&str] = &[
    "reqwest::Client",
    "reqwest::{",
    "SmtpTransport",
    "tokio_postgres::",
    "TcpStream",
    "UdpSocket",
];

struct Source {
    path: PathBuf,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 30, "the sources were not found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(Source {
                text: code(&fs::read_to_string(&path).unwrap()),
                path: path.strip_prefix(root).unwrap().to_owned(),
            });
        }
    }
}

/// The text without comments and without the tests at its end.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    body.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Source {
    /// Where the file stands: `foundation::db::pool`.
    fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let mut parts: Vec<String> = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        parts
    }

    /// Every path of ours that the text mentions, from the crate's root, however it is written there.
    fn paths(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for root in ["crate", "super", "self"] {
            for (at, _) in self.text.match_indices(&format!("{root}::")) {
                let before = self.text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                for path in expand(&self.text[at..]) {
                    found.extend(self.resolve(&path));
                }
            }
        }
        found
    }

    fn resolve(&self, path: &str) -> Option<Vec<String>> {
        let mut parts = path.split("::").peekable();
        let mut base = match *parts.peek()? {
            "crate" => {
                parts.next();
                Vec::new()
            }
            _ => self.module(),
        };
        while let Some(step) = parts.peek() {
            match *step {
                "super" => drop(base.pop()?),
                "self" => {}
                _ => break,
            }
            parts.next();
        }
        base.extend(parts.map(str::to_owned));
        Some(base)
    }

    /// What this file uses of a floor: the names right under it.
    fn uses(&self, floor: &str) -> BTreeSet<String> {
        let paths = self.paths().into_iter();
        paths
            .filter(|path| path.first().is_some_and(|first| first == floor))
            .filter_map(|path| path.into_iter().nth(1))
            .collect()
    }

    /// The names after `prefix` (`schema::`), wherever the text mentions them.
    fn names_after(&self, prefix: &str) -> BTreeSet<String> {
        self.text
            .match_indices(prefix)
            .flat_map(|(at, _)| expand(&self.text[at..]))
            .filter_map(|path| path.split("::").nth(1).map(str::to_owned))
            .collect()
    }

    /// The second part of the path: the feature or the module of the foundation.
    fn part(&self, floor: &str) -> Option<String> {
        let mut parts = self.path.components().map(std::path::Component::as_os_str);
        (parts.next()? == floor).then_some(())?;
        let name = parts.next()?.to_string_lossy().into_owned();
        Some(name.trim_end_matches(".rs").to_owned())
    }

    fn is_named(&self, name: &str) -> bool {
        self.path.file_name().is_some_and(|file| file == name)
    }
}

/// A name that a feature hands out stands in the module that it comes from.
fn resolve_re_export(path: &[String]) -> Vec<String> {
    let [floor, feature, name] = path else {
        return path.to_vec();
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = root.join(floor).join(feature).join("mod.rs");
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut handed_out = text
        .match_indices("pub use ")
        .flat_map(|(at, found)| expand(&text[at + found.len()..]));
    let ending = format!("::{name}");
    let origin = handed_out.find_map(|found| found.strip_suffix(&ending).map(str::to_owned));
    match origin {
        Some(origin) => vec![floor.clone(), feature.clone(), origin, name.clone()],
        None => path.to_vec(),
    }
}

/// The paths that begin here, with every group taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(text: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_path(c)).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let Some(group) = rest.strip_prefix('{').filter(|_| head.ends_with("::")) else {
        return vec![head.trim_end_matches("::").to_owned()];
    };
    let mut items = vec![String::new()];
    let mut depth = 0;
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => items.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                if let Some(item) = items.last_mut() {
                    item.push(c);
                }
            }
        }
    }
    items
        .iter()
        .map(|item| item.trim())
        .filter(|item| !item.is_empty())
        .flat_map(expand)
        .map(|item| match item.as_str() {
            "self" => head.trim_end_matches("::").to_owned(),
            _ => format!("{head}{item}"),
        })
        .collect()
}

#[test]
fn groups_are_taken_apart() {
    let found = expand("super::{db::{self, Conn}, kernel::Clock};");
    assert_eq!(
        found,
        ["super::db", "super::db::Conn", "super::kernel::Clock"]
    );
    let source = Source {
        path: PathBuf::from("foundation/audit/tx.rs"),
        text: "use super::super::db::Conn; fn f(_: self::jcs::X) {}".to_owned(),
    };
    let paths: Vec<String> = source.paths().iter().map(|path| path.join("::")).collect();
    assert_eq!(
        paths,
        ["foundation::db::Conn", "foundation::audit::tx::jcs::X"]
    );
}

fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_foundation_knows_no_feature() {
    let broken = sources()
        .iter()
        .filter(|source| source.part("foundation").is_some())
        .filter(|source| looks_up(source, &["features", "app", "cli"]))
        .map(|source| format!("{} looks up", source.path.display()))
        .collect();
    report(broken);
}

fn looks_up(source: &Source, above: &[&str]) -> bool {
    let mut paths = source.paths().into_iter();
    paths.any(|path| {
        path.first()
            .is_some_and(|first| above.contains(&first.as_str()))
    })
}

fn floor_of(module: &str) -> Option<usize> {
    FOUNDATION
        .iter()
        .position(|modules| modules.contains(&module))
}

#[test]
fn the_foundation_has_an_order() {
    let mut broken = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for source in sources() {
        let Some(module) = source.part("foundation").filter(|module| module != "mod") else {
            continue;
        };
        let Some(floor) = floor_of(&module) else {
            broken.insert(format!("{module} has no place in the order"));
            continue;
        };
        for used in source.uses("foundation") {
            let used = if used == "Services" {
                "services"
            } else {
                used.as_str()
            };
            if used == module || floor_of(used).is_none_or(|used| used < floor) {
                continue;
            }
            let across = ACROSS
                .iter()
                .find(|(from, to, _)| *from == module && *to == used);
            match across {
                Some((from, to, _)) => drop(needed.insert((*from, *to))),
                None => drop(broken.insert(format!("{} uses {used}", source.path.display()))),
            }
        }
    }
    for (from, to, _) in ACROSS {
        if !needed.contains(&(*from, *to)) {
            broken.insert(format!("{from} no longer uses {to}: take it off the list"));
        }
    }
    report(broken.into_iter().collect());
}

#[test]
fn features_meet_along_a_short_list() {
    let mut broken = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for source in sources() {
        let Some(feature) = source.part("features").filter(|feature| feature != "mod") else {
            continue;
        };
        for other in source.uses("features") {
            if other == feature {
                continue;
            }
            let line = BETWEEN_FEATURES
                .iter()
                .find(|(from, to, _)| *from == feature && *to == other);
            match line {
                Some((from, to, _)) => drop(needed.insert((*from, *to))),
                None => drop(broken.insert(format!("{} uses {other}", source.path.display()))),
            }
        }
        if looks_up(&source, &["app", "cli"]) {
            broken.insert(format!("{} looks up", source.path.display()));
        }
    }
    for (from, to, _) in BETWEEN_FEATURES {
        if !needed.contains(&(*from, *to)) {
            broken.insert(format!("{from} no longer uses {to}: take it off the list"));
        }
    }
    report(broken.into_iter().collect());
}

#[test]
fn features_meet_without_a_circle() {
    let mut left: Vec<(&str, &str)> = BETWEEN_FEATURES
        .iter()
        .map(|(from, to, _)| (*from, *to))
        .collect();
    // Whoever uses nobody who is left cannot be part of a circle.
    loop {
        let users: BTreeSet<&str> = left.iter().map(|(from, _)| *from).collect();
        let before = left.len();
        left.retain(|(_, to)| users.contains(to));
        if left.len() == before {
            break;
        }
    }
    assert_eq!(left, [], "these use each other in a circle");
}

#[test]
fn state_machines_and_rules_are_pure() {
    let mut missing: BTreeSet<&str> = PURE.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        let name = source.path.with_extension("");
        let Ok(name) = name.strip_prefix("features") else {
            continue;
        };
        let name = name.to_string_lossy().into_owned();
        if !missing.remove(name.as_str()) {
            continue;
        }
        for path in source.paths() {
            let joined = resolve_re_export(&path).join("/");
            let is_pure = joined == "typed_id"
                || joined.starts_with("foundation/kernel")
                || PURE
                    .iter()
                    .any(|pure| joined.starts_with(&format!("features/{pure}")))
                // A module of its own inside the file.
                || joined.starts_with(&source.module()[..2].join("/"))
                    && path.last().is_some_and(|last| last == "Money");
            if !is_pure {
                broken.push(format!("{name} uses {joined}"));
            }
        }
        let impure = ["::now()", "std::fs", "std::env", "diesel", "tokio"];
        let words = impure.iter().chain(OUTWARD);
        for word in words.filter(|word| source.text.contains(**word)) {
            broken.push(format!("{name} says {word}"));
        }
    }
    broken.extend(missing.iter().map(|name| format!("{name} is gone")));
    report(broken);
}

#[test]
fn nobody_asks_the_world_inside_a_transaction() {
    let broken = sources()
        .iter()
        .filter(|source| OUTWARD.iter().any(|word| source.text.contains(word)))
        .filter(|source| {
            let transactions = [
                "audit.write",
                ".write_on(",
                ".write_unaudited(",
                "Tx<",
                ".read_on(",
            ];
            source.part("features").is_some()
                && transactions.iter().any(|word| source.text.contains(word))
        })
        .map(|source| format!("{} asks outside and writes inside", source.path.display()))
        .collect();
    report(broken);
}

#[test]
fn tables_are_named_in_stores_only() {
    let broken = sources()
        .iter()
        .filter(|source| source.part("foundation").is_none())
        .filter(|source| source.text.contains("diesel::") || source.text.contains("use diesel"))
        .filter(|source| {
            let in_store_folder = source
                .path
                .components()
                .any(|part| part.as_os_str() == "store");
            !source.is_named("store.rs") && !in_store_folder
        })
        .map(|source| format!("{} speaks to the database", source.path.display()))
        .collect();
    report(broken);
}

#[test]
fn only_stores_of_its_own_feature_name_a_table() {
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let Some(feature) = source.part("features") else {
            continue;
        };
        for table in source.names_after("schema::") {
            owners.entry(table).or_default().insert(feature.clone());
        }
    }
    // Every feature may look up a platform's name.
    let shared = ["platform"];
    let broken = owners
        .into_iter()
        .filter(|(table, features)| features.len() > 1 && !shared.contains(&table.as_str()))
        .map(|(table, features)| format!("{table} is named by {features:?}"))
        .collect();
    report(broken);
}

#[test]
fn nothing_unsafe_and_no_panic_by_hand() {
    let broken = sources()
        .iter()
        .flat_map(|source| {
            source.text.lines().filter_map(|line| {
                let panics = line.contains(".unwrap()")
                    || (line.contains(".expect(")
                        && !line.contains("// cannot fail")
                        && !line.contains("// start-up"));
                let in_tests = source.path.to_string_lossy().contains("tests");
                (panics && !in_tests).then(|| format!("{}: {}", source.path.display(), line.trim()))
            })
        })
        .collect();
    report(broken);
}

#[test]
fn no_template_holds_script_style_or_unescaped_text() {
    let forbidden = [
        "<style",
        "<script>",
        " style=\"",
        " onclick=",
        " onerror=",
        " onload=",
        "javascript:",
        "|safe",
        "| safe",
    ];
    let mut broken = Vec::new();
    for (path, text) in templates() {
        for forbidden in forbidden.iter().filter(|it| text.contains(**it)) {
            broken.push(format!("{} holds {forbidden}", path.display()));
        }
    }
    report(broken);
}

/// What stands behind a file is not kept for somebody who has to sign in first.
#[test]
fn nothing_is_typed_behind_a_file() {
    let fields = ["text(", "area(", "select(", "choice(", "choices("];
    let mut broken = Vec::new();
    let mut seen = 0;
    for (path, text) in templates() {
        for form in text.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let Some((_, behind)) = form.split_once("{{ field::file(") else {
                continue;
            };
            seen += 1;
            let typed = fields.iter().map(|field| format!("field::{field}"));
            let found = typed.filter(|field| behind.contains(field.as_str()));
            broken.extend(found.map(|field| format!("{} has {field}", path.display())));
        }
    }
    assert!(seen >= 5, "{seen}");
    report(broken);
}

fn templates() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// Diesel's ways to open one.
const TRANSACTIONS: [&str; 4] = [
    ".transaction(",
    "build_transaction(",
    "begin_transaction(",
    "begin_test_transaction(",
];

/// The pools begin and end transactions themselves; one of diesel's inside of theirs would commit theirs.
#[test]
fn nobody_opens_a_transaction_inside_another() {
    let broken = sources()
        .iter()
        .filter(|source| TRANSACTIONS.iter().any(|call| source.text.contains(call)))
        // The sealer's and the commands' own connections, which come from no pool.
        .filter(|source| {
            !["anchors.rs", "epoch.rs", "seal.rs"]
                .iter()
                .any(|own| source.path.ends_with(format!("audit/{own}")))
                && !source.path.ends_with("db/pool.rs")
        })
        .map(|source| format!("{} opens a transaction", source.path.display()))
        .collect();
    report(broken);
}

/// What may be written into a statement, by file and name: each a name or number of ours, never what somebody typed.
/// Words in capitals are constants.
const WRITTEN_IN: &[(&str, &str, &str)] = &[
    ("audit/", "prefix", "one of the two logs"),
    (
        "audit/store.rs",
        "lock",
        "how a row is held: one of two words",
    ),
    (
        "audit/store.rs",
        "most",
        "a limit that the caller has as a constant",
    ),
    (
        "crypto/sealed.rs",
        "table",
        "of the list of encrypted columns",
    ),
    (
        "crypto/sealed.rs",
        "column",
        "of the list of encrypted columns",
    ),
    ("crypto/sealed.rs", "names", "key columns of that list"),
    ("crypto/sealed.rs", "named", "key columns of that list"),
    ("crypto/sealed.rs", "given", "key columns of that list"),
    ("crypto/sealed.rs", "same", "key columns of that list"),
    ("crypto/sealed.rs", "texts", "key columns of that list"),
    ("crypto/sealed.rs", "beyond", "key columns of that list"),
    (
        "db/migrate.rs",
        "readers",
        "the roles that read the table of migrations",
    ),
    (
        "db/pool.rs",
        "",
        "a number of ours: how long a statement may take",
    ),
    ("db/roles.rs", "", "a role of ours"),
    ("db/roles.rs", "database", "the private cluster's"),
    ("db/roles.rs", "name", "a role of ours"),
    (
        "db/roles.rs",
        "password",
        "of a role of the private cluster, made by us",
    ),
];

/// Statements that stand in a variable first, each with the reason.
const BUILT_BEFORE: &[(&str, &str)] = &[
    ("db/rights.rs", "constants of the same function"),
    ("db/inspect.rs", "constants of the same function"),
    ("foundation/rotation.rs", "a constant of the same function"),
    (
        "db/pool.rs",
        "what a transaction says of itself, its values quoted by the server's own rules",
    ),
    (
        "db/migrate.rs",
        "the migrations that are part of the program",
    ),
    ("db/roles.rs", "a constant of the same function"),
    ("db/cluster/tests.rs", "constants of the tests"),
    (
        "crypto/subject_keys.rs",
        "a name of ours, written into a constant",
    ),
    ("features/alerts/store", "constants of the module"),
];

/// Calls that take SQL as text, up to where the text begins.
const TAKES_SQL: [&str; 3] = ["sql_query(", "fixed(", "batch_execute("];

/// The text between the first quotation mark and the next that is not escaped.
fn literal(text: &str) -> &str {
    let text = text.split_once('"').map_or("", |(_, rest)| rest);
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    &text[..end.unwrap_or(text.len())]
}

/// What is written into the statements of this text that comes from no closed list, and how many statements there are.
fn written_in(path: &str, text: &str) -> (usize, Vec<String>) {
    let mut seen = 0;
    let mut broken = Vec::new();
    let calls = TAKES_SQL.iter().flat_map(|call| {
        let found = text.match_indices(call);
        found.map(|(at, call)| at + call.len())
    });
    let typed = text.match_indices("sql::<").filter_map(|(at, _)| {
        let open = text[at..].find(">(")?;
        Some(at + open + 2)
    });
    for at in calls.chain(typed) {
        let argument = text[at..].trim_start().trim_start_matches('&').trim_start();
        let is_declared = text[..at].trim_end_matches("fixed(").ends_with("fn ");
        if is_declared {
            continue;
        }
        seen += 1;
        if let Some(format) = argument.strip_prefix("format!(") {
            for part in literal(format).split('{').skip(1) {
                let name = part.split(['}', ':']).next().unwrap();
                let is_constant =
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
                let is_known = WRITTEN_IN
                    .iter()
                    .any(|(file, known, _)| path.contains(file) && *known == name);
                if !(is_constant || is_known) {
                    broken.push(format!("{path} writes {name:?} into a statement"));
                }
            }
            continue;
        }
        let name: String = argument
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let is_constant =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let is_known = BUILT_BEFORE.iter().any(|(file, _)| path.contains(file));
        if !(argument.starts_with('"') || is_constant || is_known) {
            let shown: String = argument.chars().take(40).collect();
            broken.push(format!("{path} has a statement from elsewhere: {shown}"));
        }
    }
    (seen, broken)
}

/// Values are parameters. What is written into a statement itself comes from a closed list.
#[test]
fn no_query_is_put_together_from_values() {
    let mut seen = 0;
    let mut broken = Vec::new();
    for source in sources() {
        let (statements, wrong) = written_in(&source.path.to_string_lossy(), &source.text);
        seen += statements;
        broken.extend(wrong);
    }
    assert!(seen > 60, "the statements were not found: {seen}");
    report(broken);
    for bad in [
        "sql_query(format!(\"SELECT {typed}\"))",
        "sql_query(format!(\"SELECT {}\", typed))",
        "sql_query(typed)",
        "conn.batch_execute(&typed)",
        "sql::<Bool>(&format!(\"a = {typed}\"))",
        "fixed(text)",
    ] {
        let (seen, wrong) = written_in("features/any/store.rs", bad);
        assert_eq!((seen, wrong.len()), (1, 1), "{bad}");
    }
}
