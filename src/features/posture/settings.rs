//! What the configuration says, and the files that it names.

use chrono::{DateTime, Utc};

use super::files;
use super::finding::Finding;
use crate::foundation::config::{Config, TlsConfig};
use crate::foundation::web::tls;

/// Who may see the figures that a scraper reads.
pub fn metrics(config: &Config) -> Finding {
    match config.web.metrics_bind {
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
pub fn certificate(paths: &TlsConfig, now: DateTime<Utc>) -> Vec<Finding> {
    const SUBJECT: &str = "certificate";
    let shown = paths.certificate.display();
    let finding = match tls::load(paths) {
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
    };
    let key = files::secret("secrets", &paths.key);
    [finding].into_iter().chain(key).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;
    use crate::foundation::config::Mode;

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
}
