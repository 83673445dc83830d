//! Whether anybody can be told of anything.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use crate::features::notify::channels;
use crate::features::notify::store::outbox::Health;
use crate::features::watched::store::Standing;
use crate::foundation::config::{MailConfig, NoticesConfig, Protection};

const SUBJECT: &str = "Notices";
/// A notice that should have been tried so long ago has nobody who sends it.
const OVERDUE: TimeDelta = TimeDelta::minutes(15);
/// A sign of life is given each minute.
const SILENT: TimeDelta = TimeDelta::minutes(3);

/// What stands in the outbox, and whether there is a way out.
#[must_use]
pub fn outbox(config: &NoticesConfig, health: &Health, now: DateTime<Utc>) -> Finding {
    let late = health.overdue_since.filter(|since| now - *since > OVERDUE);
    if config.mail.is_none() && health.endpoints == 0 {
        Finding::warn(
            SUBJECT,
            "nothing can be delivered: there is no mail server and no webhook endpoint",
            "set SIGNALBOX_SMTP_URL and SIGNALBOX_MAIL_FROM, or add an endpoint under Webhooks",
        )
    } else if let Some(since) = late {
        let minutes = (now - since).num_minutes();
        Finding::warn(
            SUBJECT,
            format!("one has waited for {minutes} minutes without being tried"),
            "see under Deliveries what holds it up, and whether an endpoint is paused",
        )
    } else if health.given_up > 0 {
        Finding::warn(
            SUBJECT,
            format!("{} given up within a day", health.given_up),
            "see under Deliveries what their receivers said, and try again what still matters",
        )
    } else {
        Finding::ok(SUBJECT, ways(config, health.endpoints))
    }
}

fn ways(config: &NoticesConfig, endpoints: i64) -> String {
    let mail = config.mail.as_ref().map_or_else(
        || "no mail".to_owned(),
        |mail| format!("mail {}", way(mail)),
    );
    match endpoints {
        1 => format!("{mail}, webhooks to one endpoint"),
        many => format!("{mail}, webhooks to {many} endpoints"),
    }
}

fn way(mail: &MailConfig) -> String {
    let how = match mail.protection {
        Protection::Tls => "with TLS",
        Protection::StartTls => "with STARTTLS",
        Protection::Loopback => "on this machine",
    };
    format!("through {}:{} {how}", mail.host, mail.port)
}

/// Whether the mail server answers, for whoever sets the installation up.
#[must_use]
pub fn mail(config: &NoticesConfig) -> Finding {
    const SUBJECT: &str = "mail";
    let Some(mail) = &config.mail else {
        return Finding::ok(
            SUBJECT,
            "no mail server is set up; notices leave by webhooks alone",
        );
    };
    match channels::greet(mail) {
        Ok(()) => Finding::ok(SUBJECT, way(mail)),
        Err(cause) => Finding::warn(
            SUBJECT,
            format!("{}: {cause}", way(mail)),
            "until it answers no mail leaves; see SIGNALBOX_SMTP_URL and the way out of this machine",
        ),
    }
}

/// Whether somebody waits for our sign of life, and has it.
#[must_use]
pub fn watcher(config: &NoticesConfig, standing: Option<&Standing>, now: DateTime<Utc>) -> Finding {
    const WATCHER: &str = "Who watches us";
    if config.sign_of_life.is_none() {
        return Finding::warn(
            WATCHER,
            "nobody: if this machine is gone, nobody is told",
            "set SIGNALBOX_HEARTBEAT_URL to a dead-man's switch elsewhere",
        );
    }
    let said = standing.and_then(|it| it.said_at);
    let trouble = standing.and_then(|it| it.trouble.as_deref());
    match (said, trouble) {
        (Some(at), None) if now - at <= SILENT => Finding::ok(
            WATCHER,
            "whoever does had our sign of life in the last minutes",
        ),
        (_, Some(trouble)) => Finding::warn(
            WATCHER,
            format!("no sign of life was given: {trouble}"),
            "mend what stands still, or the address that waits for it",
        ),
        _ => Finding::warn(
            WATCHER,
            "no sign of life has been given for minutes",
            "see whether an instance runs, and what its log says",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::posture::finding::Verdict;
    use crate::foundation::kernel::Secret;

    fn look(endpoints: i64, overdue_minutes: Option<i64>, given_up: i64) -> Finding {
        let now = Utc::now();
        let health = Health {
            endpoints,
            overdue_since: overdue_minutes.map(|minutes| now - TimeDelta::minutes(minutes)),
            given_up,
        };
        outbox(&NoticesConfig::default(), &health, now)
    }

    #[test]
    fn what_keeps_notices_from_arriving_is_told() {
        assert_eq!(look(1, Some(1), 0).verdict, Verdict::Ok);
        for (finding, word) in [
            (look(0, None, 0), "nothing can be delivered"),
            (look(1, Some(16), 0), "16 minutes"),
            (look(1, None, 3), "3 given up"),
        ] {
            assert_eq!(finding.verdict, Verdict::Warn);
            assert!(finding.found.contains(word), "{}", finding.found);
        }
    }

    #[test]
    fn a_watcher_that_hears_nothing_is_told_of() {
        let now = Utc::now();
        let mut config = NoticesConfig::default();
        let standing = |minutes: i64, trouble: Option<&str>| Standing {
            looked_at: now,
            said_at: Some(now - TimeDelta::minutes(minutes)),
            trouble: trouble.map(str::to_owned),
        };
        assert_eq!(watcher(&config, None, now).verdict, Verdict::Warn);
        config.sign_of_life = Some(Secret::new("https://watcher.example/x".to_owned()));
        let look = |standing: Option<&Standing>| watcher(&config, standing, now).verdict;
        assert_eq!(look(Some(&standing(1, None))), Verdict::Ok);
        assert_eq!(look(Some(&standing(4, None))), Verdict::Warn);
        assert_eq!(look(None), Verdict::Warn);
        let told = watcher(&config, Some(&standing(1, Some("a job waits"))), now);
        assert!(told.verdict == Verdict::Warn && told.found.contains("a job waits"));
    }
}
