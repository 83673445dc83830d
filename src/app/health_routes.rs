//! What load balancers, orchestrators and scrapers ask. These answer without a Host header, a
//! cookie or a log of who asked.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::foundation::Services;
use crate::foundation::db::PoolKind;
use crate::foundation::telemetry::metrics;
use crate::foundation::web::{self, Access, Error, Routes, block, block_sign_in};

pub fn routes() -> Routes {
    Routes::new()
        .get("/health", Access::Public, alive)
        .get("/api/health", Access::Public, alive)
        .get("/api/readiness", Access::Public, ready)
        .get("/api/health/db", Access::Public, database)
        .get("/api/health/redis", Access::Public, redis)
}

/// The process answers. It says nothing of the database: restarting us would not mend that.
async fn alive() -> web::Result {
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}

/// Whether requests can be served: a page would get a connection, and the database answers.
async fn ready(services: Data<Services>) -> web::Result {
    let services = services.into_inner();
    block(move || services.db.ping(PoolKind::Web).map_err(Error::from)).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}

/// Whether the database answers, however busy the pages are.
async fn database(services: Data<Services>) -> web::Result {
    let services = services.into_inner();
    block_sign_in(move || services.db.ping(PoolKind::SignIn).map_err(Error::from)).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}

/// We keep nothing in Redis, and say so rather than pretend that one is well.
async fn redis() -> web::Result {
    Ok(HttpResponse::Ok().json(json!({ "status": "not configured" })))
}

/// What a scraper of our own metrics reads.
pub async fn scrape(services: Data<Services>) -> web::Result {
    services.db.measure();
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics::render()))
}
