//! What the configuration says, and the files that it names.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use crate::foundation::config::{Config, DEMO_METRICS, Mode, RateConfig, TlsConfig};
use crate::foundation::web::tls;

/// Who may see the figures that a scraper reads.
pub fn metrics(config: &Config) -> Finding {
    match config.web.metrics_bind {
        None if config.is_demo() => Finding::ok(
            "metrics",
            format!("on {DEMO_METRICS}, unless another program had it: this is a demo"),
        ),
        None => Finding::ok(
            "metrics",
            "shown nowhere; SIGNALBOX_METRICS_BIND gives them an address",
        ),
        Some(bind) if bind.ip().is_loopback() => Finding::ok("metrics", format!("on {bind}")),
        Some(bind) => Finding::warn(
            "metrics",
            format!("on {bind}, which others may reach: it asks nobody who they are"),
            "see that only your scraper gets there",
        ),
    }
}

/// Behind a proxy that is not named, everybody seems to come from its address, and shares its limits.
pub fn proxies(config: &Config) -> Option<Finding> {
    let behind_one = config.web.is_https() && config.web.tls.is_none();
    (behind_one && config.web.trusted_proxies.is_empty()).then(|| {
        Finding::warn(
            "proxies",
            "people come by https, so through a proxy, and SIGNALBOX_TRUSTED_PROXIES names none",
            "name the proxy's network, so that limits and the log see people's own addresses",
        )
    })
}

/// The certificate that is served without a proxy, and who can read its key.
pub fn certificate(paths: &TlsConfig, now: DateTime<Utc>) -> Finding {
    const SUBJECT: &str = "certificate";
    let shown = paths.certificate.display();
    match tls::load(paths) {
        Err(error) => Finding::fail(
            SUBJECT,
            error.to_string(),
            "put a certificate and its key there; until then the server does not start",
        ),
        Ok(loaded) => match tls::due(loaded.ends_at, now) {
            Some(why) => Finding::warn(
                SUBJECT,
                format!("{shown}: {why}"),
                "renew it; the server takes the new one by itself within a minute",
            ),
            None => Finding::ok(SUBJECT, shown.to_string()),
        },
    }
}

/// How often somebody may ask, and from when on that is as good as always.
pub fn rates(config: &Config) -> Finding {
    const SUBJECT: &str = "Rate limits";
    const GENEROUS: u32 = 10;
    let (set, usual) = (config.web.rates, RateConfig::USUAL);
    let found = format!(
        "{} requests a minute from an address without a session, {} in a session, {} by a key",
        set.address, set.session, set.key
    );
    let pairs = [
        (set.address, usual.address),
        (set.session, usual.session),
        (set.key, usual.key),
    ];
    if pairs.iter().any(|(set, usual)| set / GENEROUS > *usual) {
        let mend = "lower SIGNALBOX_RATE_ADDRESS, SIGNALBOX_RATE_SESSION and SIGNALBOX_RATE_KEY to what people need";
        Finding::warn(SUBJECT, format!("{found}: as good as none"), mend)
    } else {
        Finding::ok(SUBJECT, found)
    }
}

/// Logs of single steps show more of people's work than an operator needs.
pub fn logs(config: &Config) -> Finding {
    const SUBJECT: &str = "Logs";
    let level = config.log_level.as_str();
    let talkative = ["debug", "trace"].iter().any(|each| level.contains(each));
    if talkative && config.mode == Mode::Serve {
        let mend = "set LOG_LEVEL to info once you have found what you look for";
        Finding::warn(SUBJECT, format!("written at level {level}"), mend)
    } else {
        Finding::ok(SUBJECT, format!("written at level {level}"))
    }
}

/// How long ago this program was put together: what it stands on has been mended since.
pub fn age(built_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Finding {
    const SUBJECT: &str = "Age of this build";
    const OLD: TimeDelta = TimeDelta::days(90);
    let mend = "`cargo update`, `cargo deny check advisories`, then build and deploy again";
    let version = env!("CARGO_PKG_VERSION");
    match built_at {
        None => Finding::warn(
            SUBJECT,
            format!("nobody knows when {version} was built"),
            mend,
        ),
        Some(at) if now - at > OLD => {
            let found = format!(
                "{version} was built on {}, more than 90 days ago",
                at.date_naive()
            );
            Finding::warn(SUBJECT, found, mend)
        }
        Some(at) => Finding::ok(
            SUBJECT,
            format!("{version} was built on {}", at.date_naive()),
        ),
    }
}

/// When this program was built.
#[must_use]
pub fn built_at() -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(env!("SIGNALBOX_BUILT_AT").parse().ok()?, 0)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_proxy_that_nobody_named_is_pointed_out() {
        let mut config = Config::read(Mode::Demo, &|_| None).unwrap();
        assert!(proxies(&config).is_none());
        config.web.base_url = "https://signalbox.example".parse().unwrap();
        let warned = proxies(&config).map(|finding| finding.verdict);
        assert_eq!(warned, Some(Verdict::Warn));
        config.web.trusted_proxies = "10.0.0.0/8".parse().unwrap();
        assert!(proxies(&config).is_none());
    }

    #[test]
    fn limits_that_nobody_meets_are_pointed_out() {
        let mut config = Config::read(Mode::Demo, &|_| None).unwrap();
        assert_eq!(rates(&config).verdict, Verdict::Ok);
        config.web.rates.session = 1_000_000;
        assert_eq!(rates(&config).verdict, Verdict::Warn);
    }

    #[test]
    fn talkative_logs_are_pointed_out_in_production() {
        let mut config = Config::read(Mode::Demo, &|_| None).unwrap();
        config.log_level = "signalbox=debug".to_owned();
        assert_eq!(logs(&config).verdict, Verdict::Ok);
        config.mode = Mode::Serve;
        assert_eq!(logs(&config).verdict, Verdict::Warn);
    }

    #[test]
    fn an_old_program_is_pointed_out() {
        let built = built_at().unwrap();
        let verdict = |days| age(Some(built), built + TimeDelta::days(days)).verdict;
        assert_eq!((verdict(90), verdict(91)), (Verdict::Ok, Verdict::Warn));
        assert_eq!(age(None, built).verdict, Verdict::Warn);
    }
}
