//! Where a probe looks.

use crate::features::packs::pack::{Check, Queue, Redis, host_and_port};
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
        Check::Redis(redis) => problems.extend(of_redis(redis)),
        Check::Postgres(pg) if pg.host.is_empty() || pg.port == 0 => {
            problems.push(NO_DATABASE.to_owned());
        }
        Check::Queue(queue) => problems.extend(of_queue(queue)),
        Check::Host(host) if !host.disk.starts_with('/') => {
            problems.push(format!("\"{}\" is not a mount point", host.disk));
        }
        Check::File(files) => problems.extend(Pattern::parse(&files.pattern).err()),
        Check::Postgres(_) | Check::Host(_) => {}
    }
    problems
}

pub fn no_url(text: &str) -> Option<String> {
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

const NO_DATABASE: &str = "a database needs a host and a port";

fn of_redis(redis: &Redis) -> Vec<String> {
    let mut problems: Vec<String> = no_address(&redis.address).into_iter().collect();
    if !redis.user.is_empty() && redis.password_file.is_empty() {
        problems.push("a user of Redis needs a password_file".to_owned());
    }
    problems
}

fn of_queue(queue: &Queue) -> Vec<String> {
    let wrong = |why: &str| vec![why.to_owned()];
    match (&queue.redis, &queue.postgres) {
        (Some(redis), None) if !queue.query.is_empty() => {
            let mut problems = of_redis(redis);
            problems.extend(wrong(
                "a query goes with postgres; a queue in Redis has a name",
            ));
            problems
        }
        (Some(_), None) if queue.name.is_empty() => wrong("a queue in Redis needs a name"),
        (Some(redis), None) => of_redis(redis),
        (None, Some(pg)) if pg.host.is_empty() || pg.port == 0 => wrong(NO_DATABASE),
        (None, Some(_)) => {
            let begins = queue.query.trim_start().get(..6);
            if begins.is_some_and(|word| word.eq_ignore_ascii_case("select"))
                && !queue.query.contains(';')
            {
                Vec::new()
            } else {
                wrong(
                    "a query is one SELECT, whose columns are waiting, delayed, reserved, failed or oldest",
                )
            }
        }
        _ => wrong("say where the queue is, in one way: redis or postgres"),
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
