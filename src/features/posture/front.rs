//! The installation as a stranger finds it: asked over the network, at the address that people use, for what an attacker
//! would try first.
//!
//! Where that address does not answer from here (a proxy that is reached from outside only), the listening socket is
//! asked instead, and what a proxy adds or takes away stays unseen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HOST, LOCATION, ORIGIN};
use reqwest::tls::TlsInfo;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use super::hello;
use crate::foundation::auth::guard::OWN_LOOK;
use crate::foundation::config::WebConfig;
use crate::foundation::web::outgoing::{self, innermost};
use crate::foundation::web::tls;

/// Longer than an answer of ours takes, shorter than a reader waits.
const PATIENCE: Duration = Duration::from_secs(4);

/// A name that is never ours: it cannot be registered.
pub const ELSEWHERE: &str = "elsewhere.invalid";

/// All of a look together.
const DEADLINE: Duration = Duration::from_secs(12);

/// From where the answers came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// The address that people use.
    FrontDoor,
    /// The listening socket, because the front door did not answer for this reason.
    Inside(String),
    /// Nothing answered, for this reason.
    Nowhere(String),
}

/// What came back: the status and the headers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

impl Answer {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }
}

/// The same address without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plain {
    /// The address has a port of its own.
    NoNeighbour,
    NobodyListens,
    /// Leads to the address with TLS.
    LeadsOn,
    Answers(u16),
}

/// Everything that one look brought. What is `None` was not answered.
#[derive(Clone, Debug)]
pub struct Seen {
    pub via: Via,
    /// The page that everybody gets.
    pub door: Option<Answer>,
    /// A browser asks whether a page from elsewhere may post here.
    pub preflight: Option<Answer>,
    /// A form that a page from elsewhere sends.
    pub crossed: Option<Answer>,
    /// The same page under a name that is not ours.
    pub misdirected: Option<Answer>,
    /// A page for people, without a session.
    pub page: Option<Answer>,
    /// An address for programs, without a key.
    pub program: Option<Answer>,
    pub certificate: Option<Certificate>,
    pub plain: Option<Plain>,
    /// Whether a TLS older than 1.2 is spoken.
    pub old_tls: Option<bool>,
}

/// The certificate that visitors are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub ends_at: Option<DateTime<Utc>>,
    /// Why this machine does not trust it.
    pub distrusted: Option<String>,
}

impl Certificate {
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }
}

impl Seen {
    fn nothing(via: Via, certificate: Option<Certificate>) -> Self {
        Self {
            via,
            door: None,
            preflight: None,
            crossed: None,
            misdirected: None,
            page: None,
            program: None,
            certificate,
            plain: None,
            old_tls: None,
        }
    }
}

/// Asks everything at once, in a few seconds at most. `mark` tells the guard that a forged form is a look of our own.
pub async fn look(web: &WebConfig, mark: &str) -> Seen {
    match timeout(DEADLINE, look_around(web, mark)).await {
        Ok(seen) => seen,
        Err(_) => Seen::nothing(Via::Nowhere("no answer in time".to_owned()), None),
    }
}

async fn look_around(web: &WebConfig, mark: &str) -> Seen {
    let (asker, via, certificate) = Asker::find(web).await;
    let Some(asker) = asker else {
        return Seen::nothing(via, certificate);
    };
    let from = format!("https://{ELSEWHERE}");
    let at_front = web.is_https() && via == Via::FrontDoor;
    let (door, preflight, crossed, misdirected, page, program, plain, old_tls) = tokio::join!(
        asker.ask(Method::GET, "/sign-in", |it| it.header(ORIGIN, &from)),
        asker.ask(Method::OPTIONS, "/sign-in", |it| {
            it.header(ORIGIN, &from)
                .header("access-control-request-method", "POST")
        }),
        asker.ask(Method::POST, "/sign-in", |it| {
            it.header(ORIGIN, &from)
                .header("sec-fetch-site", "cross-site")
                .header(OWN_LOOK, mark)
        }),
        asker.ask(Method::GET, "/sign-in", |it| it.header(HOST, ELSEWHERE)),
        asker.ask(Method::GET, "/account", |it| it.header(ORIGIN, &from)),
        asker.ask(Method::GET, "/api/v1/alerts", |it| it.header(ORIGIN, &from)),
        without_tls(&asker.client, &web.base_url, at_front),
        speaks_old_tls(&web.base_url, at_front),
    );
    Seen {
        via,
        door,
        preflight,
        crossed,
        misdirected,
        page,
        program,
        certificate,
        plain,
        old_tls,
    }
}

