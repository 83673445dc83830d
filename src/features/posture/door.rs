//! What the answers at the front door say about it.

use chrono::{DateTime, Utc};

use super::finding::Finding;
use super::front::{Answer, Certificate, Plain, Seen, Via};
use crate::foundation::web::headers::{CONTENT_POLICY, FIXED, TRANSPORT_POLICY};
use crate::foundation::web::tls;

const TLS: &str = "HTTPS";
const MEND_PROXY: &str = "let the proxy pass our answers on as they are";

/// How the installation is reached, from its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub is_https: bool,
    pub is_loopback: bool,
}

/// Everything that is seen from outside, one line for each thing.
pub fn judge(seen: &Seen, address: Address, now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings = vec![reached(seen)];
    findings.extend(encryption(seen, address, now));
    if let Via::Nowhere(_) = seen.via {
        return findings;
    }
    findings.push(headers(seen, address));
    findings.push(origins(seen));
    findings.push(forms(seen));
    findings.push(host(seen));
    findings.push(strangers(seen));
    findings
}

/// What was answered by us. A limit that we ran into ourselves and a server that broke say nothing of what is asked.
fn said(answer: Option<&Answer>) -> Option<&Answer> {
    answer.filter(|answer| answer.status != 429 && answer.status < 500)
}

fn reached(seen: &Seen) -> Finding {
    const SUBJECT: &str = "Front door";
    match &seen.via {
        Via::FrontDoor => Finding::ok(SUBJECT, "asked at the address that people use"),
        Via::Inside(why) => Finding::warn(
            SUBJECT,
            format!(
                "the address that people use does not answer from here ({why}): asked from inside, past any proxy"
            ),
            "let this machine reach the base URL, or look from outside at what the proxy adds and takes away",
        ),
        Via::Nowhere(why) => Finding::warn(
            SUBJECT,
            format!(
                "neither the address that people use nor our own socket answers ({why}): nothing was seen"
            ),
            "check SIGNALBOX_BASE_URL and SIGNALBOX_BIND",
        ),
    }
}

fn encryption(seen: &Seen, address: Address, now: DateTime<Utc>) -> Vec<Finding> {
    if !address.is_https {
        let found = "plain HTTP, on this machine only: nobody else can listen";
        return vec![if address.is_loopback {
            Finding::ok(TLS, found)
        } else {
            Finding::fail(
                TLS,
                "plain HTTP: passwords and sessions can be read on the way",
                "set SIGNALBOX_BASE_URL to an https address, behind a proxy or with SSL_CERT_PATH and SSL_KEY_PATH",
            )
        }];
    }
    let mut findings = Vec::new();
    match &seen.certificate {
        Some(shown) => findings.push(certificate(shown, now)),
        None => findings.push(Finding::warn(
            TLS,
            "the certificate was not seen from here",
            "look at it with a browser from outside",
        )),
    }
    const VERSIONS: &str = "TLS versions";
    findings.push(match seen.old_tls {
        Some(true) => Finding::fail(
            VERSIONS,
            "TLS 1.1 is spoken, which browsers have given up",
            "allow TLS 1.2 and 1.3 only, at whatever ends TLS",
        ),
        Some(false) => Finding::ok(VERSIONS, "TLS 1.1 and older are refused"),
        None => unseen(VERSIONS),
    });
    const PLAIN: &str = "Plain HTTP";
    match seen.plain {
        Some(Plain::Answers(status)) => findings.push(Finding::fail(
            PLAIN,
            format!("port 80 answers with {status} instead of leading to our HTTPS address"),
            "let it redirect to the base URL, or close the port",
        )),
        Some(Plain::LeadsOn) => findings.push(Finding::ok(PLAIN, "leads to HTTPS")),
        Some(Plain::NobodyListens) => {
            findings.push(Finding::ok(PLAIN, "nobody listens on port 80"));
        }
        Some(Plain::NoNeighbour) => {}
        None => findings.push(unseen(PLAIN)),
    }
    findings
}

fn certificate(shown: &Certificate, now: DateTime<Utc>) -> Finding {
    // An end that has passed is the first thing to mend; it is also why nothing trusts it.
    if let Some(why) = shown.distrusted.as_ref().filter(|_| !shown.is_over(now)) {
        return Finding::warn(
            TLS,
            format!("this machine does not trust the certificate: {why}"),
            "have it signed by an authority that every reader's browser knows, and send the whole chain",
        );
    }
    if shown.is_over(now) {
        return Finding::fail(
            TLS,
            "the certificate has ended: browsers refuse it",
            "renew it",
        );
    }
    match (tls::due(shown.ends_at, now), shown.ends_at) {
        (Some(why), _) => Finding::warn(TLS, format!("the certificate: {why}"), "renew it"),
        (None, Some(end)) => Finding::ok(
            TLS,
            format!("a trusted certificate, until {}", end.date_naive()),
        ),
        (None, None) => Finding::ok(TLS, "a trusted certificate"),
    }
}

