use std::collections::HashMap;

use crate::foundation::auth::people;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::Who;

/// Who stands behind ids, and behind actors as the log writes them.
pub struct Names(HashMap<PersonId, Who>);

impl Names {
    /// Loads those of these ids and actors.
    pub fn load<'a>(
        conn: &mut Conn,
        ids: impl IntoIterator<Item = PersonId>,
        actors: impl IntoIterator<Item = &'a str>,
    ) -> db::Result<Self> {
        let mut ids: Vec<PersonId> = ids
            .into_iter()
            .chain(actors.into_iter().filter_map(person_of))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        people::known_as(conn, &ids).map(Self)
    }

    pub fn person(&self, id: PersonId) -> Who {
        let known = self.0.get(&id).cloned();
        known.unwrap_or_else(|| Who::other(id.to_string()))
    }

    /// "Ada (ada@example.org)", or "the command line (root)".
    pub fn actor(&self, actor: &str) -> Who {
        if let Some(id) = person_of(actor) {
            return self.person(id);
        }
        Who::other(match actor.split_once(':') {
            Some(("command_line", user)) => format!("the command line ({user})"),
            _ => actor.to_owned(),
        })
    }
}

fn person_of(actor: &str) -> Option<PersonId> {
    actor.strip_prefix("person:")?.parse().ok()
}
