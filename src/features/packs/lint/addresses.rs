//! Where a probe looks.

use crate::features::packs::pack::{Check, host_and_port};
use crate::features::packs::pattern::Pattern;

pub fn address_problems(check: &Check) -> Vec<String> {
    let mut problems = Vec::new();
    match check {
        Check::Prometheus(scrape) => {
            problems.extend(no_url(&scrape.url));
            if scrape.user.is_empty() != scrape.password_file.is_empty() {
                problems.push("a user and a password_file go together".to_owned());
            }
            if !scrape.bearer_file.is_empty() && !scrape.password_file.is_empty() {
                problems.push("give a bearer_file or a password_file, not both".to_owned());
            }
        }
        Check::Http(http) => {
            problems.extend(no_url(&http.url));
            if let Some(pointer) = http
                .json
                .keys()
                .find(|key| !key.is_empty() && !key.starts_with('/'))
            {
                problems.push(format!(
                    "\"{pointer}\" is not a JSON pointer: it begins with /"
                ));
            }
            if http
                .status
                .iter()
                .any(|status| !(100..600).contains(status))
                || http.status.is_empty()
            {
                problems.push("a status is a number from 100 to 599".to_owned());
            }
        }
        Check::Tcp(tcp) => problems.extend(no_address(&tcp.address)),
        Check::Tls(tls) => {
            problems.extend(no_address(&tls.address));
            if !is_host(tls.name()) {
                problems.push(format!("\"{}\" is not the name of a host", tls.name()));
            }
            if !tls.trust.is_empty() && !tls.trust.starts_with('/') {
                problems.push(format!("\"{}\" is not the path of a file", tls.trust));
            }
        }
        Check::Redis(redis) => {
            problems.extend(no_address(&redis.address));
            if !redis.user.is_empty() && redis.password_file.is_empty() {
                problems.push("a user of Redis needs a password_file".to_owned());
            }
        }
        Check::Postgres(pg) if pg.host.is_empty() || pg.port == 0 => {
            problems.push("a database needs a host and a port".to_owned());
        }
        Check::Host(host) if !host.disk.starts_with('/') => {
            problems.push(format!("\"{}\" is not a mount point", host.disk));
        }
        Check::File(files) => problems.extend(Pattern::parse(&files.pattern).err()),
        Check::Postgres(_) | Check::Host(_) => {}
    }
    problems
}

fn no_url(text: &str) -> Option<String> {
    match url::Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
            Some(format!("{text} is not an http address"))
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some("an address carries no user name or password".to_owned())
        }
        Ok(_) => None,
        Err(error) => Some(format!("{text}: {error}")),
    }
}

fn no_address(address: &str) -> Option<String> {
    let known = host_and_port(address).is_some_and(|(host, _)| is_host(host));
    (!known).then(|| {
        if address.contains('@') {
            // It is not repeated: it holds a password.
            "an address is host:port, without a user and password".to_owned()
        } else {
            format!("\"{address}\" is not host:port")
        }
    })
}

/// A name, an IPv4 address, or one of IPv6 with or without its brackets.
fn is_host(host: &str) -> bool {
    let letter =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !host.is_empty() && host.chars().all(letter)
}
