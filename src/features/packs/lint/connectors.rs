//! Systems of others that a platform leans on.

use super::addresses::no_url;
use super::{Linter, Subject, is_id};
use crate::features::packs::pack::{Connector, Source};
use crate::features::packs::quantity::Lasting;

const EVERY_MIN: Lasting = Lasting::from_secs(5);
const EVERY_MAX: Lasting = Lasting::from_secs(86_400);
/// A trial whose verdict takes longer counts as failed.
const TIMEOUT_MAX: Lasting = Lasting::from_secs(50);
const OPERATIONS_AT_MOST: usize = 20;

/// Whether an address is on this machine: what is sent there goes over no wire.
fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl Linter<'_> {
    pub(super) fn connectors(&mut self) {
        let pack = self.pack;
        for (index, connector) in pack.connectors.iter().enumerate() {
            let about = ("connector", index, connector.id.as_str());
            self.operations(about, connector);
            self.pace(about, connector);
            if let Some(service) = &connector.service
                && !pack.services.iter().any(|known| known.id == *service)
            {
                let message = format!("there is no service \"{service}\"");
                self.error("unknown-reference", about, message);
            }
            if let Some(runbook) = &connector.runbook
                && !pack.runbooks.iter().any(|known| known.id == *runbook)
            {
                let message = format!("there is no runbook \"{runbook}\"");
                self.error("unknown-reference", about, message);
            }
            let agent = connector.user_agent.as_deref().unwrap_or_default();
            if agent.chars().any(char::is_control) || agent.len() > 200 {
                let message = "a user agent is one line of at most 200 characters";
                self.error("bad-user-agent", about, message);
            }
            let reads =
                |on: &Source| matches!(on, Source::Connector(slug) if *slug == connector.id);
            if !pack.rules.iter().any(|rule| reads(&rule.on)) {
                let message = "no rule reads it, so nobody is told when it is cut off";
                self.warn("unread-connector", about, message);
            }
        }
    }

    fn operations(&mut self, about: Subject<'_>, connector: &Connector) {
        if connector.operations.is_empty() || connector.operations.len() > OPERATIONS_AT_MOST {
            let message = format!("a connector has 1 to {OPERATIONS_AT_MOST} operations");
            self.error("bad-operation", about, message);
        }
        for (name, path) in &connector.operations {
            if !is_id(name) {
                let message = format!("\"{name}\" is no name of an operation: {}", super::BAD_ID);
                self.error("bad-operation", about, message);
            }
            if !path.is_empty() && !path.starts_with('/') {
                let message = format!("the path of {name} begins with a slash");
                self.error("bad-operation", about, message);
            }
            let address = format!("{}{path}", connector.url);
            if let Some(problem) = no_url(&address) {
                self.error("bad-address", about, problem);
            }
        }
        let url: Option<url::Url> = connector.url.parse().ok();
        let is_read_on_the_way = |url: &url::Url| url.scheme() == "http" && !is_loopback(url);
        if !connector.authorization_file.is_empty() && url.is_some_and(|it| is_read_on_the_way(&it))
        {
            let message = "an authorisation is not sent without TLS: write https";
            self.error("authorization-in-the-clear", about, message);
        }
    }

    fn pace(&mut self, about: Subject<'_>, connector: &Connector) {
        let Connector { every, timeout, .. } = connector;
        if !(EVERY_MIN..=EVERY_MAX).contains(every) {
            let message = format!("every is between {EVERY_MIN} and {EVERY_MAX}");
            self.error("bad-timing", about, message);
        }
        if timeout.is_zero() || *timeout > TIMEOUT_MAX {
            let message = format!("a timeout is above 0 and at most {TIMEOUT_MAX}");
            self.error("bad-timing", about, message);
        }
        let operations = i64::try_from(connector.operations.len()).unwrap_or(i64::MAX);
        let asked = operations.saturating_mul(60_000);
        let Some(allowed) = connector.per_minute else {
            return;
        };
        if allowed == 0 || asked > every.millis().saturating_mul(i64::from(allowed)) {
            let message = format!(
                "{operations} operations every {every} are more than the {allowed} requests a minute that it takes"
            );
            self.error("over-its-limit", about, message);
        }
    }
}
