//! Reads what was added to the files of a log since the last time. What cannot be told from the file alone, which is
//! how far it was read before, comes in.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::store::Position;
use crate::features::packs::pattern::Pattern;

/// Bytes that are read from one file in one turn.
const CHUNK: usize = 1024 * 1024;

/// Bytes that are read from all files of a log in one turn; what is left comes with the next.
const CHUNKS: usize = 4 * CHUNK;

/// Entries that a folder of logs may have.
const ENTRIES_AT_MOST: usize = 10_000;

/// By so many of its first bytes a file is known again.
const HEAD: u64 = 256;

/// A last line without an end is taken for whole when nothing was added to it for so long.
const UNFINISHED: Duration = Duration::from_mins(1);

/// What logs are packed with when they are put away. Their lines were read before.
const PACKED: [&str; 5] = [".gz", ".xz", ".zst", ".bz2", ".zip"];

/// What a turn brought.
#[derive(Debug, Default)]
pub struct Turn {
    /// The new text of each file that has any, and how far it has been read then.
    pub read: Vec<(Position, String)>,
    /// Files that are there and have nothing new.
    pub still: Vec<Position>,
    /// What could not be read beside them, in words.
    pub trouble: Option<String>,
}

/// Reads on. A log that is looked at for the first time is read from the end of what is there: nobody is to be woken by
/// what is long over. A file that appears later is read from its beginning.
///
/// # Errors
/// Why the folder or a file cannot be read, in words.
pub fn read_on(
    pattern: &str,
    known: &[Position],
    first: bool,
    now: DateTime<Utc>,
) -> Result<Turn, String> {
    let pattern = Pattern::parse(pattern)?;
    let folder = Path::new(pattern.folder());
    let mut turn = Turn::default();
    let mut left = CHUNKS;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // It was looked at: what appears there later is new.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            turn.trouble = Some(told(&error, folder));
            return Ok(turn);
        }
        Err(error) => return Err(told(&error, folder)),
    };
    let mut paths = Vec::new();
    for entry in entries.take(ENTRIES_AT_MOST) {
        let entry = entry.map_err(|error| told(&error, folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_packed = PACKED.iter().any(|ending| name.ends_with(ending));
        if pattern.matches(&name) && !is_packed {
            paths.push(entry.path());
        }
    }
    paths.sort();
    // Not always the same one first: there may be more to read than one turn has room for.
    if !paths.is_empty() {
        let begin = usize::try_from(now.timestamp()).unwrap_or(0) % paths.len();
        paths.rotate_left(begin);
    }
    let mut passed_over = 0;
    for path in paths {
        match one(&path, known, first, now, &mut left) {
            Ok(Some((position, text))) if text.is_empty() => turn.still.push(position),
            Ok(Some(read)) => turn.read.push(read),
            Ok(None) => passed_over += 1,
            // It was moved aside between the list and the look.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // One file's trouble keeps no other from being read.
            Err(error) => turn.trouble = Some(told(&error, &path)),
        }
    }
    if turn.read.is_empty() && turn.still.is_empty() && turn.trouble.is_none() {
        turn.trouble = Some(match passed_over {
            0 => "no file fits its pattern".to_owned(),
            _ => "what fits its pattern are links and folders, which are not followed".to_owned(),
        });
    }
    Ok(turn)
}

fn one(
    path: &Path,
    known: &[Position],
    first: bool,
    now: DateTime<Utc>,
    left: &mut usize,
) -> io::Result<Option<(Position, String)>> {
    // Links are not followed: they lead elsewhere.
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    let (device, inode) = (signed(meta.dev()), signed(meta.ino()));
    let before = known
        .iter()
        .find(|it| (it.device, it.inode) == (device, inode));
    let start = match before {
        Some(before) if is_same(&mut file, &meta, before)? => unsigned(before.read_bytes),
        None if first => meta.len(),
        _ => 0,
    };
    let text = read_from(&mut file, &meta, start, now, left)?;
    let (head, head_bytes) = head(&mut file, meta.len())?;
    let position = Position {
        device,
        inode,
        path: path.display().to_string(),
        read_bytes: signed(start + text.len() as u64),
        head,
        head_bytes: signed(head_bytes),
    };
    Ok(Some((
        position,
        String::from_utf8_lossy(&text).into_owned(),
    )))
}

/// Whether it is the file that was read before, and not another of its name, or itself emptied and begun anew.
fn is_same(file: &mut File, meta: &Metadata, before: &Position) -> io::Result<bool> {
    if meta.len() < unsigned(before.read_bytes) {
        return Ok(false);
    }
    let (head, _) = head(file, unsigned(before.head_bytes))?;
    Ok(head == before.head)
}

fn head(file: &mut File, length: u64) -> io::Result<(Vec<u8>, u64)> {
    let length = length.min(HEAD);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok((Sha256::digest(&bytes).to_vec(), bytes.len() as u64))
}

/// Whole lines from there on. A line without an end waits for it, unless it fills a chunk or nobody writes any more.
fn read_from(
    file: &mut File,
    meta: &Metadata,
    start: u64,
    now: DateTime<Utc>,
    left: &mut usize,
) -> io::Result<Vec<u8>> {
    let room = CHUNK.min(*left);
    if meta.len() <= start || room == 0 {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.by_ref().take(room as u64).read_to_end(&mut bytes)?;
    let is_quiet = SystemTime::from(now)
        .duration_since(meta.modified()?)
        .is_ok_and(|quiet| quiet > UNFINISHED);
    let ends = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map(|at| at + 1);
    match ends {
        Some(ends) if bytes.len() == room || !is_quiet => bytes.truncate(ends),
        None if bytes.len() < CHUNK && !is_quiet => bytes.clear(),
        _ => {}
    }
    *left -= bytes.len();
    Ok(bytes)
}

/// File systems count without a sign, PostgreSQL with one; only equality is asked of these.
const fn signed(count: u64) -> i64 {
    count.cast_signed()
}

const fn unsigned(count: i64) -> u64 {
    count.cast_unsigned()
}

fn told(error: &io::Error, path: &Path) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("{path} does not exist"),
        io::ErrorKind::PermissionDenied => {
            format!("{path} may not be read by the user that Signalbox runs as")
        }
        _ => format!("{path}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
        known: Vec<Position>,
        first: bool,
        trouble: Option<String>,
    }

    impl Log {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                known: Vec::new(),
                first: false,
                trouble: None,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn append(&self, name: &str, text: &str) {
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .create(true)
                .append(true)
                .open(self.path(name))
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn read(&mut self) -> Vec<String> {
            let pattern = self.path("api.log*").display().to_string();
            let turn = read_on(&pattern, &self.known, self.first, Utc::now()).unwrap();
            self.trouble.clone_from(&turn.trouble);
            self.first = false;
            let mut texts: Vec<_> = turn.read.iter().map(|(_, text)| text.clone()).collect();
            texts.sort();
            let read = turn.read.into_iter().map(|(position, _)| position);
            self.known = read.chain(turn.still).collect();
            texts
        }
    }

    #[test]
    fn each_line_is_read_once_and_whole() {
        let mut log = Log::new();
        log.append("api.log", "one\ntwo\nthr");
        assert_eq!(log.read(), ["one\ntwo\n"]);
        assert_eq!(log.read(), [""; 0]);
        log.append("api.log", "ee\n");
        assert_eq!(log.read(), ["three\n"]);
    }

    #[test]
    fn what_is_moved_aside_is_read_to_its_end() {
        let mut log = Log::new();
        log.append("api.log", "one\n");
        log.read();
        log.append("api.log", "two\n");
        fs::rename(log.path("api.log"), log.path("api.log.1")).unwrap();
        log.append("api.log", "three\n");
        log.append("api.log.2.gz", "packed\n");
        assert_eq!(log.read(), ["three\n", "two\n"]);
    }

    #[test]
    fn what_is_emptied_is_read_from_its_beginning() {
        let mut log = Log::new();
        log.append("api.log", "one\ntwo\n");
        log.read();
        fs::write(log.path("api.log"), "three and more than before\n").unwrap();
        assert_eq!(log.read(), ["three and more than before\n"]);
        fs::write(log.path("api.log"), "4\n").unwrap();
        assert_eq!(log.read(), ["4\n"]);
    }

    #[test]
    fn a_log_that_is_new_to_us_begins_at_its_end() {
        let mut log = Log::new();
        log.append("api.log", "long over\n");
        log.first = true;
        assert_eq!(log.read(), [""; 0]);
        log.append("api.log", "now\n");
        assert_eq!(log.read(), ["now\n"]);
    }

    #[test]
    fn a_line_that_never_ends_is_cut_and_nothing_is_lost() {
        let mut log = Log::new();
        log.append("api.log", &"x".repeat(CHUNK + 10));
        assert_eq!(log.read()[0].len(), CHUNK);
        log.append("api.log", "\nnext\n");
        assert_eq!(log.read(), [format!("{}\nnext\n", "x".repeat(10))]);
    }

    /// Whoever ended without ending their line is heard.
    #[test]
    fn a_last_line_without_an_end_is_taken_after_a_while() {
        let mut log = Log::new();
        log.append("api.log", "one\ntwo");
        log.read();
        let later = Utc::now() + chrono::TimeDelta::minutes(2);
        let pattern = log.path("api.log*").display().to_string();
        let turn = read_on(&pattern, &log.known, false, later).unwrap();
        assert_eq!(turn.read[0].1, "two");
    }

    #[test]
    fn one_that_cannot_be_read_keeps_no_other_from_being_read() {
        let mut log = Log::new();
        log.append("api.log", "one\n");
        fs::create_dir(log.path("api.log.d")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", log.path("api.log.l")).unwrap();
        assert_eq!(log.read(), ["one\n"]);
        assert_eq!(log.trouble, None);
        fs::remove_file(log.path("api.log")).unwrap();
        log.read();
        assert!(log.trouble.unwrap().contains("links"));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let turn = read_on("/nowhere/at/all/*.log", &[], false, Utc::now()).unwrap();
        assert_eq!(turn.trouble.unwrap(), "/nowhere/at/all does not exist");
        let mut log = Log::new();
        log.read();
        assert_eq!(log.trouble.unwrap(), "no file fits its pattern");
    }
}
