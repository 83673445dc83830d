//! Keyset paging: a cursor names the last row seen, so that page 10,000 costs what page 1 does.
//!
//! Deliberately absent: page numbers, OFFSET, and totals.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;

pub const PAGE_ROWS: usize = 50;
/// A page, and the row that shows that there is more.
pub const FETCHED: i64 = 51;

/// Which way to go from the row that a cursor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    #[serde(rename = "n")]
    Next,
    #[serde(rename = "p")]
    Previous,
}

/// A place in a sorted list: the sort key of a row, and which side of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor<K> {
    #[serde(rename = "d")]
    pub direction: Direction,
    #[serde(rename = "k")]
    pub key: K,
}

impl<K: Serialize + DeserializeOwned> Cursor<K> {
    /// Opaque and safe in a URL.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub fn decode(text: &str) -> Result<Self, Error> {
        let malformed = || Error::Malformed("this page link cannot be read".to_owned());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        serde_json::from_slice(&bytes).map_err(|_| malformed())
    }
}

/// A row of a list that is kept by time, the newest first.
pub type Place = (DateTime<Utc>, Uuid);

/// The query of such a list, which goes on towards what is older.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Older {
    after: Option<String>,
}

impl Older {
    /// From before which row on it is read; nothing on the first page.
    pub fn before(&self) -> Result<Option<Place>, Error> {
        let cursor = self
            .after
            .as_deref()
            .map(Cursor::<Place>::decode)
            .transpose()?;
        Ok(cursor.map(|cursor| cursor.key))
    }

    /// Leaves a page of rows that were fetched with a limit of [`PAGE_ROWS`] + 1, and says where the next one is.
    pub fn cut<T>(rows: &mut Vec<T>, list: &str, place: impl Fn(&T) -> Place) -> Option<String> {
        let more = rows.len() > PAGE_ROWS;
        rows.truncate(PAGE_ROWS);
        let last = rows.last().filter(|_| more)?;
        let cursor = Cursor {
            direction: Direction::Next,
            key: place(last),
        };
        Some(format!("{list}?after={}", cursor.encode()))
    }
}

/// One screenful, and where the next and the previous one begin.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
    pub previous: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of rows that were fetched with a limit of [`PAGE_ROWS`] + 1 in the cursor's
    /// direction: the extra row only shows that there is more.
    pub fn from_rows<K: Serialize + DeserializeOwned>(
        mut rows: Vec<T>,
        cursor: Option<&Cursor<K>>,
        key: impl Fn(&T) -> K,
    ) -> Self {
        let backwards = cursor.is_some_and(|cursor| cursor.direction == Direction::Previous);
        let more = rows.len() > PAGE_ROWS;
        rows.truncate(PAGE_ROWS);
        if backwards {
            rows.reverse();
        }
        let link = |row: Option<&T>, direction| {
            row.map(|row| {
                Cursor {
                    direction,
                    key: key(row),
                }
                .encode()
            })
        };
        let has_next = if backwards { true } else { more };
        let has_previous = if backwards { more } else { cursor.is_some() };
        Self {
            next: has_next
                .then(|| link(rows.last(), Direction::Next))
                .flatten(),
            previous: has_previous
                .then(|| link(rows.first(), Direction::Previous))
                .flatten(),
            items: rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(all: &[u32], cursor: Option<&Cursor<u32>>) -> Page<u32> {
        let rows: Vec<u32> = match cursor {
            None => all.iter().copied().take(PAGE_ROWS + 1).collect(),
            Some(Cursor {
                direction: Direction::Next,
                key,
            }) => all
                .iter()
                .copied()
                .filter(|row| row > key)
                .take(PAGE_ROWS + 1)
                .collect(),
            Some(Cursor { key, .. }) => all
                .iter()
                .rev()
                .copied()
                .filter(|row| row < key)
                .take(PAGE_ROWS + 1)
                .collect(),
        };
        Page::from_rows(rows, cursor, |row| *row)
    }

    #[test]
    fn forwards_and_back_again_sees_every_row_once() {
        let all: Vec<u32> = (0..130).collect();
        let mut seen = Vec::new();
        let mut page = fetch(&all, None);
        assert!(page.previous.is_none());
        loop {
            seen.extend(page.items.clone());
            let Some(next) = &page.next else { break };
            page = fetch(&all, Some(&Cursor::decode(next).unwrap()));
        }
        assert_eq!(seen, all);
        let back = fetch(
            &all,
            Some(&Cursor::decode(&page.previous.unwrap()).unwrap()),
        );
        assert_eq!(back.items, (50..100).collect::<Vec<_>>());
        let first = fetch(
            &all,
            Some(&Cursor::decode(&back.previous.unwrap()).unwrap()),
        );
        assert_eq!(first.items[0], 0);
        assert!(first.previous.is_none());
    }

    #[test]
    fn a_cursor_that_was_tampered_with_is_refused() {
        for text in ["", "%%%", "bm90IGpzb24", "eyJkIjoieCIsImsiOjF9"] {
            assert!(Cursor::<u32>::decode(text).is_err(), "{text:?}");
        }
    }
}
