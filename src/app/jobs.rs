//! Which handler does which kind of job, and what runs by the clock.

use super::{expiry, own_events};
use crate::features::{audit_log, incidents, intake, oncall, people, reviews, screening, slo};
use crate::foundation::files;
use crate::foundation::jobs::Registry;

#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    audit_log::jobs::register(&mut registry);
    expiry::register(&mut registry);
    files::register(&mut registry);
    incidents::jobs::register(&mut registry);
    intake::jobs::register(&mut registry);
    oncall::incidents::register(&mut registry);
    own_events::register(&mut registry);
    people::review::jobs::register(&mut registry);
    reviews::jobs::register(&mut registry);
    screening::loads::register(&mut registry);
    slo::jobs::register(&mut registry);
    registry
}
