//! Takes the files of a list in from the browser.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use chrono::{Duration, NaiveDate};
use serde::Deserialize;

use super::lists;
use super::loads::{self, Format, LoadId, NewLoad};
use super::pages::may_load;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::files::upload::{self, Accept, Parts, SHORT_TEXT_BYTES, Upload};
use crate::foundation::web::{
    self, Chrome, Nav, Problems, Refusal, block, page, page_with, see_other,
};

/// Ten times what OFAC's largest file has today.
const LIMIT_BYTES: u64 = 64_000_000;
const KEEP: Duration = Duration::days(30);
const REASON_CHARS: usize = 500;

const ACCEPT: Accept = Accept {
    files: &["sdn", "alt", "add", "list"],
    texts: &[],
    purpose: "screening_list",
    limit_bytes: LIMIT_BYTES,
    text_limit_bytes: SHORT_TEXT_BYTES,
    keep: KEEP,
};

#[derive(Template)]
#[template(path = "screening/upload.html")]
struct UploadPage {
    chrome: Chrome,
    format: Format,
    form: FormData,
    problems: Problems,
}

#[derive(Default)]
struct FormData {
    source: String,
    published: String,
    accept_drop: bool,
    drop_reason: String,
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    format: String,
}

pub async fn form(services: Data<Services>, signed: Signed, asked: Query<Asked>) -> web::Result {
    check_reach(&signed)?;
    let format = Format::parse(&asked.format).unwrap_or(Format::Ofac);
    let problems = Problems::new();
    page(&upload_page(
        &services,
        &signed,
        format,
        FormData::default(),
        problems,
    ))
}

fn upload_page(
    services: &Services,
    signed: &Signed,
    format: Format,
    form: FormData,
    problems: Problems,
) -> UploadPage {
    let chrome = Chrome::new(signed, services, "Upload a list", Nav::ScreeningLists);
    UploadPage {
        chrome,
        format,
        form,
        problems,
    }
}

fn check_reach(signed: &Signed) -> Result<(), web::Error> {
    if may_load(signed) {
        return Ok(());
    }
    Err(web::Error::Refused(Refusal::new(
        "scope_limited",
        "A list holds for every platform.",
        "Your role is limited to some of them. Ask a compliance officer who acts for all.",
    )))
}

pub async fn post(services: Data<Services>, signed: Signed, parts: Parts) -> web::Result {
    check_reach(&signed)?;
    let sent = upload::receive(&services, &signed, parts, ACCEPT).await?;
    let format = Format::parse(sent.text("format")).unwrap_or(Format::Ofac);
    let (taking, who) = (services.clone(), signed.clone());
    let (sent, taken) = block(move || {
        let taken = take(&taking, &who, format, &sent)?;
        Ok::<_, web::Error>((sent, taken))
    })
    .await?;
    match taken {
        Ok(id) => see_other(format!("/screening/lists/loads/{id}")),
        Err(problems) => {
            let form = FormData {
                source: sent.text("source").to_owned(),
                published: sent.text("published").to_owned(),
                accept_drop: !sent.text("accept_drop").is_empty(),
                drop_reason: sent.text("drop_reason").to_owned(),
            };
            page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &upload_page(&services, &signed, format, form, problems),
            )
        }
    }
}

/// Registers the files, or says what is wrong with the form.
fn take(
    services: &Services,
    signed: &Signed,
    format: Format,
    sent: &Upload,
) -> Result<Result<LoadId, Problems>, web::Error> {
    let today = services.clock.now().date_naive();
    let new = match read_form(format, sent, today) {
        Ok(new) => new,
        Err(problems) => {
            sent.discard(services)?;
            return Ok(Err(problems));
        }
    };
    let asked = loads::ask(services, &signed.actor(), &new, sent.key);
    if asked.is_err() {
        sent.discard(services)?;
    }
    Ok(Ok(asked?))
}

fn read_form(format: Format, sent: &Upload, today: NaiveDate) -> Result<NewLoad<'_>, Problems> {
    let mut problems = Problems::new();
    let source = match format {
        Format::Ofac => lists::OFAC_SOURCE,
        Format::Plain => sent.text("source"),
    };
    if format == Format::Plain && (!lists::is_source(source) || lists::is_taken(source)) {
        problems.add(
            "source",
            "Give the list a short name of its own: small letters, digits and hyphens, such as \
             un-consolidated.",
        );
    }
    let published = sent.text("published").parse::<NaiveDate>().ok();
    match published {
        None => problems.add("published", "Give the day on which the list was published."),
        Some(day) if day > today => {
            let message = format!("This day is still to come; today is {today} (UTC).");
            problems.add("published", message);
        }
        Some(_) => {}
    }
    let mut files = Vec::new();
    for name in format.files() {
        match sent.file(name) {
            Ok(file) => files.push((*name, &file.stored)),
            Err(why) => problems.add(name, why.to_string()),
        }
    }
    let reason = sent.text("drop_reason");
    let accept = !sent.text("accept_drop").is_empty();
    if accept && reason.is_empty() {
        problems.add(
            "drop_reason",
            "Say how you know that the list is that much shorter.",
        );
    } else if reason.chars().count() > REASON_CHARS {
        let message = format!("Keep the reason to {REASON_CHARS} characters.");
        problems.add("drop_reason", message);
    }
    problems.or(NewLoad {
        format,
        source,
        published: published.unwrap_or(today),
        accept_drop: accept.then_some(reason),
        files,
    })
}
