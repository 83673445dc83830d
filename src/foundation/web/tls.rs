//! HTTPS without a proxy in front: the certificate and its key come from two files, and are read again when they change.
//!
//! A file that cannot be used never takes the place of one that can: whoever renews a certificate and gets it wrong
//! finds an error in the log, and visitors go on seeing the old one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDateTime, Utc};
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::signal::unix::{SignalKind, signal};

use crate::foundation::config::TlsConfig;

/// How often the files are looked at. SIGHUP has them read at once.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How long before its end a certificate is complained about.
const RENEW_BEFORE: chrono::Duration = chrono::Duration::days(14);

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{name} names {}, which cannot be read: {source}", path.display())]
    Unreadable {
        name: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{name} names {}, which holds no {what} in PEM form", path.display())]
    Empty {
        name: &'static str,
        path: PathBuf,
        what: &'static str,
    },
    #[error(
        "the private key in {} does not belong to the certificate in {}",
        files.key.display(), files.certificate.display()
    )]
    Mismatch { files: TlsConfig },
    #[error("the certificate in {} cannot be used: {source}", path.display())]
    Unusable {
        path: PathBuf,
        source: rustls::Error,
    },
}

/// A certificate, its key, and when it ends.
pub struct Loaded {
    key: Arc<CertifiedKey>,
    pub ends_at: Option<DateTime<Utc>>,
}

/// Reads both files and sees that they belong together.
pub fn load(files: &TlsConfig) -> Result<Loaded, TlsError> {
    let chain = chain(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key);
    let key = key.map_err(|error| explain("SSL_KEY_PATH", &files.key, "private key", error))?;
    let ends_at = chain.first().and_then(|certificate| ends_at(certificate));
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
    let key = key.map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch {
            files: files.clone(),
        },
        source => TlsError::Unusable {
            path: files.certificate.clone(),
            source,
        },
    })?;
    Ok(Loaded {
        key: Arc::new(key),
        ends_at,
    })
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    const NAME: &str = "SSL_CERT_PATH";
    let wrong = |error| explain(NAME, path, "certificate", error);
    let certificates = CertificateDer::pem_file_iter(path).map_err(wrong)?;
    let chain = certificates.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if chain.is_empty() {
        return Err(wrong(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn explain(name: &'static str, path: &Path, what: &'static str, error: pem::Error) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { name, path, source },
        _ => TlsError::Empty { name, path, what },
    }
}

/// What visitors are shown. It follows the files.
pub struct Certificate {
    files: TlsConfig,
    held: RwLock<Held>,
}

struct Held {
    key: Arc<CertifiedKey>,
    stamps: Stamps,
}

/// When the files were changed, as they were before they were read.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    /// Reads the files for the first time. Without a usable certificate nothing is served.
    pub fn open(files: &TlsConfig) -> Result<Arc<Self>, TlsError> {
        let stamps = stamps(files);
        let loaded = load(files)?;
        complain(files, loaded.ends_at, Utc::now());
        Ok(Arc::new(Self {
            files: files.clone(),
            held: RwLock::new(Held {
                key: loaded.key,
                stamps,
            }),
        }))
    }

    /// TLS 1.2 and 1.3, with this certificate.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        Ok(config)
    }

    /// Looks at the files for as long as the program runs.
    pub fn follow(self: &Arc<Self>) -> std::io::Result<()> {
        let mut asked = signal(SignalKind::hangup())?;
        let certificate = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let at_once = tokio::select! {
                    _ = asked.recv() => true,
                    () = tokio::time::sleep(LOOK_EVERY) => false,
                };
                let Some(certificate) = certificate.upgrade() else {
                    return;
                };
                let look = tokio::task::spawn_blocking(move || certificate.look(at_once));
                let _ = look.await;
            }
        });
        Ok(())
    }

    /// Reads the files again if they have changed, or somebody asks for it.
    fn look(&self, at_once: bool) {
        let stamps = stamps(&self.files);
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if held.stamps == stamps && !at_once {
                return;
            }
        }
        let loaded = load(&self.files);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.stamps = stamps;
        match loaded {
            Ok(loaded) => {
                held.key = loaded.key;
                tracing::info!(file = %self.files.certificate.display(), "the certificate was read again");
                complain(&self.files, loaded.ends_at, Utc::now());
            }
            Err(error) => tracing::error!(%error, "the certificate stays as it was"),
        }
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.files.certificate.display())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Some(held.key.clone())
    }
}

