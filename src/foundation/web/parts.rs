//! The parts of a form that may come with files.

use actix_multipart::Field;

/// Most parts of such a form.
pub const MOST_PARTS: usize = 30;
/// Longest file name that is kept, in characters.
const NAME_LIMIT_CHARS: usize = 200;

/// The name that a file has where it comes from; `None` for a part that is no file, and empty where none was chosen.
#[must_use]
pub fn file_name(part: &Field) -> Option<String> {
    let given = part.content_disposition()?.get_filename()?;
    let plain = given.chars().filter(|c| !c.is_control());
    Some(plain.take(NAME_LIMIT_CHARS).collect())
}
