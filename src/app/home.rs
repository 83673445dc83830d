use actix_web::web::Data;

use crate::features::{account, alerts};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Problems};

/// The front page: the way in for whoever is not signed in, their own start for whoever is.
pub async fn show(services: Data<Services>, signed: Option<Signed>) -> web::Result {
    match signed {
        Some(signed) => alerts::overview::overview(signed, services).await,
        None => account::pages::sign_in::sign_in_page(&services, "", "/", Problems::new()).await,
    }
}
