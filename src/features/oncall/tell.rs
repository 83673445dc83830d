//! Telling people: finds where they are reached, says what there is to say, queues it, and keeps who was told and who not.

use std::collections::BTreeSet;

use super::engine::rule_of;
use super::roster::{Found, Roster};
use super::words;
use crate::features::alerts::clock::told_from;
use crate::features::alerts::store::Alert;
use crate::features::alerts::store::decisions::{self, Decision, Kind, News, Way};
use crate::features::notify::endpoint::Standing;
use crate::features::notify::notice::{About, Channel, Destination, EndpointId, Notice, State};
use crate::features::notify::store::endpoints;
use crate::features::notify::{
    actions::{self as notices, Which},
    store as outbox,
};
use crate::features::packs::pack::{Contact, Runbook, Target};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::audit::Tx;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Level;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

/// What is said of one alert, now.
pub struct Telling<'t> {
    alert: &'t Alert,
    roster: &'t Roster,
    now: DateTime<Utc>,
    zone: Tz,
    runbook: Option<String>,
}

/// Somebody at one address.
struct Reached {
    who: String,
    why: String,
    to: Destination,
    /// The same each time that this step is taken.
    key: String,
}

impl<'t> Telling<'t> {
    pub fn of(
        conn: &mut Conn,
        alert: &'t Alert,
        roster: &'t Roster,
        now: DateTime<Utc>,
    ) -> db::Result<Self> {
        let platforms = packs::platforms(conn)?;
        let platform = platforms.into_iter().find(|it| it.id == alert.platform);
        let platform = platform.ok_or(db::Error::NotFound)?;
        Ok(Self {
            alert,
            roster,
            now,
            zone: platform.zone,
            runbook: runbook(conn, alert)?,
        })
    }

    /// Takes a step. Answers the contacts and endpoints that were told.
    pub fn tell(&self, tx: &mut Tx<'_>, target: &Target, place: &str) -> db::Result<Vec<String>> {
        let found = self
            .roster
            .find(self.alert.platform, target, self.zone, self.now);
        let mut told = BTreeSet::new();
        match found {
            Found::Nobody { who, why } => self.not_told(tx, &who, &why)?,
            Found::Endpoint(name) => match endpoint(tx, name)? {
                Ok(endpoint) => {
                    let reached = Reached {
                        who: name.to_owned(),
                        why: String::new(),
                        to: Destination::Endpoint(endpoint),
                        key: format!("{place}:{endpoint}"),
                    };
                    self.queue(tx, &reached, News::Fires)?;
                    told.insert(name.to_owned());
                }
                Err(why) => self.not_told(tx, name, &why)?,
            },
            Found::People(people) => {
                let mut used = Vec::new();
                for (contact, why) in people {
                    let mut reached = self.addresses(tx, contact, &why, place)?;
                    // Two of a team may share a mailbox.
                    reached.retain(|it| !used.contains(&it.to));
                    used.extend(reached.iter().map(|it| it.to.clone()));
                    for it in &reached {
                        self.queue(tx, it, News::Fires)?;
                        told.insert(contact.slug.clone());
                    }
                }
            }
        }
        Ok(told.into_iter().collect())
    }

    /// Where a contact is reached. Nowhere is noted.
    fn addresses(
        &self,
        tx: &mut Tx<'_>,
        contact: &Item<Contact>,
        why: &str,
        place: &str,
    ) -> db::Result<Vec<Reached>> {
        let (to, missing) = places(tx, &contact.spec)?;
        if let Some(missing) = missing {
            self.not_told(tx, &contact.name, &missing)?;
        }
        let each = to.into_iter().map(|to| Reached {
            who: contact.name.clone(),
            why: why.to_owned(),
            key: format!("{place}:{}:{}", contact.id, to.channel().as_str()),
            to,
        });
        Ok(each.collect())
    }