/// The headers that we send, as they arrive.
fn headers(seen: &Seen, address: Address) -> Finding {
    const SUBJECT: &str = "Security headers";
    let Some(door) = said(seen.door.as_ref()) else {
        return unseen(SUBJECT);
    };
    let mut wanted: Vec<(&str, &str)> = FIXED.to_vec();
    wanted.push(("content-security-policy", CONTENT_POLICY));
    wanted.push(("cache-control", "no-store"));
    if address.is_https && !address.is_loopback {
        wanted.push(("strict-transport-security", TRANSPORT_POLICY));
    }
    let wrong = |(name, value): &&(&str, &str)| door.header(name) != Some(*value);
    let missing: Vec<&str> = wanted.iter().filter(wrong).map(|each| each.0).collect();
    if missing.is_empty() {
        Finding::ok(
            SUBJECT,
            format!("all {} arrive as they are sent", wanted.len()),
        )
    } else {
        let found = format!("missing or changed on the way: {}", missing.join(", "));
        Finding::fail(SUBJECT, found, MEND_PROXY)
    }
}

/// Asked at the door, at a page and at the API: a proxy may treat them differently.
fn origins(seen: &Seen) -> Finding {
    const SUBJECT: &str = "Other origins (CORS)";
    let asked = [&seen.door, &seen.preflight, &seen.page, &seen.program];
    let answers: Vec<&Answer> = asked
        .into_iter()
        .filter_map(|it| said(it.as_ref()))
        .collect();
    let mut allowed = answers
        .iter()
        .filter_map(|answer| answer.header("access-control-allow-origin"));
    match allowed.next() {
        Some(origin) => Finding::fail(
            SUBJECT,
            format!("pages of \"{origin}\" may read our answers"),
            "take the header access-control-allow-origin out of the proxy: no page elsewhere has business here",
        ),
        None if answers.len() < asked.len() => unseen(SUBJECT),
        None => Finding::ok(SUBJECT, "no page elsewhere may read our answers"),
    }
}

fn forms(seen: &Seen) -> Finding {
    const SUBJECT: &str = "Forms from elsewhere (CSRF)";
    match said(seen.crossed.as_ref()).map(|answer| answer.status) {
        Some(403) => Finding::ok(SUBJECT, "refused"),
        Some(status) => Finding::fail(
            SUBJECT,
            format!("a form that another site sends is answered with {status} instead of 403"),
            "let the proxy pass on the headers Origin and Sec-Fetch-Site",
        ),
        None => unseen(SUBJECT),
    }
}

/// A proxy may answer for other names itself; ours must not be served under them.
fn host(seen: &Seen) -> Finding {
    const SUBJECT: &str = "Other host names";
    match said(seen.misdirected.as_ref()) {
        Some(answer) if is_ours(answer) && answer.status == 200 => Finding::fail(
            SUBJECT,
            "our pages are served under any name",
            "let the proxy pass on the header Host as it came, and serve other names elsewhere",
        ),
        Some(_) => Finding::ok(SUBJECT, "our pages are served under our own name only"),
        None => unseen(SUBJECT),
    }
}

/// By any header that only we send as it is: a proxy may have changed one.
fn is_ours(answer: &Answer) -> bool {
    let policy = ("content-security-policy", CONTENT_POLICY);
    let ours = FIXED
        .iter()
        .filter(|(name, _)| *name == "permissions-policy");
    ours.chain([&policy])
        .any(|(name, value)| answer.header(name) == Some(*value))
}

fn strangers(seen: &Seen) -> Finding {
    const SUBJECT: &str = "Without a session or key";
    let (Some(page), Some(program)) = (said(seen.page.as_ref()), said(seen.program.as_ref()))
    else {
        return unseen(SUBJECT);
    };
    let leads_to_sign_in = page.status == 303
        && page
            .header("location")
            .is_some_and(|to| to.contains("/sign-in"));
    if leads_to_sign_in && program.status == 401 {
        return Finding::ok(
            SUBJECT,
            "pages lead to the sign-in, and the API answers 401",
        );
    }
    let found = format!(
        "a page is answered with {}, the API with {}",
        page.status, program.status
    );
    Finding::fail(
        SUBJECT,
        found,
        "see who else answers at this address: it should be 303 to the sign-in, and 401",
    )
}

