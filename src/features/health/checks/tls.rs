use std::collections::VecDeque;
use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, Ssl, SslConnector, SslMethod, SslRef, SslVerifyMode};
use openssl::x509::X509VerifyResult;
use openssl::x509::store::X509StoreBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connect::connect_to;
use super::outcome_of;
use crate::features::health::probe::{ErrorKind, Failure, Outcome};
use crate::features::packs::pack::{Certificate, Measure};
use crate::foundation::web::tls;

/// A handshake is a few certificates long; whatever sends more is not shaking hands.
const HANDSHAKE_LIMIT: usize = 256 * 1024;

/// Shakes hands, and holds the certificates that are shown against the name and whom we trust.
pub async fn check(wanted: &Certificate, at: DateTime<Utc>) -> Outcome {
    let doubts = Doubts::default();
    // It reads files, which may lie on a disk that hangs.
    let preparing = {
        let (wanted, doubts) = (wanted.clone(), doubts.clone());
        tokio::task::spawn_blocking(move || prepare(&wanted, &doubts))
    };
    let ssl = match preparing.await {
        Ok(Ok(ssl)) => ssl,
        // Our own set-up is wrong; that says nothing about the target.
        Ok(Err(error)) if wanted.trust.is_empty() => return Outcome::Unknown(error.to_string()),
        Ok(Err(error)) => return Outcome::Unknown(format!("{}: {error}", wanted.trust)),
        Err(error) => return Outcome::Unknown(error.to_string()),
    };
    let stream = match connect_to(&wanted.address).await {
        Ok(stream) => stream,
        Err(outcome) => return outcome,
    };
    let (days, broken) = match shake_hands(ssl, stream, at).await {
        Ok(seen) => seen,
        Err(error) => return outcome_of(&error, ErrorKind::Tls),
    };
    let measures = days.map(|days| (Measure::Days, days)).into_iter().collect();
    let reasons = broken.or_else(|| doubts.in_words());
    match reasons {
        None => Outcome::Good(measures),
        Some(message) => Outcome::Failed(Failure {
            measures,
            ..Failure::new(ErrorKind::Tls, message)
        }),
    }
}

/// The library's own checks stay in place; what they find is written down, and the handshake goes on so that
/// the certificates can be read.
fn prepare(wanted: &Certificate, doubts: &Doubts) -> Result<Ssl, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if !wanted.trust.is_empty() {
        builder.set_cert_store(X509StoreBuilder::new()?.build());
        builder.set_ca_file(&wanted.trust)?;
    }
    let doubts = doubts.clone();
    builder.set_verify_callback(SslVerifyMode::PEER, move |trusted, context| {
        if !trusted {
            doubts.add(context.error());
        }
        true
    });
    builder.build().configure()?.into_ssl(wanted.name())
}

/// What the library has against the certificates that it was shown.
#[derive(Clone, Default)]
struct Doubts(Arc<Mutex<Vec<X509VerifyResult>>>);

impl Doubts {
    fn add(&self, doubt: X509VerifyResult) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.push(doubt);
    }

    /// "expired; unknown issuer"
    fn in_words(&self) -> Option<String> {
        let doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words: Vec<&str> = Vec::new();
        for doubt in doubts.iter() {
            let reason = reason(*doubt);
            if !words.contains(&reason) {
                words.push(reason);
            }
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// By the numbers of `X509_V_ERR_…`, which are the same in all versions.
fn reason(doubt: X509VerifyResult) -> &'static str {
    match doubt.as_raw() {
        9 => "the certificate is not yet valid",
        10 => "the certificate has expired",
        62 | 64 => "the certificate is for another name",
        2 | 18..=21 => "nobody we trust has issued the certificate",
        _ => doubt.error_string(),
    }
}

/// The days left, where a certificate was shown, and why the handshake broke off, if it did.
type Seen = (Option<f64>, Option<String>);

async fn shake_hands(ssl: Ssl, mut stream: TcpStream, at: DateTime<Utc>) -> io::Result<Seen> {
    let mut received = 0;
    let mut shaking = ssl.connect(Wire::default());
    loop {
        let mut waiting = match shaking {
            Ok(mut done) => {
                let seen = (days_left(done.ssl(), at), None);
                // Whoever is told that we go does not have to log that we vanished.
                let _ = done.shutdown();
                let _ = stream.write_all(&done.get_mut().outgoing).await;
                return Ok(seen);
            }
            Err(HandshakeError::WouldBlock(waiting)) => waiting,
            Err(HandshakeError::Failure(broken)) => {
                let why = broken.error().to_string().chars().take(200).collect();
                return Ok((days_left(broken.ssl(), at), Some(why)));
            }
            Err(HandshakeError::SetupFailure(error)) => return Err(io::Error::other(error)),
        };
        let outgoing = std::mem::take(&mut waiting.get_mut().outgoing);
        let answer = match exchange(&mut stream, &outgoing).await {
            // What speaks no TLS drops what it cannot read, and us with it.
            Err(error) if matches!(error.kind(), ConnectionReset | BrokenPipe) => Vec::new(),
            answer => answer?,
        };
        received += answer.len();
        if answer.is_empty() {
            return Ok((None, Some("it hung up in the handshake".to_owned())));
        }
        if received > HANDSHAKE_LIMIT {
            return Ok((None, Some("its handshake has no end".to_owned())));
        }
        waiting.get_mut().incoming.extend(answer);
        shaking = waiting.handshake();
    }
}

/// Sends what is to be sent, and reads what comes; nothing when it has hung up.
async fn exchange(stream: &mut TcpStream, outgoing: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(outgoing).await?;
    let mut answer = Vec::with_capacity(16 * 1024);
    stream.read_buf(&mut answer).await?;
    Ok(answer)
}

/// Until the first of the certificates that were shown ends.
fn days_left(ssl: &SslRef, at: DateTime<Utc>) -> Option<f64> {
    let chain = ssl.peer_cert_chain()?.iter();
    let first_end = chain
        .filter_map(|certificate| tls::ends_at(&certificate.to_der().ok()?))
        .min()?;
    let days = (first_end - at).num_seconds().div_euclid(86_400);
    #[allow(clippy::cast_precision_loss, reason = "years are few days")]
    let days = days as f64;
    Some(days)
}

/// Between the library, which wants to read and write at once, and the connection, which is waited for.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.incoming.read(into)
    }
}

impl Write for Wire {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(from);
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