    /// Of the notices of information, those that still wait to tell somebody who has not heard of it, one for each address;
    /// and of these, those that were made to say how it stands now before anybody has begun to send them.
    pub fn keep_waiting(&self, tx: &mut Tx<'_>) -> db::Result<(Vec<Uuid>, Vec<Uuid>)> {
        let mut heard = self.heard(tx)?;
        let told = decisions::told_that_it_fires(tx, self.alert.id)?;
        let ids: Vec<Uuid> = told.iter().map(|(way, _)| way.notice).collect();
        let queued = outbox::queued(tx, &ids, Level::Blue)?;
        let (mut waiting, mut reworded) = (Vec::new(), Vec::new());
        for (way, why) in told {
            if !queued.contains(&way.notice) || !heard.insert((way.channel, way.address)) {
                continue;
            }
            waiting.push(way.notice);
            if notices::reword(tx, way.notice, &self.text(News::Fires, &why))? {
                reworded.push(way.notice);
            }
        }
        Ok((waiting, reworded))
    }

    /// The channels and addresses at which something about it was delivered.
    fn heard(&self, conn: &mut Conn) -> db::Result<BTreeSet<(String, String)>> {
        let told = decisions::told(conn, self.alert.id)?;
        let ids: Vec<Uuid> = told.iter().map(|(_, way)| way.notice).collect();
        let delivered = outbox::in_state(conn, &ids, State::Delivered)?;
        let heard = told.into_iter().map(|(_, way)| way);
        let heard = heard.filter(|way| delivered.contains(&way.notice));
        Ok(heard.map(|way| (way.channel, way.address)).collect())
    }

    /// Tells everybody who was told before that it is over, or fires again, but for those whose notice says so itself.
    /// Those whose notice was taken back before it left know of nothing. Answers how many were told.
    pub fn tell_again(&self, tx: &mut Tx<'_>, news: News, but: &[Uuid]) -> db::Result<usize> {
        let mut told = 0;
        for (who, way) in self.knowing(tx)? {
            if but.contains(&way.notice) {
                continue;
            }
            let to = destination(&way)?;
            if !is_there(tx, &to)? {
                let why = "the endpoint that told them before was removed";
                self.not_told(tx, &who, why)?;
                continue;
            }
            let reached = Reached {
                who,
                why: "was told before".to_owned(),
                to,
                key: format!("{}:{}", self.moment(news), way.notice),
            };
            self.queue(tx, &reached, news)?;
            told += 1;
        }
        Ok(told)
    }

    /// When what is told came to be so.
    fn moment(&self, news: News) -> i64 {
        let alert = self.alert;
        let at = match news {
            News::Still => self.now,
            News::Flaps => alert.flapping_since.unwrap_or(self.now),
            News::Fires | News::Again | News::Over => alert.resolved_at.unwrap_or(alert.fired_at),
        };
        at.timestamp_micros()
    }

    /// Who was told that it fires, once for each address, unless that was taken back before it left.
    fn knowing(&self, conn: &mut Conn) -> db::Result<Vec<(String, Way)>> {
        let told = decisions::told(conn, self.alert.id)?;
        let notices: Vec<Uuid> = told.iter().map(|(_, way)| way.notice).collect();
        let taken_back = outbox::in_state(conn, &notices, State::Cancelled)?;
        let mut knowing: Vec<(String, Way)> = Vec::new();
        for (who, way) in told {
            let same = |(_, other): &(String, Way)| {
                other.channel == way.channel && other.address == way.address
            };
            if !taken_back.contains(&way.notice) && !knowing.iter().any(same) {
                knowing.push((who, way));
            }
        }
        Ok(knowing)
    }

    fn text(&self, news: News, why: &str) -> String {
        let runbook = self.runbook.as_deref();
        words::text(self.alert, news, runbook, why, (self.now, self.zone))
    }

