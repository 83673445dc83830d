//! The people of a platform who are told, and who of them is on call.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::rota::{Override, Rota, Shift};
use super::store::overrides::{self, PutIn};
use crate::features::packs::pack::{self, Contact, ItemId, Target};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::{PlatformId, Scope};

/// What the packs of some platforms say, and who was put in.
pub struct Roster {
    pub contacts: Vec<Item<Contact>>,
    pub rotas: Vec<Item<pack::Rota>>,
    pub put_in: Vec<PutIn>,
}

/// Whom a step tells.
#[derive(Debug)]
pub enum Found<'r> {
    /// Each with why it is they.
    People(Vec<(&'r Item<Contact>, String)>),
    /// By its name.
    Endpoint(&'r str),
    /// Nobody is there, and why.
    Nobody { who: String, why: String },
}

impl Roster {
    /// With those who were put in and whose time was not over at `since`.
    pub fn read(conn: &mut Conn, scope: &Scope, since: DateTime<Utc>) -> Result<Self> {
        let rotas = packs::live_within::<pack::Rota>(conn, scope)?;
        let ids: Vec<ItemId> = rotas.iter().map(|rota| rota.id).collect();
        Ok(Self {
            contacts: packs::live_within::<Contact>(conn, scope)?,
            put_in: overrides::since(conn, &ids, since)?,
            rotas,
        })
    }

    /// That of one platform, now.
    pub fn of(conn: &mut Conn, platform: PlatformId, now: DateTime<Utc>) -> Result<Self> {
        Self::read(conn, &Scope::one(platform), now)
    }

    #[must_use]
    pub fn contact(&self, platform: PlatformId, slug: &str) -> Option<&Item<Contact>> {
        let mut contacts = self.contacts.iter();
        contacts.find(|it| it.platform == platform && it.slug == slug)
    }

    /// Who stands in on a rota. One whose contact no pack names any more stands in for nobody.
    #[must_use]
    pub fn overrides(&self, rota: ItemId) -> Vec<Override> {
        let held = self.put_in.iter().filter(|it| it.rota == rota);
        let each = held.filter_map(|it| {
            let contact = self.contacts.iter().find(|known| known.id == it.contact)?;
            let until = it.holds_until();
            (until > it.from).then(|| Override {
                id: it.id,
                contact: contact.slug.clone(),
                from: it.from,
                until,
            })
        });
        each.collect()
    }

    /// Who is on call on a rota, and who comes after them.
    #[must_use]
    pub fn standing(
        &self,
        item: &Item<pack::Rota>,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> (Shift, Option<Shift>) {
        Rota::of(&item.spec, zone).standing(&self.overrides(item.id), now)
    }

    /// The shifts of a rota that touch the time from `from` on.
    #[must_use]
    pub fn shifts(
        &self,
        item: &Item<pack::Rota>,
        zone: Tz,
        from: DateTime<Utc>,
        length: TimeDelta,
    ) -> Vec<Shift> {
        let overrides = self.overrides(item.id);
        Rota::of(&item.spec, zone).shifts(&overrides, from, from + length)
    }

    /// Whom a step of a platform's escalation tells now. A policy was copied when its alert opened; who people are, and
    /// where they are reached, is what the pack says now.
    #[must_use]
    pub fn find<'r>(
        &'r self,
        platform: PlatformId,
        target: &'r Target,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Found<'r> {
        let gone = |what: &str, id: &str| Found::Nobody {
            who: id.to_owned(),
            why: format!("the pack names no such {what} any more"),
        };
        match target {
            Target::Contact(slug) => match self.contact(platform, slug) {
                Some(contact) => Found::People(vec![(contact, String::new())]),
                None => gone("contact", slug),
            },
            Target::Team(team) => {
                let members = self.contacts.iter();
                let of_team = members.filter(|it| it.platform == platform && it.spec.team == *team);
                let people: Vec<_> = of_team.map(|it| (it, format!("of {team}"))).collect();
                if people.is_empty() {
                    gone("team", team)
                } else {
                    Found::People(people)
                }
            }
            Target::Endpoint(name) => Found::Endpoint(name),
            Target::Rota(slug) => {
                let mut rotas = self.rotas.iter();
                let of_platform = |it: &&Item<pack::Rota>| it.platform == platform;
                match rotas.find(|it| of_platform(it) && it.slug == *slug) {
                    Some(rota) => self.on_call(rota, zone, now),
                    None => gone("rota", slug),
                }
            }
        }
    }

    fn on_call(&self, rota: &Item<pack::Rota>, zone: Tz, now: DateTime<Utc>) -> Found<'_> {
        let (shift, _) = self.standing(rota, zone, now);
        let contact = shift
            .who
            .as_deref()
            .and_then(|slug| self.contact(rota.platform, slug));
        match contact {
            Some(contact) => Found::People(vec![(contact, format!("on call on {}", rota.name))]),
            None => Found::Nobody {
                who: rota.name.clone(),
                why: "nobody is on call there".to_owned(),
            },
        }
    }

    /// Whom a step tells, in words: "whoever is on call on Operations".
    #[must_use]
    pub fn name(&self, platform: PlatformId, target: &Target) -> String {
        match target {
            Target::Contact(slug) => self
                .contact(platform, slug)
                .map_or_else(|| slug.clone(), |it| it.name.clone()),
            Target::Rota(slug) => {
                let mut rotas = self.rotas.iter();
                let rota = rotas.find(|it| it.platform == platform && it.slug == *slug);
                let name = rota.map_or(slug, |it| &it.name);
                format!("whoever is on call on {name}")
            }
            Target::Team(team) => format!("everybody of {team}"),
            Target::Endpoint(name) => format!("the endpoint {name}"),
        }
    }
}
