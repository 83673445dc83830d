//! Where notices leave the house: the mail server, and the networks that webhooks may go to besides the public ones.

use url::Url;

use super::read::Reader;
use super::{Mode, is_loopback};
use crate::foundation::kernel::{Networks, Secret};

const SMTP_URL: &str = "SIGNALBOX_SMTP_URL";
const MAIL_FROM: &str = "SIGNALBOX_MAIL_FROM";
const WEBHOOK_NETWORKS: &str = "SIGNALBOX_WEBHOOK_NETWORKS";
const HEARTBEAT_URL: &str = "SIGNALBOX_HEARTBEAT_URL";

#[derive(Clone, Debug, Default)]
pub struct NoticesConfig {
    /// The mail server; without one nothing is mailed.
    pub mail: Option<MailConfig>,
    /// Private networks that webhooks may go to. None by default; the demo's own machine in the demo.
    pub webhook_networks: Networks,
    /// Who waits for our sign of life. Whoever knows the address can give it in our place.
    pub sign_of_life: Option<Secret<String>>,
}

#[derive(Clone, Debug)]
pub struct MailConfig {
    pub host: String,
    pub port: u16,
    pub protection: Protection,
    pub user: Option<String>,
    pub password: Option<Secret<String>>,
    /// `signalbox@example.com`, or `Signalbox <signalbox@example.com>`.
    pub from: String,
}

/// How the way to the mail server is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// It begins in the clear and has to change to TLS before anything is said (`smtp://`).
    StartTls,
    /// A server on this machine.
    Loopback,
}

impl MailConfig {
    /// What stands after the `@` of the sender.
    #[must_use]
    pub fn domain(&self) -> &str {
        let address = self.from.trim_end_matches('>');
        address.rsplit('@').next().unwrap_or("localhost")
    }
}

pub(super) fn read(reader: &mut Reader<'_>, mode: Mode) -> NoticesConfig {
    let usual = if mode == Mode::Demo {
        "127.0.0.0/8, ::1"
    } else {
        ""
    };
    NoticesConfig {
        mail: read_mail(reader),
        webhook_networks: reader.parsed(
            WEBHOOK_NETWORKS,
            usual,
            "a comma-separated list of networks such as 10.0.0.0/8",
        ),
        sign_of_life: read_sign_of_life(reader),
    }
}

fn read_sign_of_life(reader: &mut Reader<'_>) -> Option<Secret<String>> {
    let url = reader.secret(HEARTBEAT_URL)?;
    let parsed = Url::parse(url.expose()).ok();
    if parsed.is_some_and(|it| matches!(it.scheme(), "http" | "https") && it.has_host()) {
        return Some(url);
    }
    // Never what stands there: it is a secret.
    reader.add(&format!(
        "{HEARTBEAT_URL} must be an http or https address, which is called once a minute while all is well"
    ));
    None
}

fn read_mail(reader: &mut Reader<'_>) -> Option<MailConfig> {
    let url = reader.secret(SMTP_URL);
    let from = reader.optional(MAIL_FROM);
    let (url, from) = match (url, from) {
        (None, None) => return None,
        (Some(url), Some(from)) => (url, from),
        (Some(_), None) => {
            reader.add(&format!(
                "{SMTP_URL} is set and {MAIL_FROM}, which says from whom mail comes, is not"
            ));
            return None;
        }
        (None, Some(_)) => {
            reader.add(&format!(
                "{MAIL_FROM} is set and {SMTP_URL}, which names the mail server, is not"
            ));
            return None;
        }
    };
    if !is_sender(&from) {
        reader.add(&format!(
            "{MAIL_FROM} must be an address such as signalbox@example.com or Signalbox <signalbox@example.com>"
        ));
        return None;
    }
    match server(url.expose(), from) {
        Ok(mail) => Some(mail),
        Err(problem) => {
            // Never the URL itself: it holds a password.
            reader.add(&format!("{SMTP_URL} {problem}"));
            None
        }
    }
}

fn is_sender(from: &str) -> bool {
    let address = match from.rsplit_once('<') {
        Some((_, rest)) => match rest.strip_suffix('>') {
            Some(address) => address,
            None => return false,
        },
        None => from,
    };
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
    };
    from.len() <= 200
        && !from.contains(char::is_control)
        && address
            .rsplit_once('@')
            .is_some_and(|(local, domain)| plain(local) && plain(domain) && !local.contains('@'))
}

