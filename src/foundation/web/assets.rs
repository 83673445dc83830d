//! Style sheets, scripts and icons, embedded at build time (see `build.rs`).
//!
//! An address carries the digest of the whole tree, so a browser may keep what it got for ever. After an upgrade
//! an open page still asks under the old digest: it gets today's bytes, with word not to keep them.

use actix_web::http::header::{
    AcceptEncoding, CACHE_CONTROL, ContentEncoding, ETag, Encoding, EntityTag, IfNoneMatch, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

/// Eight bytes of SHA-256 over every name and byte that is shipped, in hex.
pub const DIGEST: &str = env!("SIGNALBOX_ASSET_DIGEST");

/// The route that [`serve`] answers.
pub const ROUTE: &str = "/assets/{digest}/{path:.*}";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    gzip: Option<&'static [u8]>,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The address of an asset, for templates: `asset("css/main.css")`.
pub fn asset(name: &str) -> String {
    debug_assert!(find(name).is_some(), "no such asset: {name}");
    format!("/assets/{DIGEST}/{name}")
}

/// Answers one asset; anything else is a plain 404.
pub async fn serve(request: HttpRequest, path: web::Path<(String, String)>) -> HttpResponse {
    let (digest, name) = path.into_inner();
    let Some(asset) = find(&name) else {
        return HttpResponse::NotFound()
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type("text/plain; charset=utf-8")
            .body("There is no such file.\n");
    };
    let (encoding, bytes, tag) = match asset.gzip {
        Some(packed) if takes_gzip(&request) => {
            (ContentEncoding::Gzip, packed, format!("{DIGEST}-gzip"))
        }
        _ => (ContentEncoding::Identity, asset.bytes, String::from(DIGEST)),
    };
    let tag = EntityTag::new_strong(tag);
    let held = holds(&request, &tag);
    let mut response = if held {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((CACHE_CONTROL, keep(&digest)))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(ETag(tag));
    if held {
        return response.finish();
    }
    // Naming the encoding also keeps the compression middleware from doing it again.
    response
        .content_type(asset.content_type)
        .insert_header(encoding)
        .body(web::Bytes::from_static(bytes))
}

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

fn keep(digest: &str) -> &'static str {
    if digest == DIGEST {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let supported = [Encoding::gzip(), Encoding::identity()];
    request
        .get_header::<AcceptEncoding>()
        .and_then(|accept| accept.negotiate(supported.iter()))
        .is_some_and(|chosen| chosen == Encoding::gzip())
}

fn holds(request: &HttpRequest, tag: &EntityTag) -> bool {
    match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|held| held.weak_eq(tag)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use actix_web::dev::ServiceResponse;
    use actix_web::http::StatusCode;
    use actix_web::{App, test};

    use super::*;

    async fn get(path: &str, headers: &[(&str, &str)]) -> ServiceResponse {
        let app = test::init_service(App::new().route(ROUTE, web::get().to(serve))).await;
        let mut request = test::TestRequest::get().uri(path);
        for header in headers {
            request = request.insert_header(*header);
        }
        test::call_service(&app, request.to_request()).await
    }

    fn header<'a>(response: &'a ServiceResponse, name: &str) -> &'a str {
        response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[actix_web::test]
    async fn a_current_address_is_kept_for_a_year() {
        let response = get(&asset("css/main.css"), &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            header(&response, "cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(header(&response, "content-type"), "text/css; charset=utf-8");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        let sheet = test::read_body(response).await;
        let sheet = std::str::from_utf8(&sheet).unwrap();
        assert!(sheet.contains("@layer tokens {") && !sheet.contains("@import"));
    }

    #[actix_web::test]
    async fn an_old_address_gets_todays_bytes_and_is_not_kept() {
        let response = get("/assets/0123456789abcdef/js/main.js", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "cache-control"), "no-cache");
    }

    #[actix_web::test]
    async fn gzip_goes_to_those_who_take_it() {
        let packed = get(&asset("css/main.css"), &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(header(&packed, "content-encoding"), "gzip");
        let body = test::read_body(packed).await;
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&body[..])
            .read_to_end(&mut plain)
            .unwrap();
        let whole = get(&asset("css/main.css"), &[("accept-encoding", "gzip;q=0")]).await;
        assert_ne!(header(&whole, "content-encoding"), "gzip");
        assert_eq!(test::read_body(whole).await, plain);
    }

    #[actix_web::test]
    async fn what_a_browser_holds_is_not_sent_again() {
        let first = get(&asset("css/main.css"), &[]).await;
        let tag = header(&first, "etag").to_owned();
        let again = get(&asset("css/main.css"), &[("if-none-match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(test::read_body(again).await.is_empty());
        let packed = [("if-none-match", &*tag), ("accept-encoding", "gzip")];
        assert_eq!(
            get(&asset("css/main.css"), &packed).await.status(),
            StatusCode::OK
        );
    }

    #[actix_web::test]
    async fn nothing_outside_the_tree_is_served() {
        for path in [
            "/assets/x/css/tokens.css",
            "/assets/x/../Cargo.toml",
            "/assets/x/",
        ] {
            assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND);
        }
    }
}
