//! The organisation's own OpenID Connect provider: all of it is set, or nothing.

use url::{Host, Url};

use super::Mode;
use super::read::Reader;
use crate::foundation::kernel::Secret;

const ISSUER: &str = "SIGNALBOX_OIDC_ISSUER";
const CLIENT_ID: &str = "SIGNALBOX_OIDC_CLIENT_ID";
const CLIENT_SECRET: &str = "SIGNALBOX_OIDC_CLIENT_SECRET";
const NAME: &str = "SIGNALBOX_OIDC_NAME";
const TRUST_AMR: &str = "SIGNALBOX_OIDC_TRUST_AMR";

const LONGEST_NAME: usize = 40;
const LONGEST_ISSUER: usize = 500;

#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Exactly as the provider writes it: tokens are held against it byte by byte.
    pub issuer: String,
    pub client_id: String,
    /// `None` for a public client, which has none to keep.
    pub client_secret: Option<Secret<String>>,
    /// What people call it: "Example Bank".
    pub name: String,
    /// Whether a second factor that the provider says it has seen counts here.
    pub trusts_amr: bool,
}

impl ProviderConfig {
    /// Whether it is asked without TLS, on this machine.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.issuer.starts_with("http://")
    }
}

pub(super) fn read(reader: &mut Reader<'_>, mode: Mode) -> Option<ProviderConfig> {
    let client_secret = reader.secret(CLIENT_SECRET);
    let trusts_amr = reader.switch(TRUST_AMR);
    let [issuer, client_id, name] = [ISSUER, CLIENT_ID, NAME].map(|name| reader.optional(name));
    match (issuer, client_id, name) {
        (Some(issuer), Some(client_id), Some(name)) => {
            for problem in problems(&issuer, &name, mode) {
                reader.add(&problem);
            }
            Some(ProviderConfig {
                issuer,
                client_id,
                client_secret,
                name,
                trusts_amr: trusts_amr.unwrap_or(false),
            })
        }
        (None, None, None) if client_secret.is_none() && trusts_amr.is_none() => None,
        (issuer, client_id, name) => {
            let given = [(ISSUER, issuer), (CLIENT_ID, client_id), (NAME, name)];
            let missing = given.into_iter().filter(|(_, value)| value.is_none());
            let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
            reader.add(&format!(
                "signing in with OpenID Connect is set up by halves: set {} too, or none of SIGNALBOX_OIDC_*",
                missing.join(" and ")
            ));
            None
        }
    }
}

fn problems(issuer: &str, name: &str, mode: Mode) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(problem) = issuer_problem(issuer, mode) {
        problems.push(format!("{ISSUER} {problem}"));
    }
    if name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        problems.push(format!(
            "{NAME} is what a button says, and has at most {LONGEST_NAME} characters"
        ));
    }
    problems
}

fn issuer_problem(issuer: &str, mode: Mode) -> Option<&'static str> {
    let url = Url::parse(issuer).ok();
    let Some(url) = url.filter(|url| url.has_host() && issuer.len() <= LONGEST_ISSUER) else {
        return Some(
            "must be the issuer as the provider writes it, such as https://login.example.com",
        );
    };
    let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !is_bare {
        return Some("must be an address without user, query and fragment");
    }
    match url.scheme() {
        "https" => None,
        "http" if mode == Mode::Demo && is_loopback(&url) => None,
        _ => Some("must be https (the demo takes http on this machine too)"),
    }
}

pub(in crate::foundation) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::config::Config;

    const WHOLE: [(&str, &str); 3] = [
        (ISSUER, "https://login.example.com"),
        (CLIENT_ID, "signalbox"),
        (NAME, "Example Bank"),
    ];

    fn read(mode: Mode, vars: &[(&str, &str)]) -> Result<Option<ProviderConfig>, String> {
        Config::read(mode, &|wanted| {
            // The last one said wins.
            let mut given = vars.iter().rev();
            given
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| (*value).to_owned())
        })
        .map(|config| config.provider)
        .map_err(|error| error.to_string())
    }

    #[test]
    fn all_of_it_is_set_or_nothing() {
        assert!(read(Mode::Demo, &[]).unwrap().is_none());
        let set = read(Mode::Serve, &WHOLE).unwrap().unwrap();
        assert!(!set.trusts_amr && set.client_secret.is_none());
        for missing in 0..WHOLE.len() {
            let mut vars = WHOLE.to_vec();
            let (name, _) = vars.remove(missing);
            let error = read(Mode::Serve, &vars).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        for alone in [(CLIENT_SECRET, "s3cret"), (TRUST_AMR, "no")] {
            let error = read(Mode::Serve, &[alone]).unwrap_err();
            assert!(error.contains(ISSUER) && error.contains(NAME), "{error}");
        }
    }

    #[test]
    fn the_provider_is_asked_over_tls() {
        let with = |issuer| {
            let mut vars = WHOLE.to_vec();
            vars.push((ISSUER, issuer));
            vars
        };
        for refused in [
            "login.example.com",
            "http://login.example.com",
            "https://login.example.com/?tenant=1",
            "https://login.example.com/#a",
            "https://user@login.example.com",
        ] {
            for mode in [Mode::Demo, Mode::Serve] {
                let error = read(mode, &with(refused)).expect_err(refused);
                assert!(error.contains(ISSUER), "{error}");
            }
        }
        for near in ["http://localhost:9000", "http://127.0.0.1:9000/realm"] {
            assert!(read(Mode::Demo, &with(near)).is_ok(), "{near}");
            assert!(read(Mode::Serve, &with(near)).is_err(), "{near}");
        }
    }

    #[test]
    fn trust_is_said_in_so_many_words() {
        let with = |said| {
            let mut vars = WHOLE.to_vec();
            vars.push((TRUST_AMR, said));
            read(Mode::Serve, &vars)
        };
        assert!(with("yes").unwrap().unwrap().trusts_amr);
        assert!(!with("no").unwrap().unwrap().trusts_amr);
        assert!(with("1").unwrap_err().contains(TRUST_AMR));
    }
}
