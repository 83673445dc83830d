//! The pages of reviews as plain data.

mod case;
mod facts;
mod forms;
mod hit;
mod queue;
mod subject;

pub use case::{CasePage, Stale, Viewer, step_lines};
pub use forms::Forms;
pub use hit::HitForm;
pub use queue::{Approvals, Awaiting, Choice, Lagging, Queue, Row, ToReport, bands, statuses};
pub use subject::SubjectPage;

use super::risk::Band;
use crate::foundation::web::Lamp;

pub(super) fn kind_word(company: bool) -> &'static str {
    if company { "Company" } else { "Person" }
}

pub(super) fn band_word(band: Band) -> &'static str {
    match band {
        Band::Low => "Low",
        Band::Medium => "Medium",
        Band::High => "High",
        Band::Prohibited => "Prohibited",
    }
}

pub(super) fn band_lamp(band: Band) -> Lamp {
    match band {
        Band::Low => Lamp::Clear,
        Band::Medium => Lamp::Blue,
        Band::High => Lamp::Yellow,
        Band::Prohibited => Lamp::Red,
    }
}
