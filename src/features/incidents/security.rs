//! What Signalbox finds about itself that is a security incident, and from when on it is one.

use chrono::TimeDelta;

use super::actions::Result;
use super::actions::opening::{self, Found};
use super::incident::{Cause, Source};
use super::store;
use crate::foundation::Services;
use crate::foundation::auth::attempts::{self, Failed};
use crate::foundation::db::PoolKind;
use crate::foundation::web::format::counted;

/// So many failed tries at signing in within [`STORM_WINDOW`], of everybody together, are a storm.
///
/// One account is blocked after five from one network, and one address after twenty. Fifty are not one person who has
/// forgotten a password, and not one address either, unless somebody goes on while it is blocked: it is a program that
/// tries many accounts, or one account from many places.
pub const STORM_TRIES: i64 = 50;

/// The window of the throttle itself, so that what it counts is what is counted here.
pub const STORM_WINDOW: TimeDelta = TimeDelta::minutes(15);

/// While a storm goes on it is told once in so long.
const STORM_TOLD_EVERY: TimeDelta = STORM_WINDOW;

/// A log that does not verify is found again at each check, and told once in so long.
const CHECK_TOLD_EVERY: TimeDelta = TimeDelta::hours(1);

/// Whether these tries are a storm.
#[must_use]
pub const fn is_storm(failed: Failed) -> bool {
    failed.tries >= STORM_TRIES
}

/// Looks at the counters of the door. What came before the last storm was resolved is that one's.
pub fn look_at_the_door(services: &Services) -> Result<()> {
    let now = services.clock.now();
    let failed = services.db.read_on(PoolKind::Jobs, |conn| {
        let resolved = store::last_resolved(conn, Cause::SignInStorm)?;
        let since = now - STORM_WINDOW;
        attempts::failed_since(conn, resolved.map_or(since, |at| at.max(since)))
    })?;
    if !is_storm(failed) {
        return Ok(());
    }
    let Failed { tries, sources } = failed;
    let sources = counted(
        sources.unsigned_abs(),
        "address or known device",
        "addresses and known devices",
    );
    let found = Found {
        cause: Cause::SignInStorm,
        title: "A storm of failed sign-ins",
        evidence: format!(
            "{tries} tries to sign in have failed within {} minutes, from {sources}. From {STORM_TRIES} on it is a storm. \
             The audit log has them under session.sign_in_failed and session.throttled.",
            STORM_WINDOW.num_minutes()
        ),
        source: Source::SignIn,
        quiet: STORM_TOLD_EVERY,
    };
    opening::found(services, &found).map(drop)
}

/// The audit log did not hold.
pub fn log_failed(services: &Services, finding: &str) -> Result<()> {
    let found = Found {
        cause: Cause::AuditVerification,
        title: "The audit log does not verify",
        evidence: format!(
            "A check of the audit log has found: {finding}. Export the log and verify it before anything else is done."
        ),
        source: Source::AuditLog,
        quiet: CHECK_TOLD_EVERY,
    };
    opening::found(services, &found).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::auth::throttle::Scope;

    #[test]
    fn a_storm_is_more_than_one_address_is_let_try() {
        let tries = |tries| Failed { tries, sources: 1 };
        assert!(!is_storm(tries(STORM_TRIES - 1)));
        assert!(is_storm(tries(STORM_TRIES)));
        let one_address = i64::try_from(Scope::Address.limit().tries).unwrap();
        assert!(STORM_TRIES > 2 * one_address);
        assert_eq!(STORM_WINDOW, Scope::Address.limit().window);
    }
}
