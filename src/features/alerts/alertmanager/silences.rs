//! Silences as Alertmanager has them. A program may do what one person may do alone; where more is asked for, it is told
//! so in words that `amtool` shows.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answers::{Refused, filters, moment, refused};
use super::platform::Platforms;
use crate::features::alerts::labels::PLATFORM;
use crate::features::alerts::silences::actions::{self, Author, NewSilence, SilenceError};
use crate::features::alerts::silences::matcher::{Matcher, Op, all_match};
use crate::features::alerts::silences::silence::{Mark, RED_ALONE, Silence, SilenceId, State};
use crate::features::alerts::silences::store;
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::web::api::{Always, Problem, Sent};
use crate::foundation::web::{self, block};

/// How many silences that are over a list has, beside all that are not.
const OVER_AT_MOST: i64 = 200;

/// By so much a clock may differ from ours before an hour is more than an hour.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(60);

/// Longest name of an author that is kept, in characters.
const AUTHOR_AT_MOST: usize = 60;

/// One condition on one label.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatcherView {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

impl MatcherView {
    fn of(matcher: &Matcher) -> Self {
        Self {
            name: matcher.name.clone(),
            value: matcher.value.clone(),
            is_regex: matcher.op.is_regex(),
            is_equal: matcher.op.is_equal(),
        }
    }

    fn read(self) -> Result<Matcher, String> {
        let op = Op::of(self.is_regex, self.is_equal);
        Matcher::new(self.name, op, self.value)
    }
}

/// A silence to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    /// One that ends in its place.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    id: Option<String>,
    matchers: Vec<MatcherView>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

/// A silence.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    id: Uuid,
    matchers: Vec<MatcherView>,
    starts_at: String,
    ends_at: String,
    updated_at: String,
    created_by: String,
    comment: String,
    status: SilenceStatus,
}

/// Whether it holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SilenceStatus {
    /// `active`, `pending` (to come, or waiting for a second person) or `expired`.
    state: &'static str,
}

fn view(silence: &Silence, platforms: &Platforms, now: DateTime<Utc>) -> GettableSilence {
    let marks = [
        &silence.approved,
        &silence.refused,
        &silence.ended,
        &silence.countersigned,
    ];
    let marks = marks.into_iter().flatten().map(|mark: &Mark| mark.at);
    let mut matchers: Vec<MatcherView> = silence.matchers.iter().map(MatcherView::of).collect();
    if !silence
        .matchers
        .iter()
        .any(|matcher| matcher.name == PLATFORM)
        && let Some(slug) = platforms.slug(silence.platform)
    {
        matchers.push(MatcherView::of(&Matcher::is(PLATFORM, slug)));
    }
    GettableSilence {
        id: silence.id.uuid(),
        matchers,
        starts_at: moment(silence.starts_at),
        ends_at: moment(silence.end()),
        updated_at: moment(marks.max().unwrap_or(silence.created.at)),
        created_by: silence.created.name.clone(),
        comment: silence.reason.clone(),
        status: SilenceStatus {
            state: match silence.state(now) {
                State::Active => "active",
                State::Proposed | State::Coming => "pending",
                State::Refused | State::Lapsed | State::Ended => "expired",
            },
        },
    }
}

/// Silences of the key's platforms.
#[utoipa::path(
    get, path = "/api/v2/silences", tag = "Alertmanager", operation_id = "getSilences",
    params(("filter" = Option<Vec<String>>, Query, description = "Matchers that a silence has to have")),
    responses((status = 200, description = "Those that are not over, and the last that are",
               body = Vec<GettableSilence>), Always, Refused),
    security(("key" = ["alerts:read"])),
)]
pub async fn list(keyed: Keyed, services: Data<Services>, request: HttpRequest) -> web::Result {
    let filters = match filters(request.query_string()) {
        Ok(filters) => filters,
        Err(why) => return Ok(refused(&why)),
    };
    let views = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let platforms = Platforms::read(conn, keyed.reach())?;
            let mut silences = store::running(conn, keyed.reach(), now)?;
            silences.extend(store::over(conn, keyed.reach(), now, OVER_AT_MOST)?);
            let views = silences.iter().map(|it| view(it, &platforms, now));
            Ok::<_, web::Error>(views.collect::<Vec<_>>())
        })
    })
    .await?;
    // A filter is held against what a silence asks for, as Alertmanager does it.
    let fits = |view: &&GettableSilence| {
        let asked = view
            .matchers
            .iter()
            .map(|matcher| (matcher.name.clone(), matcher.value.clone()))
            .collect();
        all_match(&filters, &asked)
    };
    let views: Vec<&GettableSilence> = views.iter().filter(fits).collect();
    Ok(HttpResponse::Ok().json(views))
}

