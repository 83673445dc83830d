//! Signing in where the organisation has its accounts: sending people to the provider, and what they come back with.

use url::Url;
use uuid::Uuid;

use super::tries::{self, At};
use super::{Begun, Visitor, second_factor, sign_in};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Unaudited};
use crate::foundation::auth::attempts::{self, Counted};
use crate::foundation::auth::identities::{self, Holder};
use crate::foundation::auth::provider::journeys::{self, Back, Tokens, Waiting};
use crate::foundation::auth::provider::{Brought, Failure, Proven, Provider};
use crate::foundation::auth::sessions::{self, Method, Stage};
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{Signed, break_glass, factors, throttle};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Error, block, block_sign_in};

/// What is tried here, as the throttle and the log name it.
const SECRET: &str = "provider";

/// Why nobody was signed in or connected. The page has a sentence for each; what the provider says is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It said no, or the person did.
    Declined,
    /// Too late, used before, or begun in another browser.
    Stale,
    /// Nobody here is connected with it.
    Unknown,
    /// It does not answer.
    Unreachable,
    /// What it says does not hold.
    Untrue,
    /// The account or the identity has a connection already.
    Taken,
}

impl Why {
    const ALL: [Self; 6] = [
        Self::Declined,
        Self::Stale,
        Self::Unknown,
        Self::Unreachable,
        Self::Untrue,
        Self::Taken,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Unreachable => "unreachable",
            Self::Untrue => "untrue",
            Self::Taken => "taken",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }

    /// What happened and what to do now.
    #[must_use]
    pub fn told(self, provider: &str) -> String {
        match self {
            Self::Declined => format!(
                "{provider} did not sign you in. Try again, or sign in with your password or a passkey."
            ),
            Self::Stale => {
                "This took too long, or was begun in another browser or window. Begin again here."
                    .to_owned()
            }
            Self::Unknown => format!(
                "No account here is connected with the one you have at {provider}. Sign in with your password or a \
                 passkey, and connect it on your account page."
            ),
            Self::Unreachable => format!(
                "{provider} does not answer at the moment. Sign in with your password or a passkey, or try again later."
            ),
            Self::Untrue => format!(
                "What {provider} answered could not be verified, so nobody was signed in. Try again; if it stays so, \
                 tell whoever runs Signalbox here."
            ),
            Self::Taken => format!(
                "This cannot be connected: your account, or the one you have at {provider}, has a connection already."
            ),
        }
    }
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable => Self::Unreachable,
            Failure::Untrue => Self::Untrue,
        }
    }
}

/// What a browser came back with.
pub struct Returned {
    pub tokens: Tokens,
    pub issuer: Option<String>,
    /// The code, or the provider's word for why there is none.
    pub outcome: Result<String, String>,
}

/// Where somebody stands who has come back.
pub enum Arrived {
    /// Through the first step, or all the way in.
    In {
        person: PersonId,
        stage: Stage,
        begun: Begun,
        next: String,
    },
    /// Somebody signed in, who has to say yet whether it is them.
    ToConfirm,
    /// Nowhere. `next` is where they were going.
    Failed { why: Why, next: String },
}

