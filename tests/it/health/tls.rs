//! Certificates: who vouches for them, for whom, and for how long.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use signalbox::features::alerts::evaluate;
use signalbox::features::alerts::store as alerts;
use signalbox::features::health::actions;
use signalbox::features::health::checks::Checks;
use signalbox::features::health::probe::{ErrorKind, Outcome};
use signalbox::features::packs::pack::{Certificate, Check, Measure};
use signalbox::foundation::kernel::Scope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{failure, probes, run, run_once, the_probe};
use crate::packs::apply;
use crate::support::app::TestApp;

pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// From so many days ago to in so many days.
fn lasting(params: &mut CertificateParams, from: i64, to: i64) {
    let day = |days: i64| {
        let at = Utc::now() + TimeDelta::days(days);
        let part = |number: u32| u8::try_from(number).unwrap();
        date_time_ymd(at.year(), part(at.month()), part(at.day()))
    };
    (params.not_before, params.not_after) = (day(from), day(to));
}

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    lasting(&mut params, -1, 1_000);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that shows a certificate of this authority's for a name, and then says nothing.
pub async fn serve(by: &Authority, name: &str, from: i64, to: i64) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    lasting(&mut params, from, to);
    let certificate = params.signed_by(&key, by).unwrap();
    let chain: Vec<CertificateDer<'static>> =
        vec![certificate.der().clone(), by.as_ref().der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    listen(move |stream| answer(stream, Arc::clone(&config))).await
}

async fn listen<F: Future<Output = ()> + Send + 'static>(
    each: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(each(stream));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, config: Arc<ServerConfig>) {
    let mut tls = rustls::ServerConnection::new(config).unwrap();
    let mut chunk = [0; 4_096];
    loop {
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        if stream.write_all(&out).await.is_err() {
            return;
        }
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => {
                let mut came = &chunk[..read];
                while !came.is_empty() && tls.read_tls(&mut came).is_ok() {
                    if tls.process_new_packets().is_err() {
                        return;
                    }
                }
            }
            _ => return,
        }
    }
}

fn asking(address: SocketAddr, name: &str, trust: &Path) -> Check {
    Check::Tls(Certificate {
        address: address.to_string(),
        name: name.to_owned(),
        trust: trust.display().to_string(),
    })
}

/// What a run said: nothing when it was good, else why; and the days left.
async fn seen(check: Check) -> (String, Option<f64>) {
    let outcome = run(check).await.outcome;
    let days = outcome
        .measures()
        .iter()
        .find(|(name, _)| *name == Measure::Days);
    let days = days.map(|(_, days)| *days);
    match outcome {
        Outcome::Failed(failure) => {
            assert_eq!(failure.kind, ErrorKind::Tls, "{failure:?}");
            (failure.message, days)
        }
        other => (other.message().to_owned(), days),
    }
}

#[tokio::test]
async fn a_certificate_is_counted_to_its_end_also_when_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (authority("Ours"), authority("Others"));
    let trust = folder.path().join("trust.pem");
    std::fs::write(&trust, ours.as_ref().pem()).unwrap();
    // Certificates end at midnight, so that the day that runs is not counted.
    let near =
        |days: Option<f64>, end: f64| days.is_some_and(|days| end - 1.0 <= days && days < end);

    let good = serve(&ours, "bank.example", -1, 30).await;
    let (said, days) = seen(asking(good, "bank.example", &trust)).await;
    assert_eq!(said, "");
    assert!(near(days, 30.0), "{days:?}");

    let cases: [(&Authority, &str, i64, i64, &str); 4] = [
        (&ours, "bank.example", -30, -3, "has expired"),
        (&ours, "bank.example", 3, 30, "not yet valid"),
        (&ours, "other.example", -1, 30, "for another name"),
        (&others, "bank.example", -1, 30, "nobody we trust"),
    ];
    for (by, name, from, to, why) in cases {
        let address = serve(by, name, from, to).await;
        let (said, days) = seen(asking(address, "bank.example", &trust)).await;
        assert!(said.contains(why) && !said.contains(';'), "{why}: {said}");
        #[allow(clippy::cast_precision_loss)]
        let end = to as f64;
        assert!(near(days, end), "{why}: {days:?}");
    }
    let both = serve(&others, "other.example", -30, -3).await;
    let (said, _) = seen(asking(both, "bank.example", &trust)).await;
    for why in ["has expired", "another name", "nobody we trust"] {
        assert!(said.contains(why), "{said}");
    }
}

