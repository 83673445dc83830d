//! The name of a log in one epoch: `name/log/epoch`.

use std::fmt;
use std::str::FromStr;

/// `name/log` stays for ever; the epoch counts the times that somebody decided to go on from
/// something else than the log's own last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The key's name and the log's, with a slash between them.
    pub log: String,
    pub epoch: u32,
}

impl FromStr for Origin {
    type Err = ();

    /// Accepts no spelling but the one that it writes.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (log, epoch) = text.rsplit_once('/').ok_or(())?;
        let origin = Self {
            log: log.to_owned(),
            epoch: epoch.parse().map_err(|_| ())?,
        };
        if origin.epoch > 0 && !log.is_empty() && origin.to_string() == text {
            Ok(origin)
        } else {
            Err(())
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.log, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        let origin: Origin = "signalbox.bank/main/12".parse().unwrap();
        assert_eq!(
            (origin.log.as_str(), origin.epoch),
            ("signalbox.bank/main", 12)
        );
        for wrong in [
            "main",
            "/1",
            "a/main/0",
            "a/main/01",
            "a/main/+1",
            "a/main/",
            "a/main/x",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