/// Sends somebody to the provider: where, and the token for their browser's cookie. `session` is whose it is where
/// somebody signed in wants to be connected.
pub async fn send(
    services: &Services,
    provider: &Provider,
    session: Option<Uuid>,
    next: &str,
) -> Result<Result<(Url, Token), Why>, Error> {
    let tokens = Tokens::generate();
    let address = match provider.address(&services.keyring, &tokens).await {
        Ok(address) => address,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let browser = tokens.browser.clone();
    let (services, next) = (services.clone(), next.to_owned());
    let issuer = provider.issuer().to_owned();
    let remember = move || {
        let now = services.clock.now();
        let kind = match session {
            None => Unaudited::DoorQuestion,
            Some(_) => Unaudited::Question,
        };
        services.audit.write_unaudited(kind, |conn| {
            journeys::remember(conn, &issuer, &tokens, (session, &next), now).map_err(Error::from)
        })
    };
    match session {
        None => block_sign_in(remember).await?,
        Some(_) => block(remember).await?,
    }
    Ok(Ok((address, browser)))
}

/// Takes somebody back. The try is counted and the journey used up before the provider is asked; no connection is held
/// while it answers.
pub async fn receive(
    services: &Services,
    provider: &Provider,
    visitor: Visitor,
    returned: Returned,
    signed: Option<&Signed>,
    replaced: Option<Uuid>,
) -> Result<Arrived, Error> {
    let (counted, back) = {
        let (services, visitor) = (services.clone(), visitor.clone());
        let (issuer, tokens) = (provider.issuer().to_owned(), returned.tokens.clone());
        block_sign_in(move || {
            let now = services.clock.now();
            tries::count_address(&services, &visitor, SECRET, |conn| {
                Ok(journeys::take(conn, &issuer, &tokens, now)?)
            })
        })
        .await?
    };
    let ours = back.filter(|back| {
        back.session.is_none() || back.session == signed.map(|signed| signed.session)
    });
    let case = Case {
        services: services.clone(),
        visitor,
        counted,
        next: ours
            .as_ref()
            .map_or_else(|| "/".to_owned(), |back| back.next.clone()),
    };
    let Some(back) = ours else {
        return case.fail(Why::Stale, None).await;
    };
    let proven = match redeem(services, provider, returned).await {
        Ok(proven) => proven,
        Err(why) => return case.fail(why, None).await,
    };
    match signed {
        Some(signed) if back.session.is_some() => {
            case.wait_for_word(provider, signed, proven).await
        }
        _ => case.let_in(provider, proven, back, replaced).await,
    }
}

async fn redeem(
    services: &Services,
    provider: &Provider,
    returned: Returned,
) -> Result<Proven, Why> {
    let Returned {
        tokens,
        issuer,
        outcome,
    } = returned;
    let code = outcome.map_err(|word| match word.as_str() {
        "server_error" | "temporarily_unavailable" => Why::Unreachable,
        _ => Why::Declined,
    })?;
    let now = services.clock.now();
    let brought = Brought { code, issuer };
    let redeemed = provider.redeem(&services.keyring, &tokens, brought, now);
    Ok(redeemed.await?)
}

/// Somebody who has come back, as far as is known of them.
struct Case {
    services: Services,
    visitor: Visitor,
    counted: Counted,
    next: String,
}

impl Case {
    /// Whoever the provider vouches for waits until they say that it is them: they may have been led there.
    async fn wait_for_word(
        self,
        provider: &Provider,
        signed: &Signed,
        proven: Proven,
    ) -> Result<Arrived, Error> {
        let (issuer, session) = (provider.issuer().to_owned(), signed.session);
        block(move || {
            let now = self.services.clock.now();
            tries::take_back(&self.services, At::Door, &self.counted)?;
            let told = (proven.subject.as_str(), proven.email.as_deref());
            self.services
                .audit
                .write_unaudited(Unaudited::Question, |conn| {
                    journeys::keep(conn, &issuer, session, told, now).map_err(Error::from)
                })?;
            Ok(Arrived::ToConfirm)
        })
        .await
    }

    async fn let_in(
        self,
        provider: &Provider,
        proven: Proven,
        back: Back,
        replaced: Option<Uuid>,
    ) -> Result<Arrived, Error> {
        let issuer = provider.issuer().to_owned();
        block_sign_in(move || {
            let holder = self.services.db.read_on(PoolKind::SignIn, |conn| {
                identities::holder(conn, &issuer, &proven.subject)
            })?;
            let Some(holder) = holder else {
                let subject = self.stranger_at(&issuer, &proven.subject);
                return self.record(Why::Unknown, Some(subject));
            };
            let Some((stage, begun)) = self.accept(&holder, &proven, replaced)? else {
                let subject = Subject::new("person", holder.person);
                return self.record(Why::Unknown, Some(subject));
            };
            Ok(Arrived::In {
                person: holder.person,
                stage,
                begun,
                next: back.next,
            })
        })
        .await
    }

    /// Begins the session that leads on, or the whole one. `None` for whoever may not come in this way.
    fn accept(
        &self,
        holder: &Holder,
        proven: &Proven,
        replaced: Option<Uuid>,
    ) -> Result<Option<(Stage, Begun)>, Error> {
        if !holder.is_welcome {
            return Ok(None);
        }
        let (person, visitor) = (holder.person, &self.visitor);
        let actor = Actor::person(person).with_request(&visitor.request);
        let audit = &self.services.audit;
        let begun = audit.write_on(PoolKind::SignIn, &actor, |tx| {
            let now = tx.now();
            attempts::take_back(tx, &self.counted, now)?;
            sessions::hold_open(tx, person)?;
            // They may have been disabled, or disconnected, since they were looked up.
            let is_welcome = identities::may_use(tx, holder)?;
            if !is_welcome || !identities::note_use(tx, holder.identity, now)? {
                return Err(db::Error::NotFound);
            }
            if proven.second_factor && factors::has_second_factor(tx, person)? {
                let method = Method::Provider;
                let begun = second_factor::let_in(tx, visitor, person, method, replaced)?;
                return Ok((Stage::Full, begun));
            }
            let who = (person, holder.email.as_str());
            sign_in::begin_half(tx, visitor, who, "session.provider_accepted", replaced)
        });
        match begun {
            Ok(begun) => Ok(Some(begun)),
            Err(db::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn fail(self, why: Why, subject: Option<Subject>) -> Result<Arrived, Error> {
        block_sign_in(move || {
            // That the provider is away is nobody's try.
            if why == Why::Unreachable {
                tries::take_back(&self.services, At::Door, &self.counted)?;
            }
            self.record(why, subject)
        })
        .await
    }

    fn record(&self, why: Why, subject: Option<Subject>) -> Result<Arrived, Error> {
        let network = throttle::network(self.visitor.address);
        let subject = subject.unwrap_or_else(|| Subject::new("network", &network));
        let event = Event::new("session.sign_in_failed", subject)
            .outcome(Outcome::Failure)
            .detail("secret", SECRET)
            .detail("why", why.as_str())
            .detail("network", network);
        let stranger = tries::stranger(&self.services, &self.visitor);
        self.services
            .audit
            .write_on(PoolKind::SignIn, &stranger, |tx| {
                tx.record(event)?;
                Ok::<_, Error>(())
            })?;
        let next = self.next.clone();
        Ok(Arrived::Failed { why, next })
    }

    /// Somebody of the provider's whom nobody here is connected with, by a keyed hash.
    fn stranger_at(&self, issuer: &str, subject: &str) -> Subject {
        let keyring = &self.services.keyring;
        let token = keyring.token("provider_subject", &format!("{issuer} {subject}"));
        Subject::new("identity", hex::encode(&token[..16]))
    }
}

/// What one's account page says of the provider.
pub fn standing(
    services: &Services,
    provider: &Provider,
    signed: &Signed,
) -> Result<(Option<identities::Connection>, Option<Waiting>), Error> {
    let now = services.clock.now();
    Ok(services.db.read(|conn| {
        let connection = identities::of(conn, signed.person, provider.issuer())?;
        let waiting = journeys::waiting(conn, provider.issuer(), signed.session, now)?;
        Ok::<_, db::Error>((connection, waiting))
    })?)
}

/// Connects whom the provider vouched for, now that they say it is them. `mark` is of what they were shown: another
/// answer may have come since.
pub fn connect(
    services: &Services,
    provider: &Provider,
    signed: &Signed,
    mark: &str,
) -> Result<Result<(), Why>, Error> {
    services.audit.write(&signed.actor(), |tx| {
        sessions::hold_still(tx, signed.person)?;
        let now = tx.now();
        let issuer = provider.issuer();
        let waiting = journeys::waiting(tx, issuer, signed.session, now)?;
        journeys::forget(tx, signed.session)?;
        let why = match waiting.filter(|waiting| waiting.mark == mark) {
            None => Why::Stale,
            Some(_) if break_glass::is(tx, signed.person)? => Why::Taken,
            Some(waiting) => {
                let email = waiting.email.as_deref();
                if identities::connect(tx, signed.person, issuer, &waiting.subject, email)? {
                    return Ok(Ok(()));
                }
                Why::Taken
            }
        };
        tx.record(not_connected(signed, why.as_str()))?;
        Ok(Err(why))
    })
}

fn not_connected(signed: &Signed, why: &str) -> Event {
    Event::new(
        "identity.not_connected",
        Subject::new("person", signed.person),
    )
    .outcome(Outcome::Failure)
    .detail("why", why)
}

/// Lets go whom the provider vouched for: somebody says that it is not them, which an attack looks like. Where nobody
/// waits any more there is nothing to refuse.
pub fn refuse(services: &Services, provider: &Provider, signed: &Signed) -> Result<(), Error> {
    let refused = services.audit.write(&signed.actor(), |tx| {
        let now = tx.now();
        if journeys::waiting(tx, provider.issuer(), signed.session, now)?.is_some() {
            journeys::forget(tx, signed.session)?;
            tx.record(not_connected(signed, "refused"))?;
        }
        Ok(())
    });
    match refused {
        Err(db::Error::NoEvent) => Ok(()),
        refused => Ok(refused?),
    }
}

/// Disconnects it, and ends what may have begun with it: every other session. That it is gone already is what was wanted.
pub fn disconnect(services: &Services, provider: &Provider, signed: &Signed) -> Result<(), Error> {
    let disconnected = services.audit.write(&signed.actor(), |tx| {
        sessions::hold_still(tx, signed.person)?;
        let ended = sessions::end_others(tx, signed.person, Some(signed.session))?;
        identities::disconnect(tx, signed.person, provider.issuer(), ended)
    });
    match disconnected {
        Err(db::Error::NotFound) => Ok(()),
        disconnected => Ok(disconnected?),
    }
}