/// Without a name of its own the address is the name; the system's authorities do not know ours.
#[tokio::test]
async fn the_address_is_the_name_and_the_system_says_whom_to_trust() {
    let folder = tempfile::tempdir().unwrap();
    let ours = authority("Ours");
    let trust = folder.path().join("trust.pem");
    std::fs::write(&trust, ours.as_ref().pem()).unwrap();
    let by_address = serve(&ours, "127.0.0.1", -1, 30).await;
    assert_eq!(seen(asking(by_address, "", &trust)).await.0, "");
    let (said, _) = seen(asking(by_address, "", Path::new(""))).await;
    assert!(said.contains("nobody we trust"), "{said}");
    // Our own set-up, and no word about the target.
    let missing = run(asking(by_address, "", Path::new("/nowhere.pem"))).await;
    assert!(
        matches!(missing.outcome, Outcome::Unknown(_)),
        "{missing:?}"
    );
}

#[tokio::test]
async fn what_is_no_tls_is_told_apart() {
    let nowhere = Path::new("");
    let plain = listen(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let hangs_up = listen(|_| async {}).await;
    for address in [plain, hangs_up] {
        let kind = failure(asking(address, "", nowhere)).await;
        assert_eq!(kind, Some(ErrorKind::Tls));
    }
    let endless = listen(|mut stream| async move {
        // Records of a handshake that says it is longer than it will ever be.
        let mut record = vec![22, 3, 3, 0x40, 0, 11, 0xff, 0xff, 0xff];
        record.resize(5 + 0x4000, 0);
        while stream.write_all(&record).await.is_ok() {}
    })
    .await;
    assert_eq!(
        failure(asking(endless, "", nowhere)).await,
        Some(ErrorKind::Tls)
    );
    let silent = listen(|stream| async move {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    assert_eq!(
        failure(asking(silent, "", nowhere)).await,
        Some(ErrorKind::Timeout)
    );
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = free.local_addr().unwrap();
    drop(free);
    assert_eq!(
        failure(asking(refused, "", nowhere)).await,
        Some(ErrorKind::Refused)
    );
    let unknown = Check::Tls(Certificate {
        address: "signalbox-test.invalid:443".into(),
        name: String::new(),
        trust: String::new(),
    });
    assert_eq!(failure(unknown).await, Some(ErrorKind::Dns));
}

const FRONT: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "front"
name = "Front"

[[probe]]
id = "certificate"
service = "front"
check.tls = { address = "ADDRESS", name = "bank.example", trust = "TRUST" }
interval = "30s"

[[rule]]
id = "ends"
name = "The certificate ends soon"
on.measure = { probe = "certificate", name = "days" }
red = { below = "7d" }
yellow = { below = "14d" }
blue = { below = "21d" }
runbook = "renew"

[[runbook]]
id = "renew"
title = "Renew it"
owner = "Operations"
version = "1"
next_review = "2027-01-01"
steps = ["Renew."]
"#;

/// 21, 14 and 7 days; and an expired one stays red although its probe has failed.
#[tokio::test]
async fn a_certificate_that_ends_lights_three_lamps_one_after_the_other() {
    let (app, folder) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let ours = authority("Ours");
    let trust = folder.path().join("trust.pem");
    std::fs::write(&trust, ours.as_ref().pem()).unwrap();
    let day = Utc::now();
    let page = async |days: i64| -> (String, String) {
        let address = serve(&ours, "bank.example", -30, days).await;
        let pack = FRONT
            .replace("ADDRESS", &address.to_string())
            .replace("TRUST", &trust.display().to_string());
        apply(&app, &pack);
        actions::enrol(&app.services, &probes(&app)).unwrap();
        // At noon, so that the certificate's midnight is not near.
        let noon: DateTime<Utc> = day.date_naive().and_hms_opt(12, 0, 0).unwrap().and_utc();
        let run = Checks::new()
            .unwrap()
            .run(&the_probe(&app).spec, noon, None)
            .await;
        run_once(&app, run.outcome);
        app.advance(TimeDelta::seconds(2));
        evaluate::tick(&app.services).unwrap();
        let open = app
            .services
            .db
            .read(|conn| alerts::open(conn, &Scope::All))
            .unwrap();
        let level = open.first().map_or("none", |alert| alert.level.as_str());
        let page = app.as_operator().get("/").await;
        let page = app
            .as_operator()
            .get(&page.link("Demo Front certificate: Time to the certificate's end"))
            .await;
        (level.to_owned(), page.texts(".tile").join(" "))
    };
    for (days, level, words) in [
        (30, "none", "29 days"),
        (20, "blue", "19 days"),
        (12, "yellow", "11 days"),
        (2, "red", "1 day"),
        (-2, "red", "ended 3 days ago"),
    ] {
        let (lit, tile) = page(days).await;
        assert_eq!(lit, level, "{days} days");
        assert!(tile.contains(words), "{days} days: {tile}");
    }
}
