//! The database: reachable, current, tuned, and closed to those who should not change it.

use chrono::{DateTime, Duration, Utc};

use super::finding::Finding;
use crate::foundation::config::Config;
use crate::foundation::db::inspect::{self, Inspection, Setting};
use crate::foundation::db::rights;
use crate::foundation::kernel::Secret;

const LINK: &str = "database TLS";
const PASSWORDS: &str = "passwords";
const OLDEST_VERSION: i32 = 150_000;
const GIB: i64 = 1 << 30;
const MIB: i64 = 1 << 20;

/// At least this much on a machine with 16 GB that also serves the application (compose.yml sets them).
const MEMORY: [(&str, i64, &str); 5] = [
    ("shared_buffers", 4 * GIB, "4GB"),
    ("effective_cache_size", 8 * GIB, "10GB"),
    ("work_mem", 16 * MIB, "16MB"),
    ("maintenance_work_mem", 512 * MIB, "512MB"),
    ("max_wal_size", 4 * GIB, "4GB"),
];

/// Without these an acknowledged write can be lost, or damage pass unseen.
const SAFETY: [(&str, &str); 3] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
];

/// The sealer, the probes and `psql` need some beside the pools.
const OTHER_CONNECTIONS: u32 = 12;

const CLOCK_WARN_MS: i64 = 1_000;
/// A one-time code lives 30 s.
const CLOCK_FAIL_MS: i64 = 15_000;
const UNSEALED_LIMIT_SECS: i64 = 60;

/// Looks through the application's own connection, and the sealer's if there is one.
pub fn examine(
    config: &Config,
    app: &Secret<String>,
    sealer: Option<&Secret<String>>,
    is_private: bool,
) -> Vec<Finding> {
    let inspection = match inspect::inspect(app) {
        Ok(inspection) => inspection,
        Err(error) => {
            let mend = "check DATABASE_URL, and that the server runs and lets this machine in";
            return vec![Finding::fail("database", error.to_string(), mend)];
        }
    };
    let mut findings = vec![server(&inspection)];
    findings.extend(guards(&inspection, is_private));
    findings.extend(passwords(app));
    findings.push(connections(config, &inspection.settings));
    if !is_private {
        findings.extend(memory(&inspection.settings));
    }
    if inspection.pending.is_empty() {
        findings.push(seal(sealer));
    }
    findings
}

/// What keeps the database closed to those who should not change it, and true to what it has acknowledged.
pub fn guards(inspection: &Inspection, is_private: bool) -> Vec<Finding> {
    let mut findings = vec![tls(inspection, is_private)];
    findings.extend(role(inspection));
    findings.push(audit_tables(inspection));
    findings.extend(rights(inspection));
    findings.extend(migrations(inspection));
    findings.extend(safety(&inspection.settings));
    findings.push(clock(inspection.clock_ahead_ms));
    findings
}

fn server(inspection: &Inspection) -> Finding {
    let server = &inspection.server;
    let shown = format!(
        "PostgreSQL {}, database {}",
        server.version / 10_000,
        server.database
    );
    if server.version < OLDEST_VERSION {
        return Finding::fail("database", shown, "upgrade the server to 15 or newer");
    }
    if server.is_standby {
        return Finding::fail(
            "database",
            format!("{shown}, a standby"),
            "point DATABASE_URL at the primary",
        );
    }
    if server.encoding != "UTF8" {
        let found = format!("{shown}, encoding {}", server.encoding);
        return Finding::fail("database", found, "make the database with ENCODING 'UTF8'");
    }
    Finding::ok("database", shown)
}

fn tls(inspection: &Inspection, is_private: bool) -> Finding {
    if inspection.server.is_tls {
        Finding::ok(LINK, "the connection is encrypted")
    } else if is_private {
        Finding::ok(
            LINK,
            "none, and none needed: the private cluster is reached over loopback only",
        )
    } else {
        let mend = "add sslmode=verify-full to DATABASE_URL unless the server is on this machine";
        Finding::warn(LINK, "the connection is not encrypted", mend)
    }
}

