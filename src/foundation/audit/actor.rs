use serde_json::{Value, json};

use crate::foundation::kernel::{PersonId, Scope};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    Person,
    Key,
    Job,
    CommandLine,
    /// Somebody at the door who has not shown who they are.
    Anonymous,
}

impl ActorKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Key => "key",
            Self::Job => "job",
            Self::CommandLine => "command_line",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Who does it. There is no implicit actor: every write is handed one.
#[derive(Clone, Debug)]
pub struct Actor {
    kind: ActorKind,
    id: String,
    request: Option<String>,
    sudo_user: Option<String>,
    reach: Scope,
}

impl Actor {
    #[must_use]
    pub fn person(id: PersonId) -> Self {
        Self::new(ActorKind::Person, id.to_string())
    }

    /// An API key, by its public id.
    #[must_use]
    pub fn key(public_id: &str) -> Self {
        Self::new(ActorKind::Key, public_id.to_owned())
    }

    /// A background job, by its kind.
    #[must_use]
    pub fn job(kind: &str) -> Self {
        Self::new(ActorKind::Job, kind.to_owned())
    }

    /// The command line, by the operating-system user who ran it.
    #[must_use]
    pub fn command_line(os_user: &str) -> Self {
        Self::new(ActorKind::CommandLine, os_user.to_owned())
    }

    /// An unknown person, by a keyed hash of what they typed or of where they are.
    #[must_use]
    pub fn anonymous(token: &str) -> Self {
        Self::new(ActorKind::Anonymous, token.to_owned())
    }

    /// Ties what is done to the request that asked for it.
    #[must_use]
    pub fn with_request(mut self, request: &str) -> Self {
        self.request = Some(request.to_owned());
        self
    }

    /// Limits what is done to these platforms.
    #[must_use]
    pub fn reaching(mut self, reach: Scope) -> Self {
        self.reach = reach;
        self
    }

    /// Who is said to stand behind the command line's user. It comes from the environment, so it stands
    /// beside the id and never in its place.
    #[must_use]
    pub fn behind_sudo(mut self, user: Option<String>) -> Self {
        self.sudo_user = user;
        self
    }

    #[must_use]
    pub fn reach(&self) -> &Scope {
        &self.reach
    }

    #[must_use]
    pub fn kind(&self) -> ActorKind {
        self.kind
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    #[must_use]
    pub fn request(&self) -> Option<&str> {
        self.request.as_deref()
    }

    pub(super) fn to_json(&self) -> Value {
        let mut actor = json!({ "kind": self.kind.as_str(), "id": self.id });
        if let Some(user) = &self.sudo_user {
            actor["sudo_user"] = json!(user);
        }
        actor
    }

    fn new(kind: ActorKind, id: String) -> Self {
        Self {
            kind,
            id,
            request: None,
            sudo_user: None,
            reach: Scope::All,
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}