fn unseen(subject: &'static str) -> Finding {
    Finding::warn(
        subject,
        "could not be looked at from here",
        "open this page again in a minute; if it stays, look from outside",
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    const HTTPS: Address = Address {
        is_https: true,
        is_loopback: false,
    };

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Answer {
            status,
            headers: headers.iter().map(owned).collect(),
        }
    }

    fn good() -> Seen {
        let mut ours = FIXED.to_vec();
        ours.push(("content-security-policy", CONTENT_POLICY));
        ours.push(("cache-control", "no-store"));
        ours.push(("strict-transport-security", TRANSPORT_POLICY));
        Seen {
            via: Via::FrontDoor,
            door: Some(answer(200, &ours)),
            preflight: Some(answer(405, &ours)),
            crossed: Some(answer(403, &ours)),
            misdirected: Some(answer(421, &ours)),
            page: Some(answer(303, &[("Location", "/sign-in?next=%2Faccount")])),
            program: Some(answer(401, &[])),
            certificate: Some(Certificate {
                ends_at: None,
                distrusted: None,
            }),
            plain: Some(Plain::LeadsOn),
            old_tls: Some(false),
        }
    }

    /// The subjects that are not in order.
    fn complaints(seen: &Seen) -> Vec<&'static str> {
        let findings = judge(seen, HTTPS, Utc::now());
        let bad = findings.iter().filter(|each| each.verdict > Verdict::Ok);
        bad.map(|each| each.subject).collect()
    }

    #[test]
    fn what_answers_as_it_should_is_in_order() {
        assert_eq!(complaints(&good()), Vec::<&str>::new());
        assert_eq!(judge(&good(), HTTPS, Utc::now()).len(), 9);
    }

    #[test]
    fn each_thing_that_a_proxy_can_spoil_is_told() {
        let spoil = |change: fn(&mut Seen)| {
            let mut seen = good();
            change(&mut seen);
            complaints(&seen)
        };
        let door = |seen: &mut Seen, name: &str| {
            let door = seen.door.as_mut().unwrap();
            door.headers.retain(|(known, _)| known != name);
        };
        for name in [
            "strict-transport-security",
            "content-security-policy",
            "x-content-type-options",
        ] {
            let mut seen = good();
            door(&mut seen, name);
            assert_eq!(complaints(&seen), ["Security headers"], "{name}");
        }
        let cors = |seen: &mut Seen| {
            let header = ("Access-Control-Allow-Origin".to_owned(), "*".to_owned());
            seen.preflight.as_mut().unwrap().headers.push(header);
        };
        assert_eq!(spoil(cors), ["Other origins (CORS)"]);
        assert_eq!(
            spoil(|seen| seen.crossed.as_mut().unwrap().status = 422),
            ["Forms from elsewhere (CSRF)"]
        );
        assert_eq!(
            spoil(|seen| seen.misdirected.as_mut().unwrap().status = 200),
            ["Other host names"]
        );
        assert_eq!(
            spoil(|seen| seen.program.as_mut().unwrap().status = 200),
            ["Without a session or key"]
        );
        assert_eq!(spoil(|seen| seen.old_tls = Some(true)), ["TLS versions"]);
        assert_eq!(
            spoil(|seen| seen.plain = Some(Plain::Answers(200))),
            ["Plain HTTP"]
        );
        assert_eq!(spoil(|seen| seen.plain = None), ["Plain HTTP"]);
        assert_eq!(spoil(|seen| seen.old_tls = None), ["TLS versions"]);
        assert_eq!(spoil(|seen| seen.certificate = None), [TLS]);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let verdict = |is_loopback| {
            let address = Address {
                is_https: false,
                is_loopback,
            };
            encryption(&good(), address, Utc::now())[0].verdict
        };
        assert_eq!(verdict(true), Verdict::Ok);
        assert_eq!(verdict(false), Verdict::Fail);
    }

    #[test]
    fn what_could_not_be_seen_is_no_good_news() {
        let mut seen = good();
        seen.via = Via::Nowhere("connection refused".to_owned());
        seen.door = None;
        assert_eq!(complaints(&seen), ["Front door"]);
        let mut busy = good();
        for answer in [&mut busy.door, &mut busy.page, &mut busy.program] {
            answer.as_mut().unwrap().status = 429;
        }
        busy.misdirected.as_mut().unwrap().status = 502;
        let findings = judge(&busy, HTTPS, Utc::now());
        assert!(
            findings.iter().all(|each| each.verdict < Verdict::Fail),
            "{findings:?}"
        );
        let unseen = [
            "Security headers",
            "Other origins (CORS)",
            "Other host names",
            "Without a session or key",
        ];
        assert_eq!(complaints(&busy), unseen);
    }

    #[test]
    fn a_proxy_that_switches_https_off_again_is_told() {
        let mut seen = good();
        let door = seen.door.as_mut().unwrap();
        door.headers
            .retain(|(name, _)| name != "strict-transport-security");
        door.headers.push((
            "Strict-Transport-Security".to_owned(),
            "max-age=0".to_owned(),
        ));
        assert_eq!(complaints(&seen), ["Security headers"]);
    }

    #[test]
    fn a_certificate_that_has_ended_is_to_be_mended() {
        let now = Utc::now();
        let verdict = |days| {
            let shown = Certificate {
                ends_at: Some(now + chrono::Duration::days(days)),
                distrusted: None,
            };
            certificate(&shown, now).verdict
        };
        assert_eq!(
            [verdict(-1), verdict(3), verdict(90)],
            [Verdict::Fail, Verdict::Warn, Verdict::Ok]
        );
    }
}
