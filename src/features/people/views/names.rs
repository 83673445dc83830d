use std::collections::HashMap;

use crate::foundation::auth::people;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// Who stands behind ids, and behind actors as the log writes them.
pub struct Names(HashMap<PersonId, String>);

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
        people::names(conn, &ids).map(Self)
    }

    pub fn person(&self, id: PersonId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// "Ada", or "the command line (root)".
    pub fn actor(&self, actor: &str) -> String {
        if let Some(id) = person_of(actor) {
            return self.person(id);
        }
        match actor.split_once(':') {
            Some(("command_line", user)) => format!("the command line ({user})"),
            _ => actor.to_owned(),
        }
    }
}

fn person_of(actor: &str) -> Option<PersonId> {
    actor.strip_prefix("person:")?.parse().ok()
}
