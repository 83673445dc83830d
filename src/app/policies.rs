//! The policies of all features, for the page on which they are changed.

use crate::features::{intake, reviews, screening};
use crate::foundation::policy::{Catalog, Kind, check};

#[must_use]
pub fn policies() -> Catalog {
    Catalog(vec![
        Kind {
            key: reviews::risk::POLICY,
            title: "Risk of a customer",
            about: "How many points each factor adds, where the bands begin, by when a case is due and \
                    how soon a customer is reviewed again. New assessments follow it; cases keep the \
                    version under which they were opened.",
            check: |value| check(value, reviews::risk::RiskPolicy::fault),
        },
        Kind {
            key: screening::policy::POLICY,
            title: "Hits and their judgement",
            about: "From which likeness (in thousandths) an entry of a list is a hit, from where on its \
                    dismissal needs two people, when a list is old, and how long a confirmed hit may go \
                    unreported.",
            check: |value| check(value, screening::policy::ScreeningPolicy::fault),
        },
        Kind {
            key: screening::calendar::POLICY,
            title: "Business days in the United States",
            about: "The zone in which an authority's day begins, and the days besides weekends that are no \
                    business days. The clock of a confirmed hit counts by it.",
            check: |value| check(value, screening::calendar::Calendar::fault),
        },
        Kind {
            key: screening::policy::LISTS,
            title: "Loading of lists",
            about: "The share of entries, in percent, that a new version of a list may lose before it \
                    is taken for a broken download.",
            check: |value| check(value, screening::policy::ListsPolicy::fault),
        },
        Kind {
            key: intake::policy::DEFAULTS,
            title: "Files without a platform",
            about: "Whose customers a file holds when nobody says.",
            check: |value| check(value, intake::policy::Defaults::fault),
        },
        Kind {
            key: intake::policy::KEEPING,
            title: "Rejected rows",
            about: "For how many days rows that could not be taken in are kept for whoever has to mend \
                    them.",
            check: |value| check(value, intake::policy::Keeping::fault),
        },
    ])
}
