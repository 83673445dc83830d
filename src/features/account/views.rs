//! What the pages show.

use askama::Template;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::demo;
use super::pages::preferences::Chosen;
use super::zones::Area;
use crate::foundation::auth::devices::Known;
use crate::foundation::auth::factors::Methods;
use crate::foundation::auth::identities::Connection;
use crate::foundation::auth::parked::Waiting;
use crate::foundation::auth::passkeys::Listed;
use crate::foundation::auth::preferences::Theme;
use crate::foundation::auth::provider::journeys;
use crate::foundation::auth::sessions::Open;
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
    /// What the organisation's own place to sign in is called, where it has one.
    pub provider: Option<String>,
    /// Why it has just signed nobody in.
    pub failed: Option<String>,
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
    pub methods: Methods,
    pub demo: Option<demo::Code>,
}

#[derive(Template)]
#[template(path = "account/step_up.html")]
pub struct StepUp {
    pub chrome: Chrome,
    pub next: String,
    /// A form waits for its author behind this proof.
    pub form_waits: bool,
    pub methods: Methods,
    pub demo: Option<demo::Code>,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/new_passkey.html")]
pub struct NewPasskey {
    pub chrome: Chrome,
    /// The name as it was typed.
    pub typed: String,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/passkey.html")]
pub struct OnePasskey {
    pub chrome: Chrome,
    pub passkey: Listed,
    /// The name as it was typed.
    pub typed: String,
    pub problems: Problems,
}

/// A seed to set up an app with.
pub struct ShownSeed {
    pub spelled: String,
    pub address: String,
    pub qr: Option<QrPath>,
}

#[derive(Template)]
#[template(path = "account/own_authenticator.html")]
pub struct OwnAuthenticator {
    pub chrome: Chrome,
    pub methods: Methods,
    pub seed: Option<ShownSeed>,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/sessions.html")]
pub struct Sessions {
    pub chrome: Chrome,
    pub open: Vec<Open>,
    pub current: Uuid,
    pub others: usize,
    /// With what each is called.
    pub known: Vec<(String, Known)>,
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
    /// Whether the link opens with a confirmation code as well.
    pub asks_code: bool,
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
    pub passkeys: Vec<Listed>,
    /// The organisation's own place to sign in, and since when it is connected.
    pub provider: Option<(String, Option<Connection>)>,
    pub waiting: Vec<Waiting>,
    /// The page that somebody was on their way to.
    pub next: Option<String>,
    pub since: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "account/preferences.html")]
pub struct PreferencesPage {
    pub chrome: Chrome,
    pub chosen: Chosen,
    pub areas: Vec<Area>,
    /// A zone that is chosen, or was typed, and is not among those offered.
    pub other: Option<String>,
    pub zone_hint: String,
    pub problems: Problems,
}

#[derive(Template)]
#[template(path = "account/own_provider.html")]
pub struct OwnProvider {
    pub chrome: Chrome,
    /// What it is called.
    pub provider: String,
    /// Whether its word for two factors is taken.
    pub vouches: bool,
    pub connection: Option<Connection>,
    /// Whom it has vouched for, until they say that it is them.
    pub waiting: Option<journeys::Waiting>,
}

impl OwnProvider {
    /// What is asked after the provider's own word.
    fn second_step(&self) -> &'static str {
        if self.vouches {
            "Where it has asked you for two factors, nothing more is asked here; else the second step is: a passkey or a \
             code."
        } else {
            "The second step stays: a passkey or a code."
        }
    }
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
}

#[derive(Template)]
#[template(path = "account/parked.html")]
pub struct Parked {
    pub chrome: Chrome,
    pub path: String,
    /// Where the form stood; `/` where nobody knows.
    pub page: String,
    /// Every field that was typed, to be sent again as it was.
    pub fields: Vec<(String, String)>,
    /// The names of files that came with it and are not kept.
    pub files: String,
    pub key: Option<String>,
    pub expires_at: DateTime<Utc>,
}
