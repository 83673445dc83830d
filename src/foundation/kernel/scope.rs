//! Which platforms something reaches: a grant, a page, a count.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::PlatformId;

/// A set of platforms. `All` includes those that are still to come, and what belongs to no platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Only(BTreeSet<PlatformId>),
}

impl Scope {
    #[must_use]
    pub const fn nothing() -> Self {
        Self::Only(BTreeSet::new())
    }

    #[must_use]
    pub fn one(platform: PlatformId) -> Self {
        Self::Only(BTreeSet::from([platform]))
    }

    #[must_use]
    pub fn allows(&self, platform: PlatformId) -> bool {
        match self {
            Self::All => true,
            Self::Only(platforms) => platforms.contains(&platform),
        }
    }

    /// Whether it reaches everything that `other` reaches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(ours), Self::Only(theirs)) => theirs.is_subset(ours),
        }
    }

    /// What both of two grants reach together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Only(mut ours), Self::Only(theirs)) => {
                ours.extend(theirs);
                Self::Only(ours)
            }
        }
    }

    /// Of this, the part that is `platform`; everything where no platform was chosen.
    #[must_use]
    pub fn narrowed(&self, platform: Option<PlatformId>) -> Self {
        match platform {
            None => self.clone(),
            Some(platform) if self.allows(platform) => Self::one(platform),
            Some(_) => Self::nothing(),
        }
    }

    /// For a query's `platform_id = ANY(…)`; `None` where there is no limit and so no condition.
    #[must_use]
    pub fn ids(&self) -> Option<Vec<Uuid>> {
        match self {
            Self::All => None,
            Self::Only(platforms) => {
                Some(platforms.iter().map(|platform| platform.uuid()).collect())
            }
        }
    }
}

impl FromIterator<PlatformId> for Scope {
    fn from_iter<I: IntoIterator<Item = PlatformId>>(platforms: I) -> Self {
        Self::Only(platforms.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_empty_reaches_nothing() {
        let platform = PlatformId::new();
        assert!(!Scope::nothing().allows(platform));
        assert_eq!(Scope::nothing().ids(), Some(Vec::new()));
        assert_eq!(Scope::All.ids(), None);
    }

    #[test]
    fn grants_add_up_and_a_choice_narrows_them() {
        let (lait, finchat, other) = (PlatformId::new(), PlatformId::new(), PlatformId::new());
        let both = Scope::one(lait).and(Scope::one(finchat));
        assert!(both.allows(lait) && both.allows(finchat) && !both.allows(other));
        assert_eq!(both.narrowed(Some(lait)), Scope::one(lait));
        assert_eq!(both.narrowed(Some(other)), Scope::nothing());
        assert_eq!(both.narrowed(None), both);
        assert!(both.covers(&Scope::one(lait)) && both.covers(&both) && Scope::All.covers(&both));
        assert!(!Scope::one(lait).covers(&both) && !both.covers(&Scope::All));
        assert_eq!(both.and(Scope::All), Scope::All);
        assert_eq!(Scope::All.narrowed(Some(other)), Scope::one(other));
    }
}
