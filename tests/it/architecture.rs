//! Who may know whom, read from the imports. The rules are the crate docs' map of the house.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A feature may use another one only along these lines, each with its reason.
const BETWEEN_FEATURES: &[(&str, &str, &str)] = &[
    ("alerts", "health", "rules read probe states and indicators"),
    (
        "alerts",
        "packs",
        "rules and runbooks are declared in packs",
    ),
    (
        "health",
        "packs",
        "services and probes are declared in packs",
    ),
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

/// What each module of the foundation may use besides itself.
const FOUNDATION: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("config", &["kernel", "crypto"]),
    ("telemetry", &["kernel", "config", "db"]),
    ("crypto", &["kernel", "config", "db"]),
    ("db", &["kernel", "config", "crypto", "telemetry"]),
    ("audit", &["kernel", "config", "telemetry", "crypto", "db"]),
    (
        "jobs",
        &[
            "kernel",
            "config",
            "telemetry",
            "crypto",
            "db",
            "audit",
            "services",
        ],
    ),
    (
        "files",
        &[
            "kernel",
            "config",
            "telemetry",
            "crypto",
            "db",
            "audit",
            "services",
            "web",
            "auth",
            "jobs",
        ],
    ),
    ("policy", &["kernel", "config", "db", "audit", "services"]),
    (
        "auth",
        &[
            "kernel",
            "config",
            "telemetry",
            "crypto",
            "db",
            "audit",
            "services",
            "web",
        ],
    ),
    (
        "web",
        &[
            "kernel",
            "config",
            "telemetry",
            "crypto",
            "db",
            "audit",
            "services",
            "auth",
            "jobs",
        ],
    ),
    (
        "services",
        &[
            "kernel",
            "config",
            "telemetry",
            "crypto",
            "db",
            "audit",
            "auth",
            "web",
        ],
    ),
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
    /// The names after `prefix` (`crate::features::`), wherever the text mentions them.
    fn names_after(&self, prefix: &str) -> BTreeSet<String> {
        self.text
            .match_indices(prefix)
            .flat_map(|(at, _)| {
                let rest = &self.text[at + prefix.len()..];
                let group = rest.strip_prefix('{').map(|group| {
                    let end = group.find('}').unwrap_or(group.len());
                    group[..end].to_owned()
                });
                let list = group.unwrap_or_else(|| rest.to_owned());
                let first = |item: &str| {
                    item.trim()
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect::<String>()
                };
                if rest.starts_with('{') {
                    list.split(',').map(first).collect::<Vec<_>>()
                } else {
                    vec![first(&list)]
                }
            })
            .filter(|name| !name.is_empty())
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

fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_foundation_knows_no_feature() {
    let broken = sources()
        .iter()
        .filter(|source| source.part("foundation").is_some())
        .filter(|source| {
            source.text.contains("crate::features") || source.text.contains("crate::app")
        })
        .map(|source| format!("{} looks up", source.path.display()))
        .collect();
    report(broken);
}

#[test]
fn the_foundation_has_an_order() {
    let allowed: BTreeMap<&str, &[&str]> = FOUNDATION.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        let Some(module) = source.part("foundation").filter(|module| module != "mod") else {
            continue;
        };
        let Some(allowed) = allowed.get(module.as_str()) else {
            broken.push(format!("{module} has no place in the order"));
            continue;
        };
        for used in source.names_after("crate::foundation::") {
            let is_module = FOUNDATION.iter().any(|(name, _)| *name == used);
            if is_module && used != module && !allowed.contains(&used.as_str()) {
                broken.push(format!("{} uses {used}", source.path.display()));
            }
        }
    }
    report(broken);
}

#[test]
fn features_meet_along_a_short_list() {
    let mut broken = Vec::new();
    let mut used_lines = BTreeSet::new();
    for source in sources() {
        let Some(feature) = source.part("features") else {
            continue;
        };
        for other in source.names_after("crate::features::") {
            if other == feature {
                continue;
            }
            if BETWEEN_FEATURES
                .iter()
                .any(|(from, to, _)| *from == feature && *to == other)
            {
                used_lines.insert((feature.clone(), other));
            } else {
                broken.push(format!("{} uses {other}", source.path.display()));
            }
        }
        if source.text.contains("crate::app") || source.text.contains("crate::cli") {
            broken.push(format!("{} looks up", source.path.display()));
        }
    }
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut broken = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for forbidden in [
                "<style",
                "<script>",
                " style=\"",
                " onclick=",
                "javascript:",
                "|safe",
                "| safe",
            ] {
                if text.contains(forbidden) {
                    broken.push(format!("{} holds {forbidden}", path.display()));
                }
            }
        }
    }
    report(broken);
}