fn role(inspection: &Inspection) -> Vec<Finding> {
    let role = &inspection.role;
    let name = &role.name;
    let mend = "connect as signalbox_app, which `signalbox migrate` makes";
    let mut findings = Vec::new();
    let wrongs = [
        (role.is_superuser, "is a superuser"),
        (
            role.is_privileged,
            "may make roles or databases, replicate or pass over row security",
        ),
        (
            role.can_become_owner && !role.is_superuser,
            "may become the owner of every table",
        ),
        (
            role.can_make_tables && !role.is_superuser,
            "may make tables",
        ),
    ];
    for (_, wrong) in wrongs.iter().filter(|(is_so, _)| *is_so) {
        findings.push(Finding::fail(
            "database role",
            format!("{name} {wrong}"),
            mend,
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            "database role",
            format!("{name}, without special rights"),
        ));
    }
    findings
}

fn audit_tables(inspection: &Inspection) -> Finding {
    let tables = &inspection.changeable_audit_tables;
    if tables.is_empty() {
        return Finding::ok(
            "audit tables",
            "the application can add to them and nothing else",
        );
    }
    let found = format!("the application could change {}", tables.join(", "));
    Finding::fail(
        "audit tables",
        found,
        "revoke UPDATE, DELETE and TRUNCATE from its role, and ask who granted them",
    )
}

fn rights(inspection: &Inspection) -> Vec<Finding> {
    const SUBJECT: &str = "database rights";
    if !inspection.pending.is_empty() {
        // What is missing comes with them.
        return Vec::new();
    }
    if inspection.weaknesses.is_empty() {
        let found = "each role may do what it should, and row security is forced";
        return vec![Finding::ok(SUBJECT, found)];
    }
    let each = inspection.weaknesses.iter();
    each.map(|weakness| Finding::fail(SUBJECT, weakness.found.as_str(), weakness.mend.as_str()))
        .collect()
}

/// Whether anybody who can reach the database gets in as one of its accounts.
pub fn passwords(app: &Secret<String>) -> Vec<Finding> {
    let open = match rights::open_doors(app) {
        Ok(open) => open,
        Err(why) => return vec![passwords_unseen(&why)],
    };
    if open.is_empty() {
        let found = "no database account has one that everybody knows";
        return vec![Finding::ok(PASSWORDS, found)];
    }
    let each = open.into_iter();
    each.map(|weakness| Finding::fail(PASSWORDS, weakness.found, weakness.mend))
        .collect()
}

/// The passwords of the database could not be tried.
pub fn passwords_unseen(why: &str) -> Finding {
    let found = format!("those of the database could not be tried: {why}");
    Finding::warn(
        PASSWORDS,
        found,
        "run `signalbox doctor` where the database lets you in",
    )
}

fn migrations(inspection: &Inspection) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !inspection.unknown.is_empty() {
        let found = format!(
            "the database is newer than this program ({})",
            inspection.unknown.join(", ")
        );
        findings.push(Finding::fail(
            "migrations",
            found,
            "run the newer program, or `signalbox migrate --down` with it",
        ));
    }
    if !inspection.pending.is_empty() {
        let found = format!(
            "{} missing, the first is {}",
            inspection.pending.len(),
            inspection.pending[0]
        );
        findings.push(Finding::fail(
            "migrations",
            found,
            "run `signalbox migrate`",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("migrations", "up to date"));
    }
    findings
}

fn shown<'a>(settings: &'a [Setting], name: &str) -> Option<&'a Setting> {
    settings.iter().find(|setting| setting.name == name)
}

fn safety(settings: &[Setting]) -> Vec<Finding> {
    let wrong = SAFETY.iter().filter_map(|(name, wanted)| {
        let setting = shown(settings, name)?;
        // `remote_apply` and its like promise more than `on`.
        let is_safe = if *name == "synchronous_commit" {
            setting.shown != "off"
        } else {
            setting.shown == *wanted
        };
        (!is_safe).then(|| {
            let found = format!(
                "{name} is {}: acknowledged writes can be lost",
                setting.shown
            );
            Finding::fail(
                "durability",
                found,
                format!("ALTER SYSTEM SET {name} = {wanted}, then reload"),
            )
        })
    });
    let mut findings: Vec<Finding> = wrong.collect();
    if findings.is_empty() {
        findings.push(Finding::ok(
            "durability",
            "fsync, full_page_writes and synchronous_commit are on",
        ));
    }
    if shown(settings, "data_checksums").is_some_and(|setting| setting.shown != "on") {
        let mend = "stop the server and run pg_checksums --enable";
        findings.push(Finding::warn(
            "checksums",
            "off: a damaged page would pass unseen",
            mend,
        ));
    }
    findings
}

