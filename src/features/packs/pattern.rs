//! Patterns of file names: one folder, and a name in it in which `*` and `?` stand for anything.
//!
//! A pattern reaches no further than its folder, so that whoever writes a pack cannot have a tree of files
//! walked, and what is looked at can be told by reading it.

/// Longer than any path that a system allows.
const LONGEST: usize = 4_096;

/// A pattern that can be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    folder: String,
    name: Vec<char>,
}

impl Pattern {
    /// # Errors
    /// What keeps it from being one, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("\"{text}\" {why}: write /var/backups/*.dump"));
        if text.len() > LONGEST || text.contains('\0') {
            return Err("a pattern of files is a path".to_owned());
        }
        let Some((folder, name)) = text.rsplit_once('/').filter(|_| text.starts_with('/')) else {
            return wrong("does not begin at /");
        };
        if name.is_empty() {
            return wrong("names a folder and no files");
        }
        if text.split('/').any(|part| matches!(part, "." | "..")) {
            return wrong("goes by way of . or ..");
        }
        if folder.contains(['*', '?']) {
            return wrong("has * or ? in the name of a folder");
        }
        Ok(Self {
            folder: if folder.is_empty() { "/" } else { folder }.to_owned(),
            name: name.chars().collect(),
        })
    }

    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether a file of this name is meant. As in a shell, a name that begins with a dot has to be asked for
    /// by its dot: it is what programs call a file that is not finished.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if name.starts_with('.') && self.name.first() != Some(&'.') {
            return false;
        }
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut of) = (0, 0);
        // Where the last `*` stands, and how far it reaches so far.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.name.get(of) {
                Some('*') => {
                    star = Some((of, at));
                    of += 1;
                }
                Some(letter) if *letter == '?' || *letter == name[at] => {
                    at += 1;
                    of += 1;
                }
                _ => {
                    let Some((stood, reached)) = star else {
                        return false;
                    };
                    star = Some((stood, reached + 1));
                    (at, of) = (reached + 1, stood + 1);
                }
            }
        }
        self.name[of..].iter().all(|letter| *letter == '*')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(&format!("/b/{pattern}"))
            .unwrap()
            .matches(name)
    }

    #[test]
    fn stars_and_question_marks_stand_for_anything() {
        for (pattern, name) in [
            ("*.dump", "a.dump"),
            ("*.dump", "a.dump.dump"),
            ("dump_????-??-??.sql", "dump_2026-11-26.sql"),
            ("a*b*c", "a-b-b-c"),
            ("a*", "a"),
            ("*", "anything"),
            ("exact", "exact"),
            (".*.part", ".x.part"),
            ("[a]", "[a]"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.dump", "a.dump.gz"),
            ("*.dump", ".a.dump"),
            ("?", ""),
            ("?", "ab"),
            ("a*b", "a-c"),
            ("exact", "exactly"),
            ("[a]", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_stays_in_its_folder() {
        assert_eq!(Pattern::parse("/b/c/*.x").unwrap().folder(), "/b/c");
        assert_eq!(Pattern::parse("/*.x").unwrap().folder(), "/");
        for text in [
            "", "*.dump", "b/*.dump", "/b/", "/b/*/x", "/b?/x", "/b/../x", "/b/..", "/./b", "/b/\0",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
    }

    /// What `*` and `?` mean, as slowly as it can be said.
    fn means(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => means(rest, name),
            (Some(('*', rest)), Some((_, later))) => means(rest, name) || means(pattern, later),
            (Some((letter, rest)), Some((first, later))) => {
                (*letter == '?' || letter == first) && means(rest, later)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_means_what_the_slow_way_says(pattern in "[ab*?]{1,8}", name in "[ab]{0,10}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                matches(&pattern, &name),
                means(&letters(&pattern), &letters(&name))
            );
        }
    }
}
