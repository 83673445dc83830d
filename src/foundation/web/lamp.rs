//! The state of anything, as the page shows it: text, mark and colour together.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::foundation::kernel::Level;

/// What a lamp shows. Printing one in a template draws its glass; the word beside it is the caller's, because
/// "firing", "down" and "overdue" are all red.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Template)]
#[template(path = "components/lamp_glass.html")]
pub enum Lamp {
    Red,
    Yellow,
    Blue,
    Clear,
    Unknown,
}

/// The template holds fixed mark-up only.
impl HtmlSafe for Lamp {}

impl Lamp {
    /// The value of `data-level` that the style sheet knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Blue => "blue",
            Self::Clear => "clear",
            Self::Unknown => "unknown",
        }
    }

    /// For places that have no better word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "Red",
            Self::Yellow => "Yellow",
            Self::Blue => "Blue",
            Self::Clear => "Clear",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<Level> for Lamp {
    fn from(level: Level) -> Self {
        match level {
            Level::Red => Self::Red,
            Level::Yellow => Self::Yellow,
            Level::Blue => Self::Blue,
        }
    }
}
