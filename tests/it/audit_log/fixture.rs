//! A log with events in it, its sealer's hands, and both verifiers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use chrono::{DateTime, Duration, Utc};
use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use signalbox::foundation::Services;
use signalbox::foundation::audit::anchors::AnchorFile;
use signalbox::foundation::audit::export::{ExportError, ExportRequest, Exported};
use signalbox::foundation::audit::note::{self, CheckpointSigner};
use signalbox::foundation::audit::package::{FileEntry, MANIFEST, Manifest};
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::verify::{self, Failure, Outside, Report};
use signalbox::foundation::audit::{Actor, Event, Log, Subject, store};
use signalbox::foundation::config::Mode;
use signalbox::foundation::crypto::subject_keys;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::db::{self, Conn};
use signalbox::foundation::kernel::SubjectId;
use tempfile::TempDir;

use crate::support::app::services;
use crate::support::db::TestDb;

/// One installation: database, services, signing key, a folder for files.
pub struct Bench {
    pub services: Services,
    pub signer: CheckpointSigner,
    pub folder: TempDir,
    pub db: TestDb,
    pub log: Log,
    /// Whom personal details are about.
    pub subject: SubjectId,
    pub(super) exports: std::cell::Cell<usize>,
}

impl Bench {
    pub fn new() -> Self {
        Self::of(Log::Main)
    }

    pub fn of(log: Log) -> Self {
        let db = TestDb::create();
        let services = services(Mode::Demo, 0, &db);
        let subject = SubjectId::new();
        subject_keys::create(&mut db.connect_superuser(), &services.keyring, &[subject]).unwrap();
        Self {
            services,
            log,
            subject,
            signer: CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            db,
            exports: std::cell::Cell::new(0),
        }
    }

    /// With this many sealed events.
    pub fn with_events(count: u64) -> Self {
        let bench = Self::new();
        bench.record(0..count);
        bench.seal();
        bench
    }

    /// Records events that differ, with text of every kind in them. One a microsecond, so that
    /// their order is known.
    pub fn record(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let mut event = event(number).log(self.log);
            if number % 4 == 1 {
                event = event.personal(self.subject, json!({"name": "Ünal", "number": number}));
            }
            self.record_one(event);
        }
    }

    pub fn record_one(&self, event: Event) {
        self.services.clock.advance(Duration::microseconds(1));
        self.services
            .audit
            .write(&Actor::job("test"), |tx| tx.record(event).map(drop))
            .unwrap_or_else(|error: db::Error| panic!("{error}"));
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.services.clock.now()
    }

    pub fn sealer(&self) -> Conn {
        self.db.connect(Role::Sealer)
    }

    /// Seals what waits, in one batch, as a sealer that has just started.
    pub fn seal(&self) -> u64 {
        self.try_seal().unwrap()
    }

    pub fn try_seal(&self) -> db::Result<u64> {
        let mut conn = self.sealer();
        let mut sealer = LogSealer::resume(&mut conn, self.log, &self.signer, self.now())?;
        sealer.seal(&mut conn, &self.signer, self.now(), 10_000)?;
        Ok(sealer.size())
    }

    /// Anchors the newest checkpoint, and answers with the file.
    pub fn anchor(&self) -> PathBuf {
        let file = self.anchor_file("anchors");
        file.anchor(&mut self.sealer(), self.now()).unwrap();
        file.path().to_owned()
    }

    pub fn anchor_file(&self, folder: &str) -> AnchorFile {
        let folder = self.folder.path().join(folder);
        AnchorFile::new(&folder, self.log, self.signer.verification_key())
    }

    pub fn head(&self) -> store::Head {
        let head: db::Result<_> = self.services.db.read(|conn| {
            store::reveal(conn, self.log)?;
            store::head(conn, self.log)
        });
        head.unwrap()
    }

    /// As the database's superuser.
    pub fn attack(&self, sql: &str) {
        self.db.connect(Role::Superuser).batch_execute(sql).unwrap();
    }

    pub fn export(&self) -> PathBuf {
        let request = ExportRequest {
            log: self.log,
            disclose: true,
            ..everything()
        };
        self.export_of(&request).unwrap().0
    }

    pub fn export_of(&self, request: &ExportRequest) -> Result<(PathBuf, Exported), ExportError> {
        self.exports.set(self.exports.get() + 1);
        let folder = self
            .folder
            .path()
            .join(format!("export-{}", self.exports.get()));
        let actor = Actor::command_line("tester");
        let exported = self
            .services
            .audit
            .export(&actor, request, &folder, &mut |_, _| true)?;
        Ok((folder, exported))
    }

    pub fn vkey(&self) -> String {
        self.signer.verification_key().to_string()
    }

    pub fn outside(&self, anchors: Option<&Path>) -> Outside {
        let anchors =
            anchors.map(|path| note::parse_all(&std::fs::read_to_string(path).unwrap()).unwrap());
        Outside {
            keys: vec![self.signer.verification_key()],
            anchors: anchors.unwrap_or_default(),
            now: self.now(),
        }
    }

    pub fn verify(&self, export: &Path, anchors: Option<&Path>) -> Result<Report, Failure> {
        verify::verify(export, &self.outside(anchors))
    }
}

