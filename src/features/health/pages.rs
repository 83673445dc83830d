use actix_web::web::Data;

use super::{board, views};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Chrome, Nav, block};

/// `GET /services`: every service and how it stands, worst first.
pub async fn services(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let board = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| board::services(conn, &view, now))
            .map_err(web::Error::from)
    })
    .await?;
    web::page(&views::Services {
        chrome: Chrome::new(&signed, &services, "Services", Nav::Services),
        demo: board.iter().any(|service| service.demo),
        rows: board.iter().map(views::ServiceRow::from).collect(),
    })
}
