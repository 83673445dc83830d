//! How a browser becomes a wall screen, and how it ends.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::actions;
use super::pages::{Nothing, refused};
use super::views::OfferedPage;
use crate::foundation::Services;
use crate::foundation::auth::guard::client_address;
use crate::foundation::auth::keys::KeyId;
use crate::foundation::auth::keys::displays::{self, Dead};
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{Signed, denials, throttle};
use crate::foundation::web::{self, Chrome, Door, Form, Nav, RequestId, block, page_with};

/// What is said of a link that does not work, and what to do.
type Sorry = (&'static str, &'static str);

const USED_UP: Sorry = (
    "This link does not work",
    "It has been used, it is older than 15 minutes, its key has ended, or a part of it is missing. An administrator \
     makes a new one on the page of the key.",
);

const ELSEWHERE: Sorry = (
    "This screen may not be used from here",
    "Its key was made for certain networks, and this is another. The link still works: open it from there, or have a \
     key made for this place.",
);

/// Makes a link, and shows it once.
pub async fn offer(
    signed: Signed,
    services: Data<Services>,
    id: Path<KeyId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let (key, token) =
            actions::offer_screen(&services, &signed.actor(), &id, form.key).map_err(refused)?;
        let chrome = Chrome::new(&signed, &services, "A link for one wall screen", Nav::Keys);
        let base_url = services.config.web.base_url.as_str();
        Ok::<_, web::Error>(OfferedPage {
            link: format!(
                "{}/display/link/{}",
                base_url.trim_end_matches('/'),
                token.expose()
            ),
            until: chrome.now + displays::LINK_LIVES,
            chrome,
            key,
        })
    })
    .await?;
    web::page(&view)
}

/// Ends one screen.
pub async fn end(
    signed: Signed,
    services: Data<Services>,
    path: Path<(KeyId, Uuid)>,
    form: Form<Nothing>,
) -> web::Result {
    let (id, screen) = path.into_inner();
    let to = actions::place(&id);
    block(move || {
        actions::end_screen(&services, &signed.actor(), &id, screen, form.key).map_err(refused)
    })
    .await?;
    web::see_other(to)
}

#[derive(Template)]
#[template(path = "keys/link.html")]
struct LinkPage {
    door: Door,
    token: String,
    works: bool,
    sorry: Sorry,
}

/// What a link leads to: a button, so that nothing that only looks at links uses it up.
pub async fn link(services: Data<Services>, token: Path<String>) -> web::Result {
    let link = Token::from_text(&token);
    let app = services.clone();
    let works = block(move || {
        let now = app.clock.now();
        let waits = app.db.read(|conn| displays::waits(conn, &link, now));
        waits.map_err(web::Error::from)
    })
    .await?;
    if !works {
        return dead(&services, StatusCode::NOT_FOUND, USED_UP);
    }
    let page = LinkPage {
        door: Door::new(&services, "Wall screen"),
        token: token.into_inner(),
        works,
        sorry: USED_UP,
    };
    web::page(&page)
}

fn dead(services: &Services, status: StatusCode, sorry: Sorry) -> web::Result {
    let page = LinkPage {
        door: Door::new(services, sorry.0),
        token: String::new(),
        works: false,
        sorry,
    };
    page_with(status, &page)
}

/// The button was pressed: this browser is the screen.
pub async fn open(
    services: Data<Services>,
    request: HttpRequest,
    token: Path<String>,
    _: Form<Nothing>,
) -> web::Result {
    let link = Token::from_text(&token);
    let from = client_address(&request);
    let network = throttle::network(from);
    let id = RequestId::of(&request);
    let actor = denials::stranger(&services.keyring, &network, &id);
    let app = services.clone();
    let opened = block(
        move || match actions::open_screen(&app, &actor, &link, from) {
            Err(Dead::Database(error)) => Err(web::Error::from(error)),
            Err(Dead::Network { screen, key }) => {
                displays::refuse(&app, (screen, &key), "address", &id)?;
                Ok(Err(Dead::Network { screen, key }))
            }
            opened => Ok(opened),
        },
    )
    .await?;
    match opened {
        Ok((token, until)) => {
            let cookie = displays::cookie(&services, &token, until);
            let mut answer = HttpResponse::SeeOther()
                .insert_header(("Location", "/display"))
                .finish();
            answer.add_cookie(&cookie).map_err(web::Error::internal)?;
            Ok(answer)
        }
        Err(Dead::Network { .. }) => dead(&services, StatusCode::FORBIDDEN, ELSEWHERE),
        Err(_) => dead(&services, StatusCode::NOT_FOUND, USED_UP),
    }
}
