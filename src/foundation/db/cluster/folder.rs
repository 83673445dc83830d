//! The data folder: what lies where, who may enter, who holds it.
//!
//! ```text
//! <data_dir>/signalbox.lock       the holder's pid, under the kernel's lock
//! <data_dir>/postgres.passwords   one line per role, 0600
//! <data_dir>/postgres.log         what PostgreSQL says
//! <data_dir>/postgres/            the database
//! <data_dir>/postgres.location    where the database is instead, when PostgreSQL's user cannot come here
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::account::Account;
use super::{ClusterError, io};
use crate::foundation::db::roles::Passwords;

/// Where a database goes when the data folder lies behind a door that is closed to PostgreSQL's user,
/// as everything under /root is.
const STATE: &str = "/var/lib/signalbox";

const LOCK: &str = "signalbox.lock";
const PASSWORDS: &str = "postgres.passwords";
const LOCATION: &str = "postgres.location";
const LOG_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct DataFolder {
    root: PathBuf,
    database: PathBuf,
    account: Option<Account>,
}

/// Held until dropped, or until the process ends in any way at all.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl DataFolder {
    /// Makes the folders that are missing, never the database itself.
    pub fn prepare(data_dir: &Path, account: Option<Account>) -> Result<Self, ClusterError> {
        // PostgreSQL's user has to pass through; the files inside are closed one by one.
        let mode = if account.is_some() { 0o711 } else { 0o700 };
        make_folder(data_dir, mode)?;
        let root = data_dir
            .canonicalize()
            .map_err(io(format!("could not open {}", data_dir.display())))?;
        let database = Self::locate(&root, account.as_ref())?;
        if let Some(parent) = database.parent().filter(|parent| *parent != root) {
            make_folder(parent, mode)?;
            let note = database.display().to_string();
            write_private(&root.join(LOCATION), note.as_bytes())?;
        }
        Ok(Self {
            root,
            database,
            account,
        })
    }

    /// Where the database of this data folder is or would be.
    pub fn locate(data_dir: &Path, account: Option<&Account>) -> Result<PathBuf, ClusterError> {
        let absolute = data_dir
            .canonicalize()
            .or_else(|_| std::path::absolute(data_dir));
        let data_dir = &absolute.map_err(io(format!("no such place: {}", data_dir.display())))?;
        let note = data_dir.join(LOCATION);
        if note.exists() {
            let text = fs::read_to_string(&note)
                .map_err(io(format!("could not read {}", note.display())))?;
            return Ok(PathBuf::from(text.trim()));
        }
        let here = data_dir.join("postgres");
        // A folder that is not there yet will be made with the right mode: its parents decide.
        let nearest = data_dir
            .ancestors()
            .find(|folder| folder.exists())
            .unwrap_or(data_dir);
        if here.exists() || account.is_none_or(|account| account.can_enter(nearest)) {
            return Ok(here);
        }
        let digest = hex::encode(Sha256::digest(data_dir.as_os_str().as_encoded_bytes()));
        Ok(Path::new(STATE).join(&digest[..16]).join("postgres"))
    }

    pub fn lock(&self) -> Result<Lock, ClusterError> {
        let path = self.root.join(LOCK);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options
            .open(&path)
            .map_err(io(format!("could not open {}", path.display())))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let pid = read_pid(&mut file);
                return Err(ClusterError::InUse {
                    folder: self.root.clone(),
                    pid,
                });
            }
            Err(errno) => {
                return Err(io(format!("could not lock {}", path.display()))(
                    errno.into(),
                ));
            }
        }
        let pid = std::process::id().to_string();
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all(pid.as_bytes()));
        written.map_err(io(format!("could not write {}", path.display())))?;
        Ok(Lock { _file: file })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn database(&self) -> &Path {
        &self.database
    }

    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    pub fn holds_database(&self) -> bool {
        self.database.join("PG_VERSION").is_file()
    }

    /// The major version of PostgreSQL that made the database, if there is one.
    pub fn made_by(&self) -> Result<Option<u32>, ClusterError> {
        if !self.holds_database() {
            return Ok(None);
        }
        let file = self.database.join("PG_VERSION");
        let text =
            fs::read_to_string(&file).map_err(io(format!("could not read {}", file.display())))?;
        Ok(text.trim().parse().ok())
    }

    /// Generated before the database is, and never again: a database without its passwords is an error.
    pub fn passwords(&self) -> Result<Passwords, ClusterError> {
        let file = self.root.join(PASSWORDS);
        if let Some(passwords) = fs::read_to_string(&file)
            .ok()
            .and_then(|text| Passwords::parse(&text))
        {
            return Ok(passwords);
        }
        if self.holds_database() {
            return Err(ClusterError::PasswordsMissing {
                folder: self.database.clone(),
                file,
            });
        }
        let passwords = Passwords::generate();
        write_private(&file, passwords.to_lines().as_bytes())?;
        Ok(passwords)
    }

    /// An empty folder of PostgreSQL's user beside the database's place, for `initdb` to fill.
    pub fn new_database(&self) -> Result<PathBuf, ClusterError> {
        let fresh = self.database.with_extension("new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh)
                .map_err(io(format!("could not remove {}", fresh.display())))?;
        }
        make_folder(&fresh, 0o700)?;
        self.hand_over(&fresh)?;
        Ok(fresh)
    }

    /// Puts a filled folder in its place; from here on the database exists.
    pub fn keep(&self, fresh: &Path) -> Result<(), ClusterError> {
        let sync = || {
            fs::rename(fresh, &self.database)?;
            File::open(self.database.parent().unwrap_or(&self.root))?.sync_all()
        };
        sync().map_err(io(format!(
            "could not put {} in its place",
            self.database.display()
        )))
    }

    /// A file of PostgreSQL's user that nobody else can read.
    pub fn write_for_server(&self, path: &Path, content: &[u8]) -> Result<(), ClusterError> {
        write_private(path, content)?;
        self.hand_over(path)
    }

    fn hand_over(&self, path: &Path) -> Result<(), ClusterError> {
        let Some(account) = &self.account else {
            return Ok(());
        };
        chown(path, Some(account.uid), Some(account.gid)).map_err(io(format!(
            "could not give {} to PostgreSQL's user",
            path.display()
        )))
    }

    pub fn log_path(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Opened by us and inherited by PostgreSQL. One earlier file is kept when it has grown large.
    pub fn log(&self) -> Result<File, ClusterError> {
        let path = self.log_path();
        let large = fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_LIMIT_BYTES);
        let rotate = || {
            if large {
                fs::rename(&path, path.with_extension("log.1"))
            } else {
                Ok(())
            }
        };
        let open = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&path)
        };
        rotate()
            .and_then(|()| open())
            .map_err(io(format!("could not open {}", path.display())))
    }
}

/// The pid of the process that holds this data folder now, if any.
pub(super) fn holder(data_dir: &Path) -> Option<String> {
    let mut file = File::open(data_dir.join(LOCK)).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Some(read_pid(&mut file)),
        _ => None,
    }
}

fn read_pid(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(length) if length > 0 => text,
        _ => "unknown".to_owned(),
    }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), ClusterError> {
    let created = fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path);
    created.map_err(io(format!("could not make {}", path.display())))
}

/// Whole or not at all, and never readable by others, not even for a moment.
fn write_private(path: &Path, content: &[u8]) -> Result<(), ClusterError> {
    let fresh = path.with_extension("tmp");
    let write = || {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(io(format!("could not write {}", path.display())))
}
