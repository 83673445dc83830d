//! Headers that every answer carries, whatever made it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue,
    STRICT_TRANSPORT_SECURITY,
};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::foundation::Services;

/// What a page of ours may load and do. There is no inline script or style anywhere.
pub const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types signalbox-block";

/// Two years, as long as browsers' own lists ask for.
pub const TRANSPORT_POLICY: &str = "max-age=63072000; includeSubDomains";

/// The same on every answer.
pub const FIXED: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), display-capture=(), \
         encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), \
         idle-detection=(), magnetometer=(), microphone=(), midi=(), payment=(), \
         picture-in-picture=(), publickey-credentials-create=(self), \
         publickey-credentials-get=(self), screen-wake-lock=(), serial=(), usb=(), \
         xr-spatial-tracking=()",
    ),
];

/// Middleware: adds the security headers; an answer's own stricter policy or cache rule stays.
pub async fn secure<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let https_elsewhere = request
        .app_data::<Data<Services>>()
        .is_some_and(|services| {
            let web = &services.config.web;
            web.is_https() && !web.is_loopback()
        });
    let dress = |headers: &mut HeaderMap| dress(headers, https_elsewhere);
    match next.call(request).await {
        Ok(mut response) => {
            dress(response.headers_mut());
            Ok(response)
        }
        // Nothing of ours fails without an answer; what does all the same leaves by the same door.
        Err(error) => {
            let mut answer = error.error_response();
            dress(answer.headers_mut());
            Err(InternalError::from_response(error, answer).into())
        }
    }
}

fn dress(headers: &mut HeaderMap, https_elsewhere: bool) {
    for (name, value) in FIXED {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_POLICY),
        );
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if https_elsewhere {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(TRANSPORT_POLICY),
        );
    }
}