fn server(text: &str, from: String) -> Result<MailConfig, &'static str> {
    const SHAPE: &str = "must be a URL such as smtps://user:password@mail.example.com or smtp://mail.example.com:587";
    let url = Url::parse(text).map_err(|_| SHAPE)?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or(SHAPE)?;
    let (protection, usual) = match url.scheme() {
        "smtps" => (Protection::Tls, 465),
        // What does not leave the machine needs no TLS, and such a server rarely has a certificate.
        "smtp" if is_loopback(&url) || is_here(host) => (Protection::Loopback, 25),
        "smtp" => (Protection::StartTls, 587),
        _ => return Err(SHAPE),
    };
    if !["", "/"].contains(&url.path()) || url.query().is_some() || url.fragment().is_some() {
        return Err("must end after the host and its port");
    }
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
    let password = url
        .password()
        .map(|password| Secret::new(decoded(password)));
    if user.is_some() != password.is_some() {
        return Err("must have both a user and a password, or neither");
    }
    Ok(MailConfig {
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port: url.port().unwrap_or(usual),
        protection,
        user,
        password,
        from,
    })
}

/// In schemes that the web does not know, addresses are kept as text.
fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::config::Config;

    fn read(mode: Mode, vars: &[(&str, &str)]) -> Result<NoticesConfig, String> {
        let lookup = |wanted: &str| {
            let mut given = vars.iter();
            given
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::read(mode, &lookup)
            .map(|config| config.notices)
            .map_err(|error| error.to_string())
    }

    fn mail(url: &str) -> Result<MailConfig, String> {
        let vars = [(SMTP_URL, url), (MAIL_FROM, "signalbox@bank.example")];
        read(Mode::Demo, &vars).map(|notices| notices.mail.unwrap())
    }

    #[test]
    fn the_way_to_the_mail_server_is_private_unless_it_stays_on_this_machine() {
        let check = |url: &str, protection, port| {
            let mail = mail(url).unwrap();
            assert_eq!((mail.protection, mail.port), (protection, port), "{url}");
        };
        check("smtps://mail.bank.example", Protection::Tls, 465);
        check("smtp://mail.bank.example", Protection::StartTls, 587);
        check("smtp://10.0.0.7:25", Protection::StartTls, 25);
        check("smtp://localhost", Protection::Loopback, 25);
        check("smtp://127.0.0.1:1025", Protection::Loopback, 1025);
        check("smtp://[::1]:1025", Protection::Loopback, 1025);
        check("smtps://localhost", Protection::Tls, 465);
    }

    #[test]
    fn a_password_is_decoded_and_shown_to_nobody() {
        let mail = mail("smtps://post%40bank:p%2Fw%3A@mail.bank.example").unwrap();
        assert_eq!(mail.user.as_deref(), Some("post@bank"));
        assert_eq!(mail.password.as_ref().unwrap().expose(), "p/w:");
        assert!(!format!("{mail:?}").contains("p/w"));
        let error = super::server("imap://u:hunter22@x", String::new()).unwrap_err();
        assert!(!error.contains("hunter22"));
    }

    #[test]
    fn half_a_set_up_is_told() {
        for (vars, missing) in [
            ([(SMTP_URL, "smtp://localhost")], MAIL_FROM),
            ([(MAIL_FROM, "a@b.example")], SMTP_URL),
        ] {
            let error = read(Mode::Demo, &vars).unwrap_err();
            assert!(error.contains(missing), "{error}");
        }
        for url in [
            "mail.bank.example",
            "smtp://",
            "smtps://user@mail.example",
            "smtps://mail.example/inbox",
        ] {
            assert!(mail(url).unwrap_err().contains(SMTP_URL), "{url}");
        }
    }

    #[test]
    fn a_sender_is_one_address() {
        for good in [
            "signalbox@bank.example",
            "Signalbox <signalbox@bank.example>",
        ] {
            assert!(is_sender(good), "{good}");
        }
        for bad in [
            "bank",
            "a@b, c@d",
            "a@b\r\nBcc: c@d",
            "X <a@b",
            "@b",
            "a@",
            "a@@b",
        ] {
            assert!(!is_sender(bad), "{bad}");
        }
        let mail = mail("smtp://localhost").unwrap();
        assert_eq!(mail.domain(), "bank.example");
    }

    #[test]
    fn webhooks_stay_out_of_private_networks_outside_of_the_demo() {
        let here = "127.0.0.1".parse().unwrap();
        let demo = read(Mode::Demo, &[]).unwrap();
        assert!(demo.webhook_networks.contains(here));
        let set = read(Mode::Demo, &[(WEBHOOK_NETWORKS, "10.0.0.0/8")]).unwrap();
        assert!(!set.webhook_networks.contains(here));
    }
}