    fn queue(&self, tx: &mut Tx<'_>, to: &Reached, news: News) -> db::Result<()> {
        let alert = self.alert;
        let notice = Notice {
            platform: Some(alert.platform),
            to: to.to.clone(),
            about: self.about(),
            title: words::title(alert, news),
            text: self.text(news, &to.why),
            link: format!("/alerts/{}", alert.id),
            // That it is over is no alarm.
            level: (news != News::Over).then_some(alert.level),
            key: format!("alert:{}:{}:{}", alert.id, news.as_str(), to.key),
            gather: Some(format!("alerts:{}", alert.platform)),
        };
        let from = match news {
            News::Over => None,
            _ => told_from(alert.level, self.now, self.zone),
        };
        let Some(id) = notices::enqueue_for(tx, &notice, from)? else {
            return Ok(());
        };
        if alert.level > Level::Blue && news != News::Over {
            // Whoever waits for another day to hear of information would hear of it as if that were all.
            let information = Which::For(&to.to, Level::Blue);
            notices::cancel(tx, &self.about(), information, "it has become worse")?;
        }
        let address = match &to.to {
            Destination::Email(email) => email.clone(),
            Destination::Endpoint(endpoint) => endpoint.to_string(),
        };
        let decision = Decision {
            at: self.now,
            kind: Kind::Told,
            news,
            who: to.who.clone(),
            why: to.why.clone(),
            way: Some(Way {
                channel: to.to.channel().as_str().to_owned(),
                address,
                notice: id.uuid(),
            }),
        };
        decisions::insert(tx, alert.id, &decision)
    }

    fn not_told(&self, tx: &mut Tx<'_>, who: &str, why: &str) -> db::Result<()> {
        let decision = Decision {
            at: self.now,
            kind: Kind::NotTold,
            news: News::Fires,
            who: who.to_owned(),
            why: why.to_owned(),
            way: None,
        };
        decisions::insert(tx, self.alert.id, &decision)
    }

    fn about(&self) -> About {
        About::new("alert", self.alert.id)
    }
}

/// Where a contact is reached; and what of it is missing, if anything is.
pub(super) fn places(
    conn: &mut Conn,
    contact: &Contact,
) -> db::Result<(Vec<Destination>, Option<String>)> {
    let mut to = Vec::new();
    if let Some(email) = contact.email() {
        to.push(Destination::Email(email.to_owned()));
    }
    let mut missing = None;
    if let Some(name) = contact.endpoint() {
        match endpoint(conn, name)? {
            Ok(id) => to.push(Destination::Endpoint(id)),
            Err(why) => missing = Some(format!("{name}: {why}")),
        }
    } else if to.is_empty() {
        missing = Some("no address is known here".to_owned());
    }
    Ok((to, missing))
}

/// The endpoint of this name; else why it takes no notices. What waits for one that is switched off reaches nobody, and is
/// not told.
pub(super) fn endpoint(conn: &mut Conn, name: &str) -> db::Result<Result<EndpointId, String>> {
    let found = if name.trim().is_empty() {
        None
    } else {
        endpoints::by_name(conn, name)?
    };
    Ok(match found {
        None => Err("no endpoint of this name takes notices".to_owned()),
        Some(it) if it.standing == Standing::Active => Ok(it.id),
        Some(it) => Err(format!("its endpoint is {} now", it.standing.as_str())),
    })
}

/// Whether what is queued for a place can leave at all.
pub(super) fn is_there(conn: &mut Conn, to: &Destination) -> db::Result<bool> {
    match to {
        Destination::Email(_) => Ok(true),
        Destination::Endpoint(id) => {
            let endpoint = endpoints::find(conn, *id)?;
            Ok(endpoint.standing != Standing::Retired)
        }
    }
}

fn destination(way: &Way) -> db::Result<Destination> {
    if way.channel == Channel::Email.as_str() {
        return Ok(Destination::Email(way.address.clone()));
    }
    let id = way.address.parse();
    id.map(Destination::Endpoint)
        .map_err(|_| db::Error::Damaged("an endpoint in a decision about an alert"))
}

/// What the runbook of the alert's rule is called, while both are in force.
fn runbook(conn: &mut Conn, alert: &Alert) -> db::Result<Option<String>> {
    let Some(slug) = rule_of(conn, alert)?.and_then(|rule| rule.runbook) else {
        return Ok(None);
    };
    match packs::by_slug::<Runbook>(conn, alert.platform, &slug) {
        Ok(runbook) => Ok(Some(runbook.name)),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
