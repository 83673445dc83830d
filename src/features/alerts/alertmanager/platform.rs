//! Whose an alert or a silence is that comes with a key.

use crate::features::alerts::labels::{Labels, PLATFORM};
use crate::features::packs::store::{self as packs, Watched};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

/// The platforms that a key reaches.
pub struct Platforms(Vec<Watched>);

impl Platforms {
    pub fn read(conn: &mut Conn, reach: &Scope) -> db::Result<Self> {
        let mut platforms = packs::platforms(conn)?;
        platforms.retain(|it| reach.allows(it.id));
        Ok(Self(platforms))
    }

    #[must_use]
    pub fn slug(&self, id: PlatformId) -> Option<&str> {
        let found = self.0.iter().find(|it| it.id == id);
        found.map(|it| it.slug.as_str())
    }

    #[must_use]
    pub fn named(&self, slug: &str) -> Option<&Watched> {
        self.0.iter().find(|it| it.slug == slug)
    }

    /// The platform that is named, or the only one that the key reaches.
    ///
    /// # Errors
    /// How to say it, in words.
    pub fn choose(&self, named: Option<&str>) -> Result<&Watched, String> {
        match (named.and_then(|slug| self.named(slug)), self.0.as_slice()) {
            (Some(found), _) => Ok(found),
            (None, [only]) => Ok(only),
            (None, _) => Err(format!(
                "it does not say whose it is: give it the label {PLATFORM} with the short name of a platform of this \
                 key, or use a key for one platform"
            )),
        }
    }

    /// Labels as they are told: with whose they are, where they do not say so themselves.
    #[must_use]
    pub fn told(&self, labels: Labels, id: PlatformId) -> Labels {
        let mut labels = labels;
        if let Some(slug) = self.slug(id) {
            labels
                .entry(PLATFORM.to_owned())
                .or_insert_with(|| slug.to_owned());
        }
        labels
    }
}