fn stamps(files: &TlsConfig) -> Stamps {
    [&files.certificate, &files.key].map(|path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

/// What somebody should do about a certificate, if anything.
#[must_use]
pub fn due(ends_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<String> {
    let ends_at = ends_at?;
    let day = ends_at.date_naive();
    if ends_at <= now {
        Some(format!("it ended on {day}: browsers refuse it"))
    } else if ends_at - now < RENEW_BEFORE {
        Some(format!("it ends on {day}"))
    } else {
        None
    }
}

fn complain(files: &TlsConfig, ends_at: Option<DateTime<Utc>>, now: DateTime<Utc>) {
    if let Some(why) = due(ends_at, now) {
        tracing::warn!(file = %files.certificate.display(), why, "the certificate wants renewing");
    }
}

/// When a certificate ends (RFC 5280, 4.1: `TBSCertificate.validity.notAfter`). Nothing where it cannot be told.
#[must_use]
pub fn ends_at(certificate: &[u8]) -> Option<DateTime<Utc>> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let whole = element(certificate, SEQUENCE)?.0;
    let mut fields = element(whole, SEQUENCE)?.0;
    if fields.first() == Some(&VERSION) {
        fields = element(fields, VERSION)?.1;
    }
    let (_, fields) = element(fields, 0x02)?;
    let (_, fields) = element(fields, SEQUENCE)?;
    let (_, fields) = element(fields, SEQUENCE)?;
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, end) = element(validity, *validity.first()?)?;
    moment(end)
}

/// The content of the element that `bytes` begins with, and what comes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(*short), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(short & 0x0f))?;
            let length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    (*first == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// `UTCTime` has two digits for the year, of which those from 50 on are of the last century.
fn moment(bytes: &[u8]) -> Option<DateTime<Utc>> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let tag = *bytes.first()?;
    let text = std::str::from_utf8(element(bytes, tag)?.0).ok()?;
    let full = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn write(folder: &Path, years: [i32; 2]) -> TlsConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(years[0], 1, 1);
        params.not_after = date_time_ymd(years[1], 6, 30);
        let certificate = params.self_signed(&key).unwrap();
        let files = TlsConfig {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_says_when_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        for year in [2026, 2049, 2050, 2077] {
            let loaded = load(&write(folder.path(), [2020, year])).unwrap();
            assert_eq!(loaded.ends_at, Some(at(&format!("{year}-06-30T00:00:00Z"))));
        }
    }

    #[test]
    fn no_byte_of_a_certificate_makes_reading_its_end_fail() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        for length in 0..der.len() {
            let _ = ends_at(&der[..length]);
        }
        for position in 0..der.len() {
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = der.clone();
                changed[position] = value;
                let _ = ends_at(&changed);
            }
        }
    }

    #[test]
    fn somebody_is_told_in_time() {
        let now = at("2026-03-02T09:00:00Z");
        assert_eq!(due(Some(at("2026-04-02T00:00:00Z")), now), None);
        let soon = due(Some(at("2026-03-10T00:00:00Z")), now).unwrap();
        assert!(soon.contains("ends on 2026-03-10"));
        assert!(due(Some(now), now).unwrap().contains("refuse"));
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let good = write(folder.path(), [2020, 2050]);
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        let other = write(&other, [2020, 2050]);
        let with = |certificate: &Path, key: &Path| TlsConfig {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let missing = folder.path().join("missing.pem");
        let empty = folder.path().join("empty.pem");
        fs::write(&empty, "nothing").unwrap();
        for (files, says) in [
            (with(&missing, &good.key), "SSL_CERT_PATH names"),
            (with(&good.certificate, &missing), "SSL_KEY_PATH names"),
            (with(&empty, &good.key), "holds no certificate"),
            (with(&good.certificate, &empty), "holds no private key"),
            (with(&good.certificate, &other.key), "does not belong"),
        ] {
            let error = load(&files).err().unwrap().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_leaves_the_certificate_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), [2020, 2050]);
        let certificate = Certificate::open(&files).unwrap();
        let shown =
            |certificate: &Certificate| certificate.held.read().unwrap().key.cert[0].clone();
        let first = shown(&certificate);
        fs::write(&files.certificate, "renewed by somebody in a hurry").unwrap();
        certificate.look(false);
        assert_eq!(shown(&certificate), first);
        write(folder.path(), [2021, 2051]);
        certificate.look(false);
        assert_ne!(shown(&certificate), first);
    }
}
