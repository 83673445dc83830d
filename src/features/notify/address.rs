//! Where a webhook may go. Pure: the addresses that a name stands for come in.
//!
//! Somebody typed the address, and we stand inside of the house: whatever is not of the public network is refused, or a
//! webhook would be a way to ask our neighbours.

use std::net::IpAddr;
use std::sync::LazyLock;

use url::{Host, Url};

use crate::foundation::kernel::Networks;

const LONGEST: usize = 2_000;
/// Ports of the public network.
const PORTS: [u16; 2] = [443, 8443];

/// Everything of IPv4 that is nobody's public address, by the registry of special purposes.
static NOT_PUBLIC: LazyLock<Networks> = LazyLock::new(|| {
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.0.2.0/24, \
     192.31.196.0/24, 192.52.193.0/24, 192.88.99.0/24, 192.168.0.0/16, 192.175.48.0/24, 198.18.0.0/15, \
     198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/4, 240.0.0.0/4, \
     2001::/23, 2001:db8::/32, 2002::/16, 2620:4f:8000::/48, 3fff::/20"
        .parse()
        .unwrap_or_default()
});

/// All of IPv6 that is given out; the rest is nobody's, and so are the ranges above.
static GIVEN_OUT: LazyLock<Networks> = LazyLock::new(|| "2000::/3".parse().unwrap_or_default());

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("Give a whole address, such as https://hooks.example.com/signalbox")]
    NoAddress,
    #[error("Begin it with https://: what it carries is not for everybody on the way")]
    Plain,
    #[error(
        "Leave out the user and password before the host. The receiver knows us by the signature"
    )]
    Credentials,
    #[error("Use port 443 or 8443")]
    Port,
    #[error(
        "{0} is not a public address. Networks of your own have to stand in SIGNALBOX_WEBHOOK_NETWORKS"
    )]
    Private(IpAddr),
    #[error("No address was found for {0}")]
    Unknown(String),
}

/// The address, if its shape will do. What its name stands for is looked at when something is sent.
pub fn parse(text: &str, networks: &Networks) -> Result<Url, Unfit> {
    let text = text.trim();
    let mut url = Url::parse(text)
        .ok()
        .filter(|url| url.has_host() && text.len() <= LONGEST)
        .ok_or(Unfit::NoAddress)?;
    if !["https", "http"].contains(&url.scheme()) {
        return Err(Unfit::NoAddress);
    }
    if url.scheme() == "http" && !is_this_machine(&url, networks) {
        return Err(Unfit::Plain);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Unfit::Credentials);
    }
    let port = url.port_or_known_default().unwrap_or_default();
    if networks.is_empty() && !PORTS.contains(&port) {
        return Err(Unfit::Port);
    }
    if let Some(address) = literal(&url) {
        check(&url, &[address], networks)?;
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether all of what the name stands for may be asked. One that may not spoils the rest: whoever answers for the name
/// could give it first the next time.
pub fn check(url: &Url, addresses: &[IpAddr], networks: &Networks) -> Result<(), Unfit> {
    if addresses.is_empty() {
        return Err(Unfit::Unknown(
            url.host_str().unwrap_or_default().to_owned(),
        ));
    }
    for address in addresses {
        let address = address.to_canonical();
        if networks.contains(address) {
            if url.scheme() == "http" && !address.is_loopback() {
                return Err(Unfit::Plain);
            }
            continue;
        }
        if !is_public(address) {
            return Err(Unfit::Private(address));
        }
        if url.scheme() != "https" {
            return Err(Unfit::Plain);
        }
        if !PORTS.contains(&url.port_or_known_default().unwrap_or_default()) {
            return Err(Unfit::Port);
        }
    }
    Ok(())
}

/// Whether anybody on the public network has this address.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    match address {
        IpAddr::V4(_) => !NOT_PUBLIC.contains(address),
        IpAddr::V6(_) => GIVEN_OUT.contains(address) && !NOT_PUBLIC.contains(address),
    }
}

