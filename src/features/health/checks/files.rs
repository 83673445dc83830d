use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::features::health::probe::{ErrorKind, Failure, Outcome};
use crate::features::packs::pack::{Files, Measure, Which};
use crate::features::packs::pattern::Pattern;

/// As many entries are read in one look; a folder that holds more is not one of dumps.
const ENTRIES_AT_MOST: usize = 10_000;

type Measures = Vec<(Measure, f64)>;

/// How far the clock of whoever writes the files may be ahead of ours.
const AHEAD_AT_MOST: Duration = Duration::from_mins(5);

/// What is being looked for. A file system that hangs holds the thread that asks it for as long as it likes, so no
/// second one follows it there.
#[derive(Clone, Default)]
pub struct Looks(Arc<Mutex<HashSet<Files>>>);

impl Looks {
    /// Nothing while the last look has not come back.
    fn begin(&self, files: &Files) -> Option<Look> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.insert(files.clone()).then(|| Look {
            looks: self.clone(),
            files: files.clone(),
        })
    }
}

struct Look {
    looks: Looks,
    files: Files,
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut looks = self.looks.0.lock();
        if let Ok(looks) = &mut looks {
            looks.remove(&self.files);
        }
    }
}

/// Age and size of the newest or oldest that matches, how many do, and how large the newest is against the largest of the
/// others.
pub async fn check(files: &Files, at: DateTime<Utc>, looks: &Looks) -> Outcome {
    let Some(look) = looks.begin(files) else {
        return Outcome::failed(
            ErrorKind::Timeout,
            "the last look has not come back: its file system hangs",
        );
    };
    let (files, now) = (files.clone(), SystemTime::from(at));
    let found = tokio::task::spawn_blocking(move || {
        let found = measure(&files, now);
        drop(look);
        found
    });
    match found.await {
        Ok(found) => found.map_or_else(Outcome::Failed, Outcome::Good),
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}

fn measure(files: &Files, now: SystemTime) -> Result<Measures, Failure> {
    let pattern = Pattern::parse(&files.pattern).map_err(wrong)?;
    let mut left = ENTRIES_AT_MOST;
    let mut found = Vec::new();
    for entry in entries(Path::new(pattern.folder()), &mut left)? {
        if pattern.matches(&entry.file_name().to_string_lossy()) {
            found.extend(Found::of(&entry)?);
        }
    }
    let count = found.len();
    found.sort_by_key(|it| it.written_at);
    if files.which == Which::Newest {
        found.reverse();
    }
    let mut found = found.into_iter();
    let Some(chosen) = found.next() else {
        return Err(wrong(format!("no file matches {}", files.pattern)));
    };
    let chosen = chosen.with_what_is_in_it(&mut left)?;
    // Against the one before it alone, what is lost for good would pass for well with the next that lacks it too.
    let others = found.filter(|_| files.which == Which::Newest);
    // Of one that cannot be looked into nothing is known, which is no fault of the newest.
    let sizes = others.filter_map(|it| Some(it.with_what_is_in_it(&mut left).ok()?.size));
    let relative = sizes.max().filter(|largest| *largest > 0).map(|largest| {
        let share = number(chosen.size) / number(largest);
        (Measure::Relative, share.min(1.0))
    });
    let measured = [
        (Measure::Age, number(age(&chosen, now)?)),
        (Measure::Size, number(chosen.size)),
        (Measure::Count, number(count as u64)),
    ];
    Ok(measured.into_iter().chain(relative).collect())
}

/// In seconds. What was written after we looked at the clock is new; what comes from far ahead would stay the newest
/// for as long, whatever became of the dumps.
fn age(found: &Found, now: SystemTime) -> Result<u64, Failure> {
    match now.duration_since(found.written_at) {
        Ok(age) => Ok(age.as_secs()),
        Err(ahead) if ahead.duration() <= AHEAD_AT_MOST => Ok(0),
        Err(_) => Err(wrong(format!(
            "{} was written in the future: a clock is wrong, or its time was set by hand",
            found.name.to_string_lossy()
        ))),
    }
}

/// A file, or a folder that stands for what lies in it: a dump may be either.
struct Found {
    name: OsString,
    written_at: SystemTime,
    size: u64,
    folder: Option<PathBuf>,
}

impl Found {
    /// Nothing where the entry is neither, or has gone meanwhile. Links are not followed: they lead elsewhere.
    fn of(entry: &DirEntry) -> Result<Option<Self>, Failure> {
        let Some(meta) = present(entry.metadata(), &entry.path())? else {
            return Ok(None);
        };
        if !meta.is_file() && !meta.is_dir() {
            return Ok(None);
        }
        Ok(Some(Self {
            name: entry.file_name(),
            written_at: meta
                .modified()
                .map_err(|error| explain(&error, &entry.path()))?,
            size: if meta.is_file() { meta.len() } else { 0 },
            folder: meta.is_dir().then(|| entry.path()),
        }))
    }

    /// Of a folder, the files in it added up, and the time when the last of them was written. Folders in it are
    /// not gone into.
    fn with_what_is_in_it(mut self, left: &mut usize) -> Result<Self, Failure> {
        let Some(folder) = self.folder.take() else {
            return Ok(self);
        };
        for entry in entries(&folder, left)? {
            if let Some(found) = Self::of(&entry)?
                && found.folder.is_none()
            {
                self.size += found.size;
                self.written_at = self.written_at.max(found.written_at);
            }
        }
        Ok(self)
    }
}

/// What lies in a folder, if that is not too much.
fn entries(folder: &Path, left: &mut usize) -> Result<Vec<DirEntry>, Failure> {
    let mut found = Vec::new();
    let each = fs::read_dir(folder).map_err(|error| explain(&error, folder))?;
    for entry in each {
        if *left == 0 {
            return Err(wrong(format!(
                "{} holds more than {ENTRIES_AT_MOST} entries",
                folder.display()
            )));
        }
        *left -= 1;
        found.push(entry.map_err(|error| explain(&error, folder))?);
    }
    Ok(found)
}

fn present(meta: io::Result<Metadata>, path: &Path) -> Result<Option<Metadata>, Failure> {
    match meta {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(explain(&error, path)),
    }
}

fn explain(error: &io::Error, path: &Path) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => wrong(format!("the folder {path} does not exist")),
        io::ErrorKind::NotADirectory => wrong(format!("{path} is not a folder")),
        io::ErrorKind::PermissionDenied => Failure::new(
            ErrorKind::Authentication,
            format!("{path} may not be read by the user that Signalbox runs as"),
        ),
        _ => wrong(format!("{path}: {error}")),
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(ErrorKind::WrongAnswer, message)
}