/// Who asks, and where.
struct Asker {
    client: Client,
    base: Url,
    /// The name in the request, where it is not that of the address.
    host: Option<String>,
}

impl Asker {
    /// The first of the ways in at which we answer.
    async fn find(web: &WebConfig) -> (Option<Self>, Via, Option<Certificate>) {
        let (Some(strict), Some(trusting)) = (client(false), client(true)) else {
            let why = "the TLS library cannot be used".to_owned();
            return (None, Via::Nowhere(why), None);
        };
        let front = Self::at_front(web, strict);
        let refused = match front.reach().await {
            Ok(certificate) => return (Some(front), Via::FrontDoor, certificate),
            Err(refused) => refused,
        };
        // Once more without looking at the certificate, to tell it from an address that does not answer.
        let front = Self::at_front(web, trusting.clone());
        if let Ok(certificate) = front.reach().await {
            let distrusted = certificate.map(|seen| Certificate {
                distrusted: Some(refused),
                ..seen
            });
            return (Some(front), Via::FrontDoor, distrusted);
        }
        // Certificates are looked at from outside: here only what answers counts.
        let inside = Self::inside(web, trusting);
        match inside.reach().await {
            Ok(_) => (Some(inside), Via::Inside(refused), None),
            Err(_) => (None, Via::Nowhere(refused), None),
        }
    }

    fn at_front(web: &WebConfig, client: Client) -> Self {
        Self {
            client,
            base: web.base_url.clone(),
            host: None,
        }
    }

    fn inside(web: &WebConfig, client: Client) -> Self {
        let mut base = web.base_url.clone();
        let scheme = if web.tls.is_some() { "https" } else { "http" };
        let address = local(web.bind);
        // None of these fails for an address that has a host.
        let _ = base.set_scheme(scheme);
        let _ = base.set_ip_host(address.ip());
        let _ = base.set_port(Some(address.port()));
        Self {
            client,
            base,
            host: authority(&web.base_url),
        }
    }

    fn request(&self, method: Method, path: &str) -> Option<RequestBuilder> {
        let url = self.base.join(path).ok()?;
        let request = self.client.request(method, url);
        Some(match &self.host {
            Some(host) => request.header(HOST, host),
            None => request,
        })
    }

