use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::Error;

/// Room for a page, so that writing a long one does not move it again and again.
const PAGE_BYTES: usize = 1 << 16;

/// A page, 200.
pub fn page(template: &impl Template) -> super::Result {
    page_with(StatusCode::OK, template)
}

/// A page with another status: 422 for a form that has to be corrected, 409 for a stale one.
pub fn page_with(status: StatusCode, template: &impl Template) -> super::Result {
    let mut body = String::with_capacity(PAGE_BYTES);
    template.render_into(&mut body).map_err(Error::internal)?;
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        // The title is the first thing that a screen reader says of the page that came back.
        body = body.replacen("<title>", "<title>Error: ", 1);
    }
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(body))
}

/// After a change: look at the result with a GET.
pub fn see_other(location: impl AsRef<str>) -> super::Result {
    Ok(HttpResponse::SeeOther()
        .insert_header(("Location", location.as_ref()))
        .finish())
}