/// The address that stands in the place of a name.
#[must_use]
pub fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

/// Without TLS only to this machine, and only where its network is allowed.
fn is_this_machine(url: &Url, networks: &Networks) -> bool {
    let loopback = IpAddr::from([127, 0, 0, 1]);
    match literal(url) {
        Some(address) => {
            let address = address.to_canonical();
            address.is_loopback() && networks.contains(address)
        }
        None => url.host_str() == Some("localhost") && networks.contains(loopback),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Networks {
        text.parse().unwrap()
    }

    #[test]
    fn only_https_to_usual_ports() {
        let none = networks("");
        let check = |text: &str, expected: Result<&str, Unfit>| {
            let found = parse(text, &none).map(|url| url.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        };
        check(
            "https://hooks.bank.example/in?a=1#x",
            Ok("https://hooks.bank.example/in?a=1"),
        );
        check(
            " https://hooks.bank.example:8443/ ",
            Ok("https://hooks.bank.example:8443/"),
        );
        check("http://hooks.bank.example/", Err(Unfit::Plain));
        check("ftp://hooks.bank.example/", Err(Unfit::NoAddress));
        check("file:///etc/passwd", Err(Unfit::NoAddress));
        check("hooks.bank.example", Err(Unfit::NoAddress));
        check("https://hooks.bank.example:22/", Err(Unfit::Port));
        check("https://u:p@hooks.bank.example/", Err(Unfit::Credentials));
        check(
            &format!("https://hooks.bank.example/{}", "a".repeat(2_000)),
            Err(Unfit::NoAddress),
        );
    }

    /// However an address of ours is spelled, a parser that follows the web's rules brings it to its one form.
    #[test]
    fn every_spelling_of_an_inner_address_is_refused() {
        let none = networks("");
        for text in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:0a00:0001::]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[::]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://10.1.2.3/",
            "https://172.31.255.255/",
            "https://192.168.0.1/",
            "https://100.64.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://①②⑦.0.0.1/",
        ] {
            assert!(
                matches!(parse(text, &none), Err(Unfit::Private(_))),
                "{text}: {:?}",
                parse(text, &none)
            );
        }
        for text in ["https://8.8.8.8/", "https://[2a00:1450::1]/"] {
            assert!(parse(text, &none).is_ok(), "{text}");
        }
    }

    #[test]
    fn one_inner_address_behind_a_name_spoils_the_rest() {
        let url = parse("https://hooks.bank.example/", &networks("")).unwrap();
        let outer: IpAddr = "93.184.216.34".parse().unwrap();
        let inner: IpAddr = "10.0.0.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.7".parse().unwrap();
        assert_eq!(check(&url, &[outer], &networks("")), Ok(()));
        for both in [[outer, inner], [outer, mapped]] {
            assert_eq!(
                check(&url, &both, &networks("")),
                Err(Unfit::Private(inner))
            );
            assert_eq!(check(&url, &both, &networks("10.0.0.0/8")), Ok(()));
        }
        assert!(matches!(
            check(&url, &[], &networks("")),
            Err(Unfit::Unknown(_))
        ));
    }

    #[test]
    fn plain_http_goes_to_this_machine_where_it_is_allowed() {
        let here = networks("127.0.0.0/8, 10.0.0.0/8");
        assert!(parse("http://127.0.0.1:9000/in", &here).is_ok());
        assert!(parse("http://localhost:9000/in", &here).is_ok());
        assert_eq!(parse("http://10.0.0.7/", &here), Err(Unfit::Plain));
        let url = parse("http://localhost/", &here).unwrap();
        let neighbour = ["10.0.0.7".parse().unwrap()];
        assert_eq!(check(&url, &neighbour, &here), Err(Unfit::Plain));
        let odd = parse("https://hooks.bank.example:9000/", &here).unwrap();
        let public = ["93.184.216.34".parse().unwrap()];
        assert_eq!(check(&odd, &public, &here), Err(Unfit::Port));
    }
}
