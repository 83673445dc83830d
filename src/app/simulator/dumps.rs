//! The dumps that the platforms' own jobs leave behind, as each guide names them.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Platform, what its pack looks for, and what is written on a day.
const DUMPS: [(&str, &str, &str); 4] = [
    ("regtech-horizon", "dump_*.sql", "dump_%Y-%m-%d.sql"),
    ("lait", "20??????", "%Y%m%d/lait_backup.sql"),
    ("finchat", "finchat-*", "finchat-%Y%m%d/cache.tar.gz"),
    ("debt-os", "debt_os_*.sql.gz", "debt_os_%Y%m%d.sql.gz"),
];

/// Younger than any pack asks for.
const AGAIN_EVERY: Duration = Duration::from_hours(1);

const BYTES: usize = 1_250_000;

/// Writes all dumps, and again for as long as the simulator runs.
pub fn keep(folder: &Path) -> io::Result<()> {
    write(folder)?;
    let folder = folder.to_owned();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(AGAIN_EVERY).await;
            if let Err(error) = write(&folder) {
                tracing::warn!(%error, "the simulated dumps could not be written");
            }
        }
    });
    Ok(())
}

/// The dumps of yesterday, where they are not there yet, and of today.
fn write(folder: &Path) -> io::Result<()> {
    let now = Utc::now();
    for (platform, _, file) in DUMPS {
        let of_day = |at: DateTime<Utc>| of(folder, platform).join(at.format(file).to_string());
        let before = now - TimeDelta::days(1);
        let yesterday = of_day(before);
        if !yesterday.exists() {
            write_one(&yesterday)?;
            // What stands for a dump is what is chosen by its time: the file, or its folder.
            let folder = of(folder, platform);
            let dump = yesterday
                .ancestors()
                .find(|it| it.parent() == Some(&*folder));
            for path in [Some(&*yesterday), dump].into_iter().flatten() {
                File::open(path)?.set_modified(before.into())?;
            }
        }
        write_one(&of_day(now))?;
    }
    Ok(())
}

fn write_one(file: &Path) -> io::Result<()> {
    if let Some(parent) = file.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    fs::write(file, vec![b'.'; BYTES])
}

fn of(folder: &Path, platform: &str) -> PathBuf {
    folder.join(platform)
}

/// The parameters that point the packs at the dumps.
pub fn parameters(folder: &Path) -> impl Iterator<Item = (String, String)> {
    DUMPS.iter().map(move |(platform, pattern, _)| {
        let name = platform.to_uppercase().replace('-', "_");
        let path = of(folder, platform).join(pattern);
        (format!("{name}_DUMP_FILES"), path.display().to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::packs::pattern::Pattern;

    #[test]
    fn dumps_have_the_names_that_the_guides_give_them() {
        let at: DateTime<Utc> = "2026-01-02T03:00:00Z".parse().unwrap();
        let names = DUMPS.map(|(_, _, file)| at.format(file).to_string());
        assert_eq!(
            names,
            [
                "dump_2026-01-02.sql",
                "20260102/lait_backup.sql",
                "finchat-20260102/cache.tar.gz",
                "debt_os_20260102.sql.gz",
            ]
        );
        for ((platform, pattern, _), name) in DUMPS.iter().zip(&names) {
            let pattern = Pattern::parse(&format!("/dumps/{pattern}")).unwrap();
            let dump = name.split('/').next().unwrap_or_default();
            assert!(pattern.matches(dump), "{platform}: {name}");
        }
    }
}