/// One silence.
#[utoipa::path(
    get, path = "/api/v2/silence/{id}", tag = "Alertmanager", operation_id = "getSilence",
    params(("id" = Uuid, Path, description = "The silence")),
    responses(
        (status = 200, description = "The silence", body = GettableSilence),
        (status = 404, description = "There is none, or its platform is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["alerts:read"])),
)]
pub async fn one(keyed: Keyed, services: Data<Services>, id: Path<SilenceId>) -> web::Result {
    let view = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let silence = store::one(conn, *id)?;
            if !keyed.reach().allows(silence.platform) {
                return Err(web::Error::NotFound);
            }
            Ok(view(&silence, &Platforms::read(conn, keyed.reach())?, now))
        })
    })
    .await?;
    Ok(HttpResponse::Ok().json(view))
}

/// Makes a silence of one alert, for as long as one person may: an hour where it can be red, else eight.
#[utoipa::path(
    post, path = "/api/v2/silences", tag = "Alertmanager", operation_id = "postSilences",
    request_body(content = PostableSilence, content_type = "application/json"),
    responses(
        (status = 200, description = "It holds; `silenceID` is its id"),
        (status = 404, description = "There is no silence with the id that is to end in its place", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "More than 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        Always,
        Refused,
    ),
    security(("key" = ["alerts:silence"])),
)]
pub async fn create(
    keyed: Keyed,
    services: Data<Services>,
    sent: Sent<PostableSilence>,
) -> web::Result {
    let made = block(move || {
        let asked = services.db.read(|conn| {
            let platforms = Platforms::read(conn, keyed.reach())?;
            Ok::<_, web::Error>(read(sent.data, &platforms, services.clock.now()))
        })?;
        let (asked, by, instead_of) = match asked {
            Ok(asked) => asked,
            Err(why) => return Ok(Err(why)),
        };
        let mut author = Author::from(&keyed);
        if !by.is_empty() {
            author.name = format!("{by}, with the key {}", keyed.name);
        }
        let key = Uuid::now_v7().into();
        told(actions::create(&services, &author, &asked, instead_of, key))
    })
    .await?;
    Ok(match made {
        Ok(id) => HttpResponse::Ok().json(json!({ "silenceID": id.to_string() })),
        Err(why) => refused(&why),
    })
}

/// What the rules of silences say no to is told in words; everything else is an error like any other.
fn told<T>(done: Result<T, SilenceError>) -> Result<Result<T, String>, web::Error> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(SilenceError::Database(error)) => Err(error.into()),
        Err(refusal) => Ok(Err(refusal.to_string())),
    }
}

type Asked = (NewSilence, String, Option<SilenceId>);

fn read(sent: PostableSilence, platforms: &Platforms, now: DateTime<Utc>) -> Result<Asked, String> {
    let matchers = sent.matchers.into_iter().map(MatcherView::read);
    let mut matchers = matchers.collect::<Result<Vec<Matcher>, String>>()?;
    let named = matchers
        .iter()
        .find(|matcher| matcher.name == PLATFORM && matcher.op == Op::Is)
        .map(|matcher| matcher.value.clone());
    let platform = platforms.choose(named.as_deref())?;
    // It stands beside the silence; an alert that came from outside need not have the label.
    if matchers.len() > 1 {
        let whose = Matcher::is(PLATFORM, &platform.slug);
        matchers.retain(|matcher| *matcher != whose);
    }
    let instead_of = match sent.id.as_deref() {
        None | Some("") => None,
        Some(id) => Some(
            id.parse()
                .map_err(|_| format!("{id:?} is no id of a silence"))?,
        ),
    };
    let by: String = sent
        .created_by
        .chars()
        .filter(|c| !c.is_control())
        .take(AUTHOR_AT_MOST)
        .collect();
    Ok((
        NewSilence {
            snooze: false,
            platform: platform.id,
            matchers,
            reason: sent.comment.chars().filter(|c| *c != '\0').collect(),
            starts_at: sent.starts_at,
            ends_at: an_hour(sent.ends_at, now),
        },
        by,
        instead_of,
    ))
}

/// An hour by the clock of another machine is an hour.
fn an_hour(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let over = ends_at - (now + RED_ALONE);
    if over > TimeDelta::zero() && over <= CLOCKS_DIFFER {
        now + RED_ALONE
    } else {
        ends_at
    }
}

/// Ends a silence before its time.
#[utoipa::path(
    delete, path = "/api/v2/silence/{id}", tag = "Alertmanager", operation_id = "deleteSilence",
    params(("id" = Uuid, Path, description = "The silence")),
    responses(
        (status = 200, description = "It has ended"),
        (status = 404, description = "There is none, or its platform is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        Always,
        Refused,
    ),
    security(("key" = ["alerts:silence"])),
)]
pub async fn end(keyed: Keyed, services: Data<Services>, id: Path<SilenceId>) -> web::Result {
    let done = block(move || {
        let key = Uuid::now_v7().into();
        told(actions::end(&services, &Author::from(&keyed), *id, key))
    })
    .await?;
    Ok(match done {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(why) => refused(&why),
    })
}
