//! `signalbox keys`: the installation's encryption keys, how much stands under each, and how to change them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::connect::{Connected, own_key_file};
use super::failed;
use crate::app::SEALED;
use crate::foundation::crypto::{CryptoError, KeyFacts, KeyUse, Keyring};
use crate::foundation::rotation::{Error, Outcomes, Progress, Rotation, Standing};

/// How often a long column says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Change the key that everything at rest is encrypted under, while the product runs
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Put everything under a newer key; killed and run again, it goes on where it was
    Rotate {
        /// Only say how many values stand under which key
        #[arg(long)]
        status: bool,
    },
    /// Take an old key out, once nothing stands under it; older backups still need it
    Retire {
        /// Its number, as `rotate --status` shows it
        number: u32,
    },
}

type Failure = Box<dyn std::error::Error>;

pub(super) fn run(command: Command) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let keys = Keys {
        rotation: Rotation {
            services: &connected.services,
            actor: connected.actor(),
            columns: SEALED,
        },
    };
    let done = match command {
        Command::Rotate { status: true } => keys.status(),
        Command::Rotate { status: false } => keys.rotate(),
        Command::Retire { number } => keys.retire(number),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

struct Keys<'a> {
    rotation: Rotation<'a>,
}

impl Keys<'_> {
    fn status(&self) -> Result<(), Failure> {
        let standing = self.rotation.standing()?;
        for key in self.keyring().facts() {
            println!("{}", describe(&key, &standing));
        }
        for (column, counts) in &standing {
            for (key, values) in counts {
                println!("  {column:<28} {values:>10} under key {key}");
            }
        }
        Ok(())
    }

    fn rotate(&self) -> Result<(), Failure> {
        let standing = self.rotation.standing()?;
        let newest = self.keyring().newest();
        let older: u64 = standing
            .values()
            .flatten()
            .filter(|(key, _)| **key != newest)
            .map(|(_, values)| values)
            .sum();
        if older > 0 {
            println!("Going on to key {newest}: {older} values are not under it yet.");
        } else {
            self.add_key()?;
        }
        let outcomes = self.rotation.run(&mut tell())?;
        self.conclude(&outcomes)
    }

    /// Where the installation keeps its key itself, it gets a new one; whoever keeps it elsewhere is told how.
    fn add_key(&self) -> Result<(), Failure> {
        let Some(file) = self.own_file() else {
            return Err(self.how_to_add().into());
        };
        let now = self.rotation.services.clock.now();
        let number = Keyring::add_to_file(&file, now)?;
        self.keyring().reload();
        self.rotation.record_added(number)?;
        println!("Key {number} is in {} and in use.", file.display());
        println!("Keep a copy of that file apart from the backups of the database.");
        Ok(())
    }

    fn how_to_add(&self) -> String {
        let facts = self.keyring().facts();
        if let Some(next) = facts.iter().find(|key| key.used == KeyUse::Next) {
            return format!(
                "everything stands under key {}, and key {} is not in use yet. Once every machine has its line, take \
                 the word \"next\" off it everywhere, and run this again",
                self.keyring().newest(),
                next.number
            );
        }
        let number = facts.last().map_or(1, |key| key.number) + 1;
        format!(
            "everything stands under key {}. To change it, add a line to what SIGNALBOX_ENCRYPTION_KEY_FILE (or \
             SIGNALBOX_ENCRYPTION_KEY) gives, on every machine, for example\n\n  {}\n\nThe lines that are there stay; one \
             without a number is key 1. See docs/SECURITY_OPERATIONS.md, \"Rotating the encryption key\"",
            self.keyring().newest(),
            Keyring::new_line(number, self.rotation.services.clock.now()) + " next"
        )
    }

    fn conclude(&self, outcomes: &Outcomes) -> Result<(), Failure> {
        let Outcomes {
            key,
            moved,
            unopened,
            left,
        } = outcomes;
        println!("Moved {moved} values to key {key}.");
        if *unopened > 0 {
            return Err(format!(
                "{unopened} values do not open and stay as they are; the log names them, and `rotate --status` says \
                 which key they are under"
            )
            .into());
        }
        if *left > 0 {
            return Err(format!(
                "{left} values have been written under an older key meanwhile: a process still uses it. Restart what \
                 has its key in SIGNALBOX_ENCRYPTION_KEY, and run this again"
            )
            .into());
        }
        for old in self.keyring().facts() {
            if old.used == KeyUse::Older {
                println!(
                    "Nothing stands under key {number} any more. Older backups do: once they are gone, \
                     `signalbox keys retire {number}`.",
                    number = old.number
                );
            }
        }
        Ok(())
    }

    fn retire(&self, number: u32) -> Result<(), Failure> {
        self.rotation.retire(number, || self.take_out(number))?;
        println!("Key {number} is retired. Backups from before need a copy of it.");
        Ok(())
    }

    fn take_out(&self, number: u32) -> Result<(), Failure> {
        if let Some(file) = self.own_file() {
            return Ok(Keyring::retire_in_file(&file, number)?);
        }
        let keys = &self.rotation.services.config.keys;
        let text = match (&keys.encryption_file, &keys.encryption) {
            (Some(file), _) => std::fs::read_to_string(file).map_err(CryptoError::from)?,
            (None, Some(text)) => text.expose().clone(),
            (None, None) => return Err(Error::NoKey(number).into()),
        };
        let left = Keyring::retired(&text, number)?;
        let name = format!("{number} ");
        let rest = left.lines().find(|line| line.starts_with(&name));
        match rest {
            Some(line) => println!(
                "Put this line in the place of key {number}'s, everywhere. It opens nothing; search needs it:\n\n  {line}\n"
            ),
            None => println!("Take the line of key {number} out, everywhere."),
        }
        Ok(())
    }

    fn keyring(&self) -> &Keyring {
        &self.rotation.services.keyring
    }

    /// The file of a key that nobody gave.
    fn own_file(&self) -> Option<PathBuf> {
        let config = &self.rotation.services.config;
        let is_ours = config.keys.encryption.is_none();
        is_ours.then(|| own_key_file(config))
    }
}

fn describe(key: &KeyFacts, standing: &Standing) -> String {
    let values: u64 = standing
        .values()
        .filter_map(|counts| counts.get(&key.number))
        .sum();
    let used = match key.used {
        KeyUse::Next => "not in use yet",
        KeyUse::InUse => "in use",
        KeyUse::Older => "older",
        KeyUse::TokensOnly => "retired",
    };
    let since = key.since.map_or_else(String::new, |since| {
        format!(", since {}", since.date_naive())
    });
    format!("key {}: {used}{since}, {values} values", key.number)
}

/// Says how far a column is, now and then.
fn tell() -> impl FnMut(Progress) -> bool {
    let mut said = Instant::now();
    move |progress| {
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            match progress {
                Progress::Settling => println!("  waiting for what has begun before"),
                Progress::Moved { column, values } => println!("  {column}: {values} moved"),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_it_is_for_and_what_stands_under_it() {
        let key = KeyFacts {
            number: 2,
            since: Some("2026-03-02T09:00:00Z".parse().unwrap()),
            used: KeyUse::InUse,
        };
        let counts = [(1, 5), (2, 7)].into_iter().collect();
        let standing = [("totp.seed".to_owned(), counts)].into_iter().collect();
        assert_eq!(
            describe(&key, &standing),
            "key 2: in use, since 2026-03-02, 7 values"
        );
    }
}
