//! What `docs/packs.md` says of the format is what the program reads.

use signalbox::features::packs::pack::Measure;

use super::read;

/// What stands after `mark` in a line of source, up to `end`.
fn named<'s>(source: &'s str, mark: &'s str, end: char) -> impl Iterator<Item = &'s str> {
    source.lines().filter_map(move |line| {
        let (_, rest) = line.split_once(mark)?;
        rest.split(end).next()
    })
}

/// Fields that the file calls otherwise than the program does.
const RENAMED: &[&str] = &[
    "services",
    "probes",
    "scrapes",
    "indicators",
    "event_types",
    "heartbeats",
    "connectors",
    "external_services",
    "backup_plans",
    "promises",
    "log_sources",
    "error_codes",
    "inhibitions",
    "contacts",
    "rotas",
    "slos",
    "capacities",
    "escalations",
    "rules",
    "checklists",
    "release_gates",
    "items",
    "runbooks",
    "accepted",
    "lasting",
];

#[test]
fn every_key_figure_and_error_of_a_pack_is_documented() {
    let document = read("docs/packs.md");
    let shapes: String = [
        "pack.rs",
        "pack/backups.rs",
        "pack/causes.rs",
        "pack/check.rs",
        "pack/checklists.rs",
        "pack/connectors.rs",
        "pack/external.rs",
        "pack/heartbeats.rs",
        "pack/levels.rs",
        "pack/logs.rs",
        "pack/metrics.rs",
        "pack/queue.rs",
        "pack/maintenance.rs",
        "pack/oncall.rs",
        "pack/rules.rs",
    ]
    .iter()
    .map(|file| read(&format!("src/features/packs/{file}")))
    .collect();
    let keys: Vec<&str> = named(&shapes, "    pub ", ':')
        .filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .filter(|key| !RENAMED.contains(key))
        .chain(named(&shapes, "rename = \"", '"'))
        .collect();
    assert!(keys.len() > 50, "{keys:?}");
    let is_told = |key: &str| {
        ["`KEY`", "`[KEY]`", "`[[KEY]]`", "`on.KEY ="]
            .iter()
            .any(|form| document.contains(&form.replace("KEY", key)))
    };
    let untold: Vec<&&str> = keys.iter().filter(|key| !is_told(key)).collect();
    assert!(untold.is_empty(), "not in docs/packs.md: {untold:?}");

    for kind in [
        "http",
        "tcp",
        "tls",
        "postgres",
        "prometheus",
        "redis",
        "queue",
        "host",
        "file",
    ] {
        assert!(document.contains(&format!("### `check.{kind}`")), "{kind}");
    }
    for measure in Measure::ALL {
        let row = format!("| `{}` | ", measure.as_str());
        assert!(document.contains(&row), "{measure:?}");
    }

    let linter = [
        "lint.rs",
        "lint/backups.rs",
        "lint/external.rs",
        "lint/checklists.rs",
        "lint/heartbeats.rs",
        "lint/levels.rs",
        "lint/connectors.rs",
        "lint/logs.rs",
        "lint/metrics.rs",
        "lint/maintenance.rs",
        "lint/oncall.rs",
        "lint/runbooks.rs",
    ]
    .iter()
    .map(|file| read(&format!("src/features/packs/{file}")))
    .collect::<String>();
    let mut codes = 0;
    for (index, call) in linter.match_indices("self.") {
        let call = &linter[index + call.len()..];
        if !(call.starts_with("error(") || call.starts_with("warn(")) {
            continue;
        }
        let code = call.split('"').nth(1).unwrap();
        assert!(document.contains(&format!("| `{code}` | ")), "{code}");
        codes += 1;
    }
    assert!(codes > 15, "{codes}");
}
