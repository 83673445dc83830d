//! Stands before every route of the route table.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use crate::foundation::web::{Access, Error};

/// Lets the request through to its handler, or answers in its place.
pub async fn check(
    access: Access,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match access {
        Access::Public => next.call(request).await,
        Access::HalfSigned | Access::Signed | Access::Needs(_) => {
            Ok(request.error_response(Error::SignInRequired))
        }
    }
}
