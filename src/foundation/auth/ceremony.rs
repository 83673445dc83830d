//! Passkeys (WebAuthn): key pairs whose private half stays in somebody's device, which asks for their finger, face or
//! PIN before it signs. All are discoverable: the device knows whose they are, so nobody is listed before the proof.
//!
//! A ceremony is a question put to a browser and its signed answer. What has to be remembered in between stands in
//! PostgreSQL under the hash of a token that the page carries, bound to the session where there is one, for five minutes and
//! one use.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnBuilder,
};

use super::token::{Token, TokenHash};
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db::schema::{passkey, passkey_ceremony};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// How long an authenticator may take.
const CEREMONY_LIVES: Duration = Duration::minutes(5);
/// The longest answer of an authenticator that is looked at.
const LONGEST_ANSWER_BYTES: usize = 64 * 1024;

/// What the answer is for. An answer to one question answers no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Enrolment,
    SignIn,
    SecondFactor,
    StepUp,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Enrolment => "enrolment",
            Self::SignIn => "sign_in",
            Self::SecondFactor => "second_factor",
            Self::StepUp => "step_up",
        }
    }
}

/// The question, for the browser: `token` comes back with the answer.
pub struct Question {
    pub token: Token,
    pub options: Value,
}

/// A right answer, not used up yet.
pub struct Answer {
    pub person: PersonId,
    passkey: Uuid,
    credential: Value,
    ceremony: TokenHash,
}

/// A new passkey that its device has shown to have, not kept yet.
pub struct Fresh {
    credential_id: Vec<u8>,
    credential: Value,
    ceremony: TokenHash,
}

/// Us, as authenticators know us: by the name in the address. WebAuthn knows no IP addresses.
pub struct RelyingParty(Webauthn);

impl RelyingParty {
    /// `None` where our address has no name, and passkeys cannot be.
    #[must_use]
    pub fn of(base_url: &Url) -> Option<Self> {
        let name = base_url.domain()?;
        let builder = WebauthnBuilder::new(name, base_url).ok()?;
        builder.rp_name("Signalbox").build().ok().map(Self)
    }
}

/// Asks a device to make a passkey. `known` are those that the person has, of which each device is to have one at most.
pub fn ask_for_new(
    conn: &mut Conn,
    party: &RelyingParty,
    session: Uuid,
    person: PersonId,
    email: &str,
    now: DateTime<Utc>,
) -> db::Result<Option<Question>> {
    let known: Vec<Value> = passkey::table
        .filter(passkey::person_id.eq(person.uuid()))
        .select(passkey::credential)
        .load(conn)?;
    let known = known
        .into_iter()
        .filter_map(read::<Passkey>)
        .map(|passkey| passkey.cred_id().clone())
        .collect();
    let begun = party
        .0
        .start_passkey_registration(person.uuid(), email, email, Some(known));
    let Ok((options, state)) = begun else {
        return Ok(None);
    };
    let mut options = written(&options);
    // The library leaves it to the device whether it knows whose the key is; we ask for those that do.
    let selection = &mut options["publicKey"]["authenticatorSelection"];
    selection["residentKey"] = json!("required");
    selection["requireResidentKey"] = json!(true);
    let purpose = Purpose::Enrolment;
    let token = remember(conn, purpose, Some(session), written(&state), now)?;
    Ok(Some(Question { token, options }))
}

/// Asks for a signature by whichever passkey of ours the device has.
pub fn ask_for_proof(
    conn: &mut Conn,
    party: &RelyingParty,
    purpose: Purpose,
    session: Option<Uuid>,
    now: DateTime<Utc>,
) -> db::Result<Option<Question>> {
    let Ok((options, state)) = party.0.start_discoverable_authentication() else {
        return Ok(None);
    };
    let mut options = written(&options);
    // Somebody has pressed a button; a suggestion beside the name field is another matter.
    if let Some(options) = options.as_object_mut() {
        options.remove("mediation");
    }
    let token = remember(conn, purpose, session, written(&state), now)?;
    Ok(Some(Question { token, options }))
}

/// Checks what a device has answered to [`ask_for_new`]. Nothing is kept yet.
pub fn check_new(
    conn: &mut Conn,
    party: &RelyingParty,
    session: Uuid,
    token: &Token,
    answer: &str,
    now: DateTime<Utc>,
) -> db::Result<Option<Fresh>> {
    let ceremony = token.hash();
    let state = recall(conn, Purpose::Enrolment, Some(session), &ceremony, now)?;
    let (Some(state), Some(answer)) = (
        state.and_then(read::<PasskeyRegistration>),
        parse::<RegisterPublicKeyCredential>(answer),
    ) else {
        return Ok(None);
    };
    let checked = party.0.finish_passkey_registration(&answer, &state);
    Ok(understood(checked).map(|passkey| Fresh {
        credential_id: passkey.cred_id().clone(),
        credential: written(&passkey),
        ceremony,
    }))
}

