//! Where PostgreSQL's programs are. Debian keeps them off PATH, one folder per major version.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

const DEBIAN: &str = "/usr/lib/postgresql";
const OLDEST: u32 = 15;

/// A folder with `postgres` and `initdb` of one major version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    dir: PathBuf,
    version: u32,
}

impl Binaries {
    /// Those beside the `postgres` on PATH, else the newest of Debian's.
    pub fn find() -> Result<Self, ClusterError> {
        choose(candidates(), None)
            .ok_or(ClusterError::NotFound)
            .and_then(Self::new_enough)
    }

    /// The same, or exactly the version that made `folder` when it already holds a database.
    pub(super) fn find_for(made_by: Option<u32>, folder: &Path) -> Result<Self, ClusterError> {
        let newest = Self::find()?;
        let Some(made_by) = made_by else {
            return Ok(newest);
        };
        choose(candidates(), Some(made_by)).ok_or_else(|| ClusterError::OtherVersion {
            folder: folder.to_path_buf(),
            made_by,
            found: newest.version,
        })
    }

    fn new_enough(self) -> Result<Self, ClusterError> {
        if self.version < OLDEST {
            return Err(ClusterError::TooOld {
                version: self.version,
                dir: self.dir,
            });
        }
        Ok(self)
    }

    /// The folder they are in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The major version.
    pub fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn in_folder(dir: &Path) -> Option<Self> {
        let postgres = dir.join("postgres");
        if !dir.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(postgres).arg("--version").output().ok()?;
        let version = major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self {
            dir: dir.to_path_buf(),
            version,
        })
    }
}

/// The one on PATH comes first if it is new enough, so that an administrator can choose; then by version.
fn choose(found: Vec<Binaries>, wanted: Option<u32>) -> Option<Binaries> {
    if let Some(wanted) = wanted {
        return found.into_iter().find(|each| each.version == wanted);
    }
    let first_good = found.iter().find(|each| each.version >= OLDEST).cloned();
    first_good.or_else(|| found.into_iter().max_by_key(|each| each.version))
}

fn candidates() -> Vec<Binaries> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = on_path(&path)
        .into_iter()
        .chain(newest_first(Path::new(DEBIAN)));
    let mut found: Vec<Binaries> = Vec::new();
    for dir in dirs {
        if !found.iter().any(|each| each.dir == dir) {
            found.extend(Binaries::in_folder(&dir));
        }
    }
    found
}

/// A link on PATH is followed, because `initdb` looks for its siblings.
fn on_path(path: &OsStr) -> Option<PathBuf> {
    let postgres = env::split_paths(path)
        .map(|dir| dir.join("postgres"))
        .find(|file| file.is_file())?;
    Some(postgres.canonicalize().ok()?.parent()?.to_path_buf())
}

fn newest_first(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut versions: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
        .into_iter()
        .map(|version| root.join(version.to_string()).join("bin"))
        .collect()
}

/// From `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; a beta says `18beta2`.
fn major(version_line: &str) -> Option<u32> {
    let number = version_line.split(") ").nth(1)?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(dir: &str, version: u32) -> Binaries {
        Binaries {
            dir: dir.into(),
            version,
        }
    }

    #[test]
    fn reads_the_major_version() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta2\n"), Some(18));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn the_one_on_path_wins_when_it_is_new_enough() {
        let chosen = choose(vec![binaries("/opt", 16), binaries("/deb", 17)], None);
        assert_eq!(chosen, Some(binaries("/opt", 16)));
        let chosen = choose(vec![binaries("/opt", 14), binaries("/deb", 17)], None);
        assert_eq!(chosen, Some(binaries("/deb", 17)));
    }

    #[test]
    fn an_old_one_alone_is_refused_with_its_version() {
        let only = choose(vec![binaries("/deb", 14)], None).unwrap();
        assert!(matches!(
            only.new_enough(),
            Err(ClusterError::TooOld { version: 14, .. })
        ));
    }

    #[test]
    fn a_database_asks_for_the_version_that_made_it() {
        let found = vec![binaries("/deb/17", 17), binaries("/deb/15", 15)];
        assert_eq!(
            choose(found.clone(), Some(15)),
            Some(binaries("/deb/15", 15))
        );
        assert_eq!(choose(found, Some(16)), None);
    }

    #[test]
    fn debian_folders_come_newest_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "17", "scratch"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let expected = vec![root.path().join("17/bin"), root.path().join("15/bin")];
        assert_eq!(newest_first(root.path()), expected);
    }
}
