//! Where a request comes from. Behind a reverse proxy the connection is the proxy's, and the visitor's address stands
//! in `X-Forwarded-For`; anybody can write that header, so it is believed only as far as proxies of ours wrote it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Data;

use crate::foundation::Services;
use crate::foundation::kernel::Networks;

/// The visitor's address, as far as it can be known.
#[must_use]
pub fn client_address(request: &HttpRequest) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    match request.app_data::<Data<Services>>() {
        Some(services) => rightmost_stranger(
            peer,
            request.headers(),
            &services.config.web.trusted_proxies,
        ),
        None => peer,
    }
}

/// Each proxy appends who spoke to it, so the list is read from its end for as long as trusted proxies wrote it. What
/// stands further left was written by the visitor.
fn rightmost_stranger(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let mut nearest = peer.to_canonical();
    if !trusted.contains(nearest) {
        return nearest;
    }
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    for hop in lines.iter().flat_map(|line| line.split(',')).rev() {
        let Some(address) = parse(hop.trim()) else {
            return nearest;
        };
        nearest = address;
        if !trusted.contains(nearest) {
            return nearest;
        }
    }
    nearest
}

/// An address, which some proxies write with a port, and with brackets where it is IPv6.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const PROXY: &str = "10.0.0.2";
    const INNER: &str = "10.9.0.1";
    const VISITOR: &str = "203.0.113.9";

    fn seen(peer: &str, trusted: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(
                HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_str(line).unwrap(),
            );
        }
        let trusted = trusted.parse().unwrap();
        rightmost_stranger(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_is_trusted_unless_named() {
        assert_eq!(seen(PROXY, "", &[VISITOR]), PROXY);
        assert_eq!(seen(VISITOR, "10.0.0.0/8", &["192.0.2.1"]), VISITOR);
    }

    #[test]
    fn a_trusted_proxy_says_who_spoke_to_it() {
        assert_eq!(seen(PROXY, "10.0.0.0/8", &[VISITOR]), VISITOR);
        assert_eq!(seen("::ffff:10.0.0.2", "10.0.0.0/8", &[VISITOR]), VISITOR);
        assert_eq!(seen(PROXY, PROXY, &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(seen(PROXY, PROXY, &["203.0.113.9:4711"]), VISITOR);
    }

    #[test]
    fn what_the_visitor_wrote_is_not_believed() {
        assert_eq!(
            seen(PROXY, "10.0.0.0/8", &["192.0.2.1, 203.0.113.9"]),
            VISITOR
        );
        assert_eq!(
            seen(PROXY, "10.0.0.0/8", &["192.0.2.1", "203.0.113.9, 10.9.0.1"]),
            VISITOR
        );
        let spoofed_proxy = format!("192.0.2.1, {INNER}, {VISITOR}");
        assert_eq!(seen(PROXY, "10.0.0.0/8", &[&spoofed_proxy]), VISITOR);
    }

    #[test]
    fn what_cannot_be_read_ends_the_list() {
        assert_eq!(seen(PROXY, "10.0.0.0/8", &["203.0.113.9, unknown"]), PROXY);
        assert_eq!(
            seen(PROXY, "10.0.0.0/8", &["nonsense, 10.9.0.1"]),
            INNER,
            "the last that is known"
        );
        assert_eq!(seen(PROXY, "10.0.0.0/8", &[]), PROXY);
    }
}
