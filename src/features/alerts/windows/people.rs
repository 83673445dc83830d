//! Who may be told of a window that a person makes: whoever is on call, and people, of its platform.

use super::views::Choice;
use super::window::Window;
use crate::features::packs::pack::{Contact, ItemId, Rota, Target};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

pub(super) struct People {
    rotas: Vec<Item<Rota>>,
    contacts: Vec<Item<Contact>>,
}

impl People {
    pub(super) fn read(conn: &mut Conn) -> Result<Self> {
        Ok(Self {
            rotas: packs::live::<Rota>(conn)?,
            contacts: packs::live::<Contact>(conn)?,
        })
    }

    /// Rotas and contacts of a platform as those to tell: each once, rotas first, whoever ticked them in which order.
    /// Nothing where one is none.
    pub(super) fn targets(&self, platform: PlatformId, ids: &[ItemId]) -> Option<Vec<Target>> {
        let targets = ids.iter().map(|id| self.target(platform, *id));
        let mut targets = targets.collect::<Option<Vec<Target>>>()?;
        targets.sort_by_key(|it| (!matches!(it, Target::Rota(_)), it.to_string()));
        targets.dedup();
        Some(targets)
    }

    fn target(&self, platform: PlatformId, id: ItemId) -> Option<Target> {
        let mut rotas = self.rotas.iter();
        if let Some(rota) = rotas.find(|it| it.platform == platform && it.id == id) {
            return Some(Target::Rota(rota.slug.clone()));
        }
        let mut contacts = self.contacts.iter();
        let contact = contacts.find(|it| it.platform == platform && it.id == id)?;
        Some(Target::Contact(contact.slug.clone()))
    }

    /// Those of a platform, to be ticked; rotas first.
    pub(super) fn choices(&self, of: PlatformId, ticked: &[ItemId]) -> Vec<Choice> {
        let rotas = self.rotas.iter().filter(|it| it.platform == of);
        let rotas = rotas.map(|item| {
            let chosen = ticked.contains(&item.id);
            Choice::of(item, "Whoever is on call on ", chosen)
        });
        let people = self.contacts.iter().filter(|it| it.platform == of);
        let people = people.map(|item| Choice::of(item, "", ticked.contains(&item.id)));
        rotas.chain(people).collect()
    }

    /// Whom a person tells of a window, in words: "whoever is on call on Operations, Ada".
    pub(super) fn told(&self, window: &Window) -> String {
        let name = |target: &Target| match target {
            Target::Rota(slug) => {
                let mut rotas = self.rotas.iter();
                let rota = rotas.find(|it| it.platform == window.platform && it.slug == *slug);
                let name = rota.map_or(slug, |it| &it.name);
                format!("whoever is on call on {name}")
            }
            Target::Contact(slug) => {
                let mut contacts = self.contacts.iter();
                let known = contacts.find(|it| it.platform == window.platform && it.slug == *slug);
                known.map_or(slug, |it| &it.name).clone()
            }
            other => other.to_string(),
        };
        let names: Vec<String> = window.tell.iter().map(name).collect();
        names.join(", ")
    }
}