/// Checks what a device has answered to [`ask_for_proof`]. Nothing is used up yet.
pub fn check_proof(
    conn: &mut Conn,
    party: &RelyingParty,
    purpose: Purpose,
    session: Option<Uuid>,
    token: &Token,
    answer: &str,
    now: DateTime<Utc>,
) -> db::Result<Option<Answer>> {
    let ceremony = token.hash();
    let state = recall(conn, purpose, session, &ceremony, now)?;
    let (Some(state), Some(answer)) = (
        state.and_then(read::<DiscoverableAuthentication>),
        parse::<PublicKeyCredential>(answer),
    ) else {
        return Ok(None);
    };
    let Some((person, credential_id)) =
        understood(party.0.identify_discoverable_authentication(&answer))
    else {
        return Ok(None);
    };
    let found: Option<(Uuid, Value)> = passkey::table
        .filter(passkey::credential_id.eq(credential_id))
        .filter(passkey::person_id.eq(person))
        .select((passkey::id, passkey::credential))
        .first(conn)
        .optional()?;
    let Some((id, mut kept)) = found.and_then(|(id, kept)| Some((id, read::<Passkey>(kept)?)))
    else {
        return Ok(None);
    };
    let known = DiscoverableKey::from(&kept);
    let checked = party
        .0
        .finish_discoverable_authentication_v2(&answer, state, &known);
    Ok(understood(checked).map(|result| {
        kept.update_credential(&result);
        Answer {
            person: person.into(),
            passkey: id,
            credential: written(&kept),
            ceremony,
        }
    }))
}

/// Keeps a new passkey: true for the one caller that gets to. Refused where another account has it.
pub fn keep(tx: &mut Tx<'_>, person: PersonId, fresh: &Fresh, name: &str) -> db::Result<bool> {
    if !take(tx, &fresh.ceremony)? {
        return Ok(false);
    }
    let (id, now) = (Uuid::now_v7(), tx.now());
    let kept = diesel::insert_into(passkey::table)
        .values((
            passkey::id.eq(id),
            passkey::person_id.eq(person.uuid()),
            passkey::credential_id.eq(&fresh.credential_id),
            passkey::credential.eq(&fresh.credential),
            passkey::name.eq(name),
            passkey::made_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    if kept == 1 {
        let event = Event::new("passkey.added", Subject::new("person", person));
        tx.record(event.detail("passkey", id.to_string()))?;
    }
    Ok(kept == 1)
}

/// Uses an answer up: true for the one caller that gets to, while the passkey is still there.
pub fn use_up(conn: &mut Conn, answer: &Answer, now: DateTime<Utc>) -> db::Result<bool> {
    if !take(conn, &answer.ceremony)? {
        return Ok(false);
    }
    let used = diesel::update(passkey::table.find(answer.passkey))
        .set((
            passkey::credential.eq(&answer.credential),
            passkey::last_used_at.eq(now),
        ))
        .execute(conn)?;
    Ok(used == 1)
}

/// Lets a question go that was answered wrongly.
pub fn forget(conn: &mut Conn, token: &Token) -> db::Result<()> {
    take(conn, &token.hash())?;
    Ok(())
}

/// Removes up to `limit` questions that nobody answered. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    let over: Vec<Vec<u8>> = passkey_ceremony::table
        .filter(passkey_ceremony::expires_at.lt(now))
        .select(passkey_ceremony::token_hash)
        .limit(limit)
        .load(conn)?;
    let over = passkey_ceremony::table.filter(passkey_ceremony::token_hash.eq_any(over));
    Ok(diesel::delete(over).execute(conn)?)
}

/// A session has one question at a time; those of the sign-in page are swept away by their age.
fn remember(
    conn: &mut Conn,
    purpose: Purpose,
    session: Option<Uuid>,
    state: Value,
    now: DateTime<Utc>,
) -> db::Result<Token> {
    let token = Token::generate();
    if let Some(session) = session {
        diesel::delete(
            passkey_ceremony::table.filter(passkey_ceremony::session_id.eq(Some(session))),
        )
        .execute(conn)?;
    }
    diesel::insert_into(passkey_ceremony::table)
        .values((
            passkey_ceremony::token_hash.eq(token.hash().to_vec()),
            passkey_ceremony::purpose.eq(purpose.as_str()),
            passkey_ceremony::session_id.eq(session),
            passkey_ceremony::state.eq(state),
            passkey_ceremony::expires_at.eq(now + CEREMONY_LIVES),
        ))
        .execute(conn)?;
    Ok(token)
}

fn recall(
    conn: &mut Conn,
    purpose: Purpose,
    session: Option<Uuid>,
    token: &TokenHash,
    now: DateTime<Utc>,
) -> db::Result<Option<Value>> {
    Ok(passkey_ceremony::table
        .find(token.as_slice())
        .filter(passkey_ceremony::purpose.eq(purpose.as_str()))
        .filter(passkey_ceremony::session_id.is_not_distinct_from(session))
        .filter(passkey_ceremony::expires_at.gt(now))
        .select(passkey_ceremony::state)
        .first(conn)
        .optional()?)
}

fn take(conn: &mut Conn, token: &TokenHash) -> db::Result<bool> {
    let taken = diesel::delete(passkey_ceremony::table.find(token.as_slice())).execute(conn)?;
    Ok(taken == 1)
}

/// Why an answer was refused is for the log of the process: it tells an attacker what to try next.
fn understood<T, E: std::fmt::Display>(checked: Result<T, E>) -> Option<T> {
    checked
        .inspect_err(|error| tracing::debug!(cause = %error, "a passkey's answer was refused"))
        .ok()
}

fn parse<T: DeserializeOwned>(answer: &str) -> Option<T> {
    if answer.len() > LONGEST_ANSWER_BYTES {
        return None;
    }
    understood(serde_json::from_str(answer))
}

fn read<T: DeserializeOwned>(kept: Value) -> Option<T> {
    serde_json::from_value(kept).ok()
}

/// What the library writes always has a JSON form.
fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_name_for_an_address() {
        let party = |url: &str| RelyingParty::of(&url.parse().unwrap()).is_some();
        assert!(party("https://box.example/"));
        assert!(party("http://localhost:8080/"));
        assert!(!party("https://192.0.2.7/"));
        assert!(!party("https://[2001:db8::1]/"));
    }
}