    /// Whether it is us who answer, with the certificate that is shown; else why not.
    async fn reach(&self) -> Result<Option<Certificate>, String> {
        let request = self.request(Method::GET, "/health");
        let request = request.ok_or_else(|| "the base URL cannot be asked".to_owned())?;
        let response = request
            .send()
            .await
            .map_err(|error| plain(&innermost(&error).to_string()))?;
        let kind = response.headers().get(CONTENT_TYPE);
        let is_ours = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if response.status() != StatusCode::OK || !is_ours {
            return Err(format!("/health is answered with {}", response.status()));
        }
        let shown = response.extensions().get::<TlsInfo>();
        let der = shown.and_then(|info| info.peer_certificate());
        Ok(der.map(|der| Certificate {
            ends_at: tls::ends_at(der),
            distrusted: None,
        }))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Option<Answer> {
        let response = with(self.request(method, path)?).send().await.ok()?;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = response.headers().iter();
        Some(Answer {
            status: response.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
        })
    }
}

/// Nothing where the TLS library cannot be used.
fn client(trusting: bool) -> Option<Client> {
    let client = outgoing::client()
        .user_agent(concat!(
            "Signalbox/",
            env!("CARGO_PKG_VERSION"),
            " (security posture)"
        ))
        .no_proxy()
        .timeout(PATIENCE)
        .tls_info(true)
        .tls_danger_accept_invalid_certs(trusting);
    client.build().ok()
}

/// Where a listener on every address is reached from this machine.
fn local(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// What OpenSSL says, without where in its own source it says so:
/// `error:0A000086:SSL routines:FUNCTION:REASON:FILE:LINE: (DETAIL)`.
fn plain(message: &str) -> String {
    let parts: Vec<&str> = message.splitn(7, ':').collect();
    let [_, _, _, _, reason, _, rest] = parts[..] else {
        return message.to_owned();
    };
    if !message.starts_with("error:") {
        return message.to_owned();
    }
    match rest.split_once('(') {
        Some((_, detail)) => format!("{reason}: {}", detail.trim_end_matches(')')),
        None => reason.to_owned(),
    }
}

/// The page that a browser would get which asks without TLS. Ports other than the usual one have no such neighbour.
async fn without_tls(client: &Client, base: &Url, at_front: bool) -> Option<Plain> {
    let host = base.host_str().filter(|_| at_front)?;
    if base.port().is_some() {
        return Some(Plain::NoNeighbour);
    }
    match client.get(format!("http://{host}/")).send().await {
        Err(error) if is_refused(&error) => Some(Plain::NobodyListens),
        Err(_) => None,
        Ok(response) => {
            let to = response.headers().get(LOCATION);
            let to = to.and_then(|to| Url::parse(to.to_str().ok()?).ok());
            let leads_here = to.is_some_and(|to| to.origin() == base.origin());
            Some(if response.status().is_redirection() && leads_here {
                Plain::LeadsOn
            } else {
                Plain::Answers(response.status().as_u16())
            })
        }
    }
}

/// Whether a machine answered that nobody listens there: a name that leads nowhere is no answer.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(each) = cause {
        if let Some(io) = each.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        cause = each.source();
    }
    false
}

/// Begins a conversation that knows nothing newer than TLS 1.1, and sees whether it is taken up.
async fn speaks_old_tls(base: &Url, at_front: bool) -> Option<bool> {
    if !at_front {
        return None;
    }
    let host = base.host()?;
    let port = base.port_or_known_default()?;
    let name = match host {
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    };
    let address = (base.host_str()?.trim_matches(['[', ']']).to_owned(), port);
    let asked = timeout(PATIENCE, async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream
            .write_all(&hello::tls_1_1(name.as_deref()))
            .await
            .ok()?;
        let mut first = [0];
        // Whoever hangs up has refused as well.
        let read = stream.read(&mut first).await.unwrap_or(0);
        Some(read == 1 && hello::is_accepted(first[0]))
    });
    asked.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        let asked = |bind: &str| local(bind.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(asked("[::]:8080"), "[::1]:8080");
        assert_eq!(asked("10.1.2.3:80"), "10.1.2.3:80");
    }

    #[test]
    fn a_certificate_is_refused_in_words_for_people() {
        let said = "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:\
                    ../ssl/statem/statem_clnt.c:1889: (self-signed certificate)";
        let words = plain(said);
        assert_eq!(words, "certificate verify failed: self-signed certificate");
        assert_eq!(plain("operation timed out"), "operation timed out");
    }

    #[test]
    fn the_name_keeps_a_port_that_is_not_the_usual_one() {
        let named = |url: &str| authority(&url.parse().unwrap());
        assert_eq!(named("http://localhost:8080/").unwrap(), "localhost:8080");
        assert_eq!(named("https://box.example/").unwrap(), "box.example");
    }
}
