//! What two texts differ in, line by line. Pure.

use std::ops::Range;

/// A line as it stands in one text, or in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'t> {
    Same(&'t str),
    Gone(&'t str),
    New(&'t str),
}

impl Line<'_> {
    #[must_use]
    pub const fn text(&self) -> &str {
        match self {
            Self::Same(text) | Self::Gone(text) | Self::New(text) => text,
        }
    }
}

/// Lines that belong together: what differs, and a few around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk<'t> {
    /// Where it begins in the new text, counted from 1.
    pub at: usize,
    pub lines: Vec<Line<'t>>,
}

/// How many lines that are the same stand around what differs.
const AROUND: usize = 3;

/// Texts that differ in more than this (lines times lines) are not compared further: all of one is gone, all of the
/// other is new.
const AT_MOST: usize = 4_000_000;

/// What is not the same in `after`, with a few lines around it.
#[must_use]
pub fn hunks<'t>(before: &'t str, after: &'t str) -> Vec<Hunk<'t>> {
    let lines = compared(before, after);
    let differs = |line: &Line<'_>| !matches!(line, Line::Same(_));
    let places = lines.iter().enumerate().filter(|(_, line)| differs(line));
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (place, _) in places {
        let reach = place.saturating_sub(AROUND)..(place + AROUND + 1).min(lines.len());
        match spans.last_mut() {
            Some(last) if reach.start <= last.end => last.end = reach.end,
            _ => spans.push(reach),
        }
    }
    let new = |line: &&Line<'_>| !matches!(line, Line::Gone(_));
    let hunk = |span: Range<usize>| Hunk {
        at: lines[..span.start].iter().filter(new).count() + 1,
        lines: lines[span].to_vec(),
    };
    spans.into_iter().map(hunk).collect()
}

fn compared<'t>(before: &'t str, after: &'t str) -> Vec<Line<'t>> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let pairs = before.iter().zip(&after);
    let start = pairs.take_while(|(was, now)| was == now).count();
    let (rest_before, rest_after) = (&before[start..], &after[start..]);
    let pairs = rest_before.iter().rev().zip(rest_after.iter().rev());
    let end = pairs.take_while(|(was, now)| was == now).count();
    let middle_before = &rest_before[..rest_before.len() - end];
    let middle_after = &rest_after[..rest_after.len() - end];
    let mut lines: Vec<Line<'t>> = before[..start]
        .iter()
        .map(|text| Line::Same(text))
        .collect();
    lines.extend(middle(middle_before, middle_after));
    lines.extend(
        before[before.len() - end..]
            .iter()
            .map(|text| Line::Same(text)),
    );
    lines
}

/// By the longest lines that both have in common.
fn middle<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<Line<'t>> {
    let gone = |text: &&'t str| Line::Gone(text);
    let new = |text: &&'t str| Line::New(text);
    let width = after.len() + 1;
    if before.len() * after.len() > AT_MOST {
        return before
            .iter()
            .map(gone)
            .chain(after.iter().map(new))
            .collect();
    }
    let mut common = vec![0_u32; (before.len() + 1) * width];
    for (i, was) in before.iter().enumerate().rev() {
        for (j, now) in after.iter().enumerate().rev() {
            let at = i * width + j;
            common[at] = if was == now {
                common[at + width + 1] + 1
            } else {
                common[at + width].max(common[at + 1])
            };
        }
    }
    let mut lines = Vec::with_capacity(before.len() + after.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(was), Some(now)) = (before.get(i), after.get(j)) {
        if was == now {
            lines.push(Line::Same(was));
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            lines.push(Line::Gone(was));
            i += 1;
        } else {
            lines.push(Line::New(now));
            j += 1;
        }
    }
    lines.extend(before[i..].iter().map(gone));
    lines.extend(after[j..].iter().map(new));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, after: &str) -> String {
        let mut told = String::new();
        for hunk in hunks(before, after) {
            told.push_str(&format!("@{}", hunk.at));
            for line in hunk.lines {
                let mark = match line {
                    Line::Same(_) => ' ',
                    Line::Gone(_) => '-',
                    Line::New(_) => '+',
                };
                told.push_str(&format!("|{mark}{}", line.text()));
            }
        }
        told
    }

    #[test]
    fn the_same_text_differs_in_nothing() {
        assert_eq!(told("a\nb\n", "a\nb\n"), "");
        assert_eq!(told("", ""), "");
    }

    #[test]
    fn a_line_that_changed_stands_with_three_around_it() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
        assert_eq!(told(before, after), "@2| 2| 3| 4|-5|+five| 6| 7| 8");
    }

    #[test]
    fn what_stands_apart_is_told_apart() {
        let before: Vec<String> = (1..=20).map(|line| line.to_string()).collect();
        let mut after = before.clone();
        after.remove(18);
        after[1] = "two".to_owned();
        let told = told(&before.join("\n"), &after.join("\n"));
        assert_eq!(told, "@1| 1|-2|+two| 3| 4| 5@16| 16| 17| 18|-19| 20");
    }

    #[test]
    fn what_was_put_in_between_is_new_and_nothing_else() {
        assert_eq!(told("a\nb", "a\nx\ny\nb"), "@1| a|+x|+y| b");
        assert_eq!(told("", "a"), "@1|+a");
        assert_eq!(told("a", ""), "@1|-a");
    }

    #[test]
    fn texts_without_end_are_not_compared_for_ever() {
        let long = |word: &str| format!("{word}\n").repeat(3_000);
        let hunks = hunks("", "");
        assert!(hunks.is_empty());
        let (before, after) = (long("a"), long("b"));
        assert_eq!(super::hunks(&before, &after)[0].lines.len(), 6_000);
    }
}