pub fn everything() -> ExportRequest {
    ExportRequest {
        log: Log::Main,
        from: None,
        to: None,
        disclose: false,
    }
}

fn event(number: u64) -> Event {
    let texts = [
        "plain",
        "quote \" backslash \\",
        "line\nend\ttab",
        "\u{e9}\u{1f602}\u{fb33}\u{7f}",
        "",
    ];
    let index = usize::try_from(number).unwrap();
    Event::new("test.noted", Subject::new("note", number))
        .detail("number", number)
        .detail("text", texts[index % texts.len()])
}

/// The verifier that is not ours, in a process that stays.
pub struct Python {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// Exit status, and the place of the first bad record.
pub type Verdict = (u8, String);

impl Python {
    pub fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("python3")
            .arg(root.join("tests/verifier_driver.py"))
            .arg(root.join("tools"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    pub fn verify(&mut self, export: &Path, vkey: &str, anchors: Option<&Path>) -> Verdict {
        let anchors: Vec<_> = anchors.into_iter().collect();
        self.verify_with(export, &[vkey], &anchors)
    }

    pub fn verify_with(&mut self, export: &Path, vkeys: &[&str], anchors: &[&Path]) -> Verdict {
        let answer = self.ask(&json!({"folder": export, "vkeys": vkeys, "anchors": anchors}));
        serde_json::from_value(answer).unwrap()
    }

    /// What it prints.
    pub fn report(
        &mut self,
        export: &Path,
        vkeys: &[&str],
        anchors: &[&Path],
        now: DateTime<Utc>,
    ) -> String {
        let command =
            json!({"report": export, "vkeys": vkeys, "anchors": anchors, "now": now.to_rfc3339()});
        serde_json::from_value(self.ask(&command)).unwrap()
    }

    pub fn mutate(
        &mut self,
        export: &Path,
        file: &str,
        vkey: &str,
        flips: &[(usize, u8)],
    ) -> Vec<Verdict> {
        let answer =
            self.ask(&json!({"mutate": export, "file": file, "vkey": vkey, "flips": flips}));
        serde_json::from_value(answer).unwrap()
    }

    fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

/// What Rust's verifier says, in Python's words.
pub fn verdict(result: &Result<Report, Failure>) -> Verdict {
    match result {
        Ok(_) => (0, String::new()),
        Err(Failure::Refuted { place, .. }) => (1, place.clone()),
        Err(Failure::Unusable(_)) => (2, String::new()),
    }
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Writes the manifest anew over whatever the files are now: nobody signs it.
pub fn fix_manifest(export: &Path) {
    let path = export.join(MANIFEST);
    let mut manifest = Manifest::parse(&std::fs::read(&path).unwrap()).unwrap();
    for (name, entry) in &mut manifest.files {
        let bytes = std::fs::read(export.join(name)).unwrap();
        entry.bytes = bytes.len() as u64;
        entry.sha256 = hex::encode(Sha256::digest(&bytes));
    }
    std::fs::write(&path, manifest.to_bytes().unwrap()).unwrap();
}

/// Puts a file into the export and names it in the manifest.
pub fn smuggle(export: &Path, name: &str, bytes: &[u8]) {
    let path = export.join(MANIFEST);
    let mut manifest = Manifest::parse(&std::fs::read(&path).unwrap()).unwrap();
    std::fs::create_dir_all(export.join(name).parent().unwrap()).unwrap();
    std::fs::write(export.join(name), bytes).unwrap();
    let entry = FileEntry {
        bytes: bytes.len() as u64,
        sha256: hex::encode(Sha256::digest(bytes)),
    };
    manifest.files.insert(name.to_owned(), entry);
    std::fs::write(&path, manifest.to_bytes().unwrap()).unwrap();
}
