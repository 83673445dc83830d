use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::foundation::db;

/// The code of [`Error::NoDisplay`].
pub(super) const NO_DISPLAY: &str = "no_display";

/// Every way in which a request can end without what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not found")]
    NotFound,
    /// The address exists and is asked in other ways: 405. `allow` names them.
    #[error("not this method, only {allow}")]
    MethodNotAllowed { allow: String },
    /// The request is for another host: 421. `ours` is where we are.
    #[error("this is not {ours}")]
    Misdirected { ours: String },
    #[error("sign in first")]
    SignInRequired,
    #[error("not permitted")]
    Forbidden,
    /// No API key came with the request: 401.
    #[error("an API key is needed")]
    KeyMissing,
    /// The API key opens nothing, for whatever reason: 401.
    #[error("this API key opens nothing")]
    KeyInvalid,
    /// The API key is right, and this is not where it may be used from: 403.
    #[error("this API key may not be used from here")]
    KeyAddress,
    /// The API key is right, and does not have the scope: 403.
    #[error("this API key lacks the scope {needed}")]
    KeyScope { needed: &'static str },
    /// This browser is no wall screen, or no longer: 401.
    #[error("this is no wall screen")]
    NoDisplay { ended: bool },
    /// The request was forged, or its page is older than the session.
    #[error("the form does not belong to this session")]
    ForgedForm,
    #[error("prove that it is you")]
    StepUp,
    /// The rules of the thing itself say no: 409.
    #[error("{0}")]
    Refused(Refusal),
    /// The same form was sent before, with something else in it: 409.
    #[error("this form was sent before with something else in it")]
    Altered,
    /// The request cannot be read: 400.
    #[error("{0}")]
    Malformed(String),
    /// What was sent is of a kind that is not taken here: 415.
    #[error("send {takes}")]
    UnsupportedMedia { takes: &'static str },
    #[error("too large: at most {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("too many requests, try again in {retry_after_secs} s")]
    TooMany { retry_after_secs: u64 },
    /// Nothing was done.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Somebody stopped waiting, or the database went away, when it may have been done already.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// Not a failure: the answer is elsewhere, as after a double submit.
    #[error("see {0}")]
    SeeOther(String),
    /// Our fault. The source is for the log.
    #[error("internal error: {0}")]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// Why the product refuses, in words for the person: what happened, and what to do.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Stable, for programs.
    pub code: &'static str,
    pub title: String,
    pub advice: String,
    /// The page where it can be mended, and what it is called.
    pub way: Option<(&'static str, String)>,
}

impl Refusal {
    #[must_use]
    pub fn new(code: &'static str, title: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            code,
            title: title.into(),
            advice: advice.into(),
            way: None,
        }
    }

    /// Leads to where it can be mended.
    #[must_use]
    pub fn with_way(mut self, label: &'static str, href: String) -> Self {
        self.way = Some((label, href));
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.title, self.advice)
    }
}

impl Error {
    /// Seconds after which a request that could not be served is worth repeating.
    const RETRY_SECS: u64 = 2;

    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// What the thing itself refuses, for a form that is shown again with it; anything else stays the answer.
    ///
    /// # Errors
    /// It is no refusal.
    pub fn refusal(self) -> Result<Refusal, Self> {
        match self {
            Self::Refused(refusal) => Ok(refusal),
            other => Err(other),
        }
    }

    /// Stable name of the kind of error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Misdirected { .. } => "misdirected",
            Self::SignInRequired => "sign_in_required",
            Self::Forbidden => "forbidden",
            Self::KeyMissing => "key_missing",
            Self::KeyInvalid => "key_invalid",
            Self::KeyAddress => "key_address",
            Self::KeyScope { .. } => "key_scope",
            Self::NoDisplay { .. } => NO_DISPLAY,
            Self::UnsupportedMedia { .. } => "unsupported_media_type",
            Self::ForgedForm => "forged_form",
            Self::StepUp => "step_up_required",
            Self::Refused(refusal) => refusal.code,
            Self::Altered => "form_altered",
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::TooMany { .. } => "too_many_requests",
            Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::SeeOther(_) => "see_other",
            Self::Internal(_) => "internal",
        }
    }

    /// How to come with an API key, for whoever came without one that opens anything.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::KeyMissing => Some("Bearer realm=\"Signalbox\""),
            Self::KeyInvalid => Some("Bearer realm=\"Signalbox\", error=\"invalid_token\""),
            _ => None,
        }
    }

    #[must_use]
    pub fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after_secs } => Some(*retry_after_secs),
            Self::Unavailable(_) | Self::OutcomeUnknown(_) => Some(Self::RETRY_SECS),
            _ => None,
        }
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::NotFound => Self::NotFound,
            db::Error::Unavailable(why) => Self::Unavailable(why),
            db::Error::OutcomeUnknown(why) => Self::OutcomeUnknown(why),
            db::Error::Replayed { location } => Self::SeeOther(location),
            db::Error::Altered => Self::Altered,
            db::Error::Nul => Self::Malformed(
                "a text holds a NUL character, which cannot be kept; take it out".to_owned(),
            ),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::SignInRequired | Self::KeyMissing | Self::KeyInvalid | Self::NoDisplay { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden
            | Self::ForgedForm
            | Self::StepUp
            | Self::KeyAddress
            | Self::KeyScope { .. } => StatusCode::FORBIDDEN,
            Self::UnsupportedMedia { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused(_) | Self::Altered => StatusCode::CONFLICT,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) | Self::OutcomeUnknown(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::SeeOther(_) => StatusCode::SEE_OTHER,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The bare answer; the outermost middleware gives it its page, because only there the
    /// request is known.
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after_secs() {
            answer.insert_header(("Retry-After", seconds.to_string()));
        }
        if let Some(challenge) = self.challenge() {
            answer.insert_header(("WWW-Authenticate", challenge));
        }
        if let Self::MethodNotAllowed { allow } = self {
            answer.insert_header(("Allow", allow.as_str()));
        }
        if let Self::SeeOther(location) = self {
            answer.insert_header(("Location", location.as_str()));
        }
        answer.finish()
    }
}