fn memory(settings: &[Setting]) -> Vec<Finding> {
    let low = MEMORY.iter().filter_map(|(name, least, advice)| {
        let setting = shown(settings, name)?;
        (setting.bytes? < *least).then(|| {
            let found = format!("{name} is {}", setting.shown);
            let mend = format!(
                "{advice} suits a server with 16 GB (ALTER SYSTEM SET {name} = '{advice}')"
            );
            Finding::warn("settings", found, mend)
        })
    });
    let findings: Vec<Finding> = low.collect();
    if findings.is_empty() {
        return vec![Finding::ok("settings", "sized for 16 GB or more")];
    }
    findings
}

fn connections(config: &Config, settings: &[Setting]) -> Finding {
    let pools = &config.database.pools;
    let wanted = pools.web + pools.sign_in + pools.jobs + pools.exports + OTHER_CONNECTIONS;
    let limit: u32 = shown(settings, "max_connections")
        .and_then(|each| each.shown.parse().ok())
        .unwrap_or(0);
    let found = format!("{wanted} wanted per instance, {limit} allowed by the server");
    if wanted > limit {
        return Finding::fail(
            "connections",
            found,
            "raise max_connections or lower SIGNALBOX_POOL_*",
        );
    }
    Finding::ok("connections", found)
}

fn clock(ahead_ms: i64) -> Finding {
    let found = format!("the database is {ahead_ms} ms ahead of this machine");
    let mend =
        "run a time service (chrony, systemd-timesyncd) on both: codes and sessions depend on it";
    match ahead_ms.abs() {
        CLOCK_FAIL_MS.. => Finding::fail("clock", found, mend),
        CLOCK_WARN_MS.. => Finding::warn("clock", found, mend),
        // What lies below is the time that asking takes, and another one each time.
        _ => Finding::ok("clock", "the database and this machine agree"),
    }
}

fn seal(sealer: Option<&Secret<String>>) -> Finding {
    let Some(url) = sealer else {
        let mend = "set SIGNALBOX_SEALER_DATABASE_URL here too, if this machine is to check";
        return Finding::warn(
            "sealer",
            "not looked at: its database address is not known here",
            mend,
        );
    };
    match inspect::oldest_unsealed(url) {
        Err(error) => Finding::fail(
            "sealer",
            error.to_string(),
            "check SIGNALBOX_SEALER_DATABASE_URL",
        ),
        Ok(since) => sealed(since, Utc::now()),
    }
}

/// How the sealer keeps up, from the oldest event that waits for it.
pub fn sealed(oldest: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Finding {
    let Some(since) = oldest else {
        return Finding::ok("sealer", "no event waits for its seal");
    };
    let age = now - since;
    let found = format!(
        "the oldest event waits for its seal since {} s",
        age.num_seconds()
    );
    if age > Duration::seconds(UNSEALED_LIMIT_SECS) {
        let mend =
            "see that `signalbox sealer` runs, as a child of `serve` or as a service of its own";
        Finding::warn("sealer", found, mend)
    } else {
        Finding::ok("sealer", found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn setting(name: &str, shown: &str, bytes: Option<i64>) -> Setting {
        Setting {
            name: name.to_owned(),
            shown: shown.to_owned(),
            bytes,
        }
    }

    #[test]
    fn a_server_that_forgets_writes_is_to_be_mended() {
        let careless = [
            setting("fsync", "off", None),
            setting("synchronous_commit", "on", None),
        ];
        assert_eq!(safety(&careless)[0].verdict, Verdict::Fail);
        let careful = [
            setting("fsync", "on", None),
            setting("synchronous_commit", "remote_apply", None),
        ];
        assert_eq!(safety(&careful)[0].verdict, Verdict::Ok);
    }

    #[test]
    fn small_memory_is_named_with_what_would_suit() {
        let findings = memory(&[setting("shared_buffers", "128MB", Some(128 * MIB))]);
        assert_eq!(findings[0].verdict, Verdict::Warn);
        assert!(findings[0].to_string().contains("shared_buffers = '4GB'"));
    }

    #[test]
    fn clocks_may_differ_a_little() {
        assert_eq!(clock(-40).verdict, Verdict::Ok);
        assert_eq!(clock(-1_500).verdict, Verdict::Warn);
        assert_eq!(clock(60_000).verdict, Verdict::Fail);
    }
}
