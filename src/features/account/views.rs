//! What the pages show.

use askama::Template;
use chrono::{DateTime, Utc};

use super::demo;
use crate::foundation::auth::factors::Methods;
use crate::foundation::auth::parked::Waiting;
use crate::foundation::auth::totp::QrPath;
use crate::foundation::web::{Chrome, Door, Problems};

#[derive(Template)]
#[template(path = "account/sign_in.html")]
pub struct SignIn {
    pub door: Door,
    pub email: String,
    pub next: String,
    pub problems: Problems,
    /// A form waits for its author behind this sign-in.
    pub form_waits: bool,
    pub demo: Vec<demo::Card>,
    /// Where the demo's services can be broken and mended.
    pub simulator: Option<String>,
}

#[derive(Template)]
#[template(path = "account/code.html")]
pub struct Code {
    pub door: Door,
    pub email: String,
    pub next: String,
    pub problems: Problems,
    pub demo: Option<demo::Code>,
}

#[derive(Template)]
#[template(path = "account/recovery.html")]
pub struct Recovery {
    pub door: Door,
    pub next: String,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/first_password.html")]
pub struct FirstPassword {
    pub door: Door,
    pub token: String,
    pub name: String,
    pub email: String,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/dead_link.html")]
pub struct DeadLink {
    pub door: Door,
}

#[derive(Template)]
#[template(path = "account/authenticator.html")]
pub struct Authenticator {
    pub door: Door,
    pub spelled: String,
    pub address: String,
    pub qr: Option<QrPath>,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/recovery_codes.html")]
pub struct RecoveryCodes {
    pub door: Door,
    pub codes: Vec<String>,
    pub next: &'static str,
}

#[derive(Template)]
#[template(path = "account/own.html")]
pub struct Own {
    pub chrome: Chrome,
    pub roles: String,
    pub methods: Methods,
    pub waiting: Vec<Waiting>,
    /// The page that somebody was on their way to.
    pub next: Option<String>,
    pub since: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "account/change_password.html")]
pub struct ChangePassword {
    pub chrome: Chrome,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/new_recovery_codes.html")]
pub struct NewRecoveryCodes {
    pub chrome: Chrome,
    pub left: i64,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/parked.html")]
pub struct Parked {
    pub chrome: Chrome,
    pub path: String,
    /// Every field that was typed, to be sent again as it was.
    pub fields: Vec<(String, String)>,
    pub key: Option<String>,
    pub expires_at: DateTime<Utc>,
}
