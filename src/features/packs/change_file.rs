//! The text of a changed pack from a file: it comes into the form, and nothing is applied by that.

use actix_web::web::{Data, Path};
use chrono::Duration;

use super::change::REASON_AT_MOST;
use super::change_pages::{Typed, answered, looked_at, show, visible};
use super::changes;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::files::upload::{self, Accept, NoText, Parts, Upload};
use crate::foundation::web::{self, FORM_LIMIT_BYTES, block};

/// Well under what a form may hold.
const FILE_BYTES: u64 = 128 * 1024;

/// What a text may take of the form, beside a reason of four-byte letters and what else it sends.
const SENT_AT_MOST: usize = FORM_LIMIT_BYTES - 12 * REASON_AT_MOST - 4 * 1024;

/// How many bytes a browser makes of a text when it sends the form. A line end is two characters there.
fn sent_bytes(text: &str) -> usize {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let sent = lines.replace('\n', "\r\n");
    let parts = url::form_urlencoded::byte_serialize(sent.as_bytes());
    parts.map(str::len).sum()
}

const ACCEPT: Accept = Accept {
    files: &[],
    texts: &["file"],
    purpose: "pack_text",
    limit_bytes: FILE_BYTES,
    text_limit_bytes: FORM_LIMIT_BYTES,
    keep: Duration::zero(),
};

/// `POST /packs/{platform}/change/file`: the form with the text of a file, and what that would do; nothing is written.
pub async fn take(
    signed: Signed,
    services: Data<Services>,
    slug: Path<String>,
    parts: Parts,
) -> web::Result {
    let sent = upload::receive(&services, &signed, parts, ACCEPT).await?;
    let view = block(move || {
        let mut typed = as_typed(&sent);
        let why = match sent.text_of_file("file") {
            Some(Ok(text)) if sent_bytes(text) > SENT_AT_MOST => {
                "This file is too long to be sent from the form, where marks, line ends and letters outside ASCII take several \
                 bytes each. Shorten its comments, or apply it on the server: signalbox pack apply FILE."
            }
            Some(Ok(text)) => {
                // Some editors begin a text with a mark that is none of it.
                text.trim_start_matches('\u{feff}')
                    .clone_into(&mut typed.source);
                return looked_at(&services, &signed, &slug, typed);
            }
            Some(Err(NoText::TooLong)) => "A pack has at most 128 kB: this file has more.",
            Some(Err(NoText::NotUtf8)) => "This file is no text in UTF-8, as a pack is.",
            None => "Choose a file that is not empty.",
        };
        services.db.read(|conn| {
            let platform = visible(conn, &signed, &slug)?;
            let running = changes::running(conn, &platform)?;
            let mut view = show(&services, &signed, &running, typed);
            view.problems.add("file", why);
            Ok(view)
        })
    })
    .await?;
    answered(view)
}

fn as_typed(sent: &Upload) -> Typed {
    let text = |name| sent.as_typed(name).to_owned();
    Typed {
        source: text("source"),
        reason: text("reason"),
        base: text("base"),
        file: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_it_is_sent() {
        assert_eq!(sent_bytes("a b-c.d_e*f"), 11);
        assert_eq!(sent_bytes("= \"\u{e4}\""), 3 + 1 + 3 + 6 + 3);
        for end in ["\n", "\r\n", "\r"] {
            assert_eq!(sent_bytes(end), 6, "{end:?}");
        }
    }
}
