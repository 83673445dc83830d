//! Which handler does which kind of job, and what runs by the clock.

use crate::foundation::jobs::Registry;

#[must_use]
pub fn registry() -> Registry {
    Registry::new()
}
