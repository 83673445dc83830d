//! HTTPS without a proxy in front: served, renewed while it runs, and never worse than it was.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use reqwest::tls::Version;
use rustix::process::{Signal, getpid, kill_process};
use signalbox::app::{self, Running};
use signalbox::features::posture::front::{self, Plain, Via};
use signalbox::foundation::auth::guard::own_look;
use signalbox::foundation::config::{Mode, TlsConfig};

use crate::support::app::services;
use crate::support::db::TestDb;

/// Writes a fresh certificate for localhost and its key, and answers the certificate.
fn renew(files: &TlsConfig) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    fs::write(&files.certificate, &certificate).unwrap();
    certificate
}

fn files(folder: &Path) -> TlsConfig {
    TlsConfig {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    }
}

fn serve(db: &TestDb, files: &TlsConfig) -> std::io::Result<(Running, u16)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut services = services(Mode::Demo, port, db);
    let mut config = (*services.config).clone();
    config.web.tls = Some(files.clone());
    config.web.base_url = format!("https://localhost:{port}").parse().unwrap();
    services.config = Arc::new(config);
    Ok((app::serve(services, listener)?, port))
}

/// Whether somebody who trusts this certificate and no other gets an answer, with TLS of this version at most.
async fn answers(port: u16, certificate: &str, version: Version) -> bool {
    let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .add_root_certificate(trusted)
        .max_tls_version(version)
        .build()
        .unwrap();
    let url = format!("https://localhost:{port}/sign-in");
    let answer = client.get(url).send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

async fn soon(port: u16, certificate: &str) -> bool {
    for _ in 0..50 {
        if answers(port, certificate, Version::TLS_1_3).await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[actix_web::test]
async fn a_certificate_is_served_and_renewed_and_a_broken_one_is_not_taken() {
    let (db, folder) = (TestDb::create(), tempfile::tempdir().unwrap());
    let files = files(folder.path());
    let first = renew(&files);
    let (running, port) = serve(&db, &files).unwrap();
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        assert!(answers(port, &first, version).await, "{version:?}");
    }
    assert!(!answers(port, &first, Version::TLS_1_1).await, "too old");
    let plain = reqwest::get(format!("http://localhost:{port}/sign-in")).await;
    assert!(plain.is_err(), "nothing is served in the open");

    let second = renew(&files);
    kill_process(getpid(), Signal::HUP).unwrap();
    assert!(soon(port, &second).await, "the new one is served");
    assert!(!answers(port, &first, Version::TLS_1_3).await);

    for broken in [&files.certificate, &files.key] {
        let good = fs::read(broken).unwrap();
        fs::write(broken, "renewed by somebody in a hurry").unwrap();
        kill_process(getpid(), Signal::HUP).unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(
            answers(port, &second, Version::TLS_1_3).await,
            "the old one stays"
        );
        fs::write(broken, good).unwrap();
    }
    running.stop().await;
}

#[actix_web::test]
async fn without_a_usable_certificate_nothing_starts_and_it_says_why() {
    let (db, folder) = (TestDb::create(), tempfile::tempdir().unwrap());
    let files = files(folder.path());
    let why = |files: &TlsConfig| serve(&db, files).err().unwrap().to_string();
    assert!(why(&files).contains("SSL_CERT_PATH names"));
    let certificate = renew(&files);
    renew(&files);
    fs::write(&files.certificate, certificate).unwrap();
    assert!(why(&files).contains("does not belong to"));
}

#[actix_web::test]
async fn the_health_check_speaks_tls_where_the_server_does() {
    let (db, folder) = (TestDb::create(), tempfile::tempdir().unwrap());
    let files = files(folder.path());
    renew(&files);
    let (running, port) = serve(&db, &files).unwrap();
    let ask = move |certificate: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
        command
            .env_clear()
            .args(["healthcheck", "--bind", &format!("127.0.0.1:{port}")]);
        if let Some(path) = certificate {
            command.env("SSL_CERT_PATH", path);
        }
        command.output().unwrap().status.success()
    };
    let certificate = files.certificate.clone();
    let asked = tokio::task::spawn_blocking(move || (ask(Some(&certificate)), ask(None)));
    assert_eq!(asked.await.unwrap(), (true, false));
    running.stop().await;
}

#[actix_web::test]
async fn the_security_posture_sees_what_is_served() {
    let (db, folder) = (TestDb::create(), tempfile::tempdir().unwrap());
    let files = files(folder.path());
    renew(&files);
    let (running, port) = serve(&db, &files).unwrap();
    let mut services = services(Mode::Demo, port, &db);
    let mut config = (*services.config).clone();
    config.web.tls = Some(files);
    config.web.base_url = format!("https://localhost:{port}").parse().unwrap();
    services.config = Arc::new(config);
    let seen = front::look(&services.config.web, &own_look(&services)).await;
    assert_eq!(seen.via, Via::FrontDoor);
    let certificate = seen.certificate.unwrap();
    assert!(certificate.distrusted.is_some(), "nobody vouches for it");
    assert!(certificate.ends_at.is_some());
    assert_eq!(seen.old_tls, Some(false), "nothing older than TLS 1.2");
    assert_eq!(seen.plain, Some(Plain::NoNeighbour));
    running.stop().await;
}