#[allow(
    clippy::cast_precision_loss,
    reason = "seconds and bytes of files are below 2^53"
)]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_and_what_may_not_be_read_are_told_apart() {
        let told = |kind| explain(&io::Error::from(kind), Path::new("/b"));
        let denied = told(io::ErrorKind::PermissionDenied);
        assert_eq!(denied.kind, ErrorKind::Authentication);
        assert!(denied.message.contains("/b may not be read"));
        let missing = told(io::ErrorKind::NotFound);
        assert_eq!(missing.kind, ErrorKind::WrongAnswer);
        assert!(missing.message.contains("does not exist"));
    }

    #[test]
    fn nobody_follows_into_a_folder_that_hangs() {
        let looks = Looks::default();
        let files = |pattern: &str, which| Files {
            pattern: pattern.to_owned(),
            which,
        };
        let newest = files("/b/*", Which::Newest);
        let first = looks.begin(&newest);
        assert!(first.is_some());
        assert!(looks.begin(&newest).is_none());
        assert!(looks.begin(&files("/c/*", Which::Newest)).is_some());
        let beside = looks.begin(&files("/b/*", Which::Oldest));
        assert!(beside.is_some(), "another probe of the same pattern");
        drop(first);
        assert!(looks.begin(&newest).is_some());
    }
}
