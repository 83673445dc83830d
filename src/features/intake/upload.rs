//! Takes a file in from the browser.

use actix_web::http::StatusCode;
use actix_web::web::Data;

use super::actions::{self, KEEP_UPLOAD, Order, Received, UPLOAD_LIMIT_BYTES};
use super::store;
use super::{Error, pages};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::files::upload::{self, Accept, Parts, SHORT_TEXT_BYTES, Upload};
use crate::foundation::web::{self, Problems, block};

const ACCEPT: Accept = Accept {
    files: &["file"],
    texts: &[],
    purpose: "intake",
    limit_bytes: UPLOAD_LIMIT_BYTES,
    text_limit_bytes: SHORT_TEXT_BYTES,
    keep: KEEP_UPLOAD,
};

pub async fn post(services: Data<Services>, signed: Signed, parts: Parts) -> web::Result {
    let sent = upload::receive(&services, &signed, parts, ACCEPT).await?;
    let (taking, who) = (services.clone(), signed.clone());
    let (sent, received) = block(move || {
        let received = take(&taking, &who, &sent)?;
        Ok::<_, web::Error>((sent, received))
    })
    .await?;
    match received {
        Ok(received) => {
            let again = match received {
                Received::New(_) => "",
                Received::Known(..) => "?again=1",
                Received::Resumed(_) => "?again=resumed",
            };
            web::see_other(format!("/intake/{}{again}", received.batch()))
        }
        Err(problems) => {
            let form = pages::UploadForm {
                platform: sent.text("platform").to_owned(),
                ignore_unknown: !sent.text("ignore_unknown").is_empty(),
                problems,
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            pages::batches_with(status, services, signed, None, form).await
        }
    }
}

/// Registers the file, or says what is wrong with the form.
fn take(
    services: &Services,
    signed: &Signed,
    sent: &Upload,
) -> Result<Result<Received, Problems>, Error> {
    let slug = sent.text("platform");
    let platform = services
        .db
        .read(|conn| store::platform_by_slug(conn, slug))?
        // A platform out of reach is none, as everywhere.
        .filter(|platform| signed.reach().allows(platform.id));
    let file = sent.file("file");
    let (Some(platform), Ok(file)) = (&platform, file) else {
        let mut problems = Problems::new();
        if platform.is_none() {
            problems.add("platform", "Choose the platform whose customers these are.");
        }
        if let Err(why) = file {
            problems.add("file", why.to_string());
        }
        sent.discard(services)?;
        return Ok(Err(problems));
    };
    let order = Order {
        platform,
        name: &file.name,
        ignore_unknown: !sent.text("ignore_unknown").is_empty(),
        lines_total: Some(file.lines),
    };
    let actor = signed.actor();
    actions::receive_upload(services, &actor, &order, &file.stored, sent.key).map(Ok)
}
