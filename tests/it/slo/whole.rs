//! What a sheet says of how much of its month was counted.

use chrono::TimeDelta;
use signalbox::features::slo::actions;

use super::at;
use super::months::{february, freeze, frozen, pack, path, write, write_quarters};
use crate::packs::apply;
use crate::support::app::TestApp;

/// How much of the month its sheet says was counted.
async fn counted(app: &TestApp) -> String {
    let page = app.as_auditor().get(&path(&frozen(app)[0])).await;
    let mut rows = page.table("What became of each target");
    let counted = rows.remove(0).remove(7);
    counted.replace(['\u{a0}', '\u{202f}', '\u{2009}'], " ")
}

/// The first and the last of its days may be there, and others not; and a first day begins when its target did.
#[tokio::test]
async fn a_month_is_called_whole_only_if_all_of_it_was_counted() {
    let (first, last) = (at("2026-02-01T05:00:00Z"), at("2026-03-01T05:00:00Z"));
    let app = february(0).await;
    freeze(&app);
    assert_eq!(counted(&app).await, "the whole month");

    let app = TestApp::start().await;
    apply(&app, &pack("Availability of the API"));
    write(&app, first, at("2026-02-10T05:00:00Z"), 0);
    write(&app, at("2026-02-20T05:00:00Z"), last, 0);
    freeze(&app);
    let said = counted(&app).await;
    assert!(said.starts_with("18 d"), "{said}");
    assert!(said.contains("from 1 Feb 2026, 00:00 EST"), "{said}");
    assert!(said.contains("until 1 Mar 2026, 00:00 EST"), "{said}");

    let app = TestApp::start().await;
    apply(&app, &pack("Availability of the API"));
    write_quarters(&app, first + TimeDelta::hours(12), 48);
    actions::settle(&app.services).unwrap();
    write(&app, first + TimeDelta::days(1), last, 0);
    freeze(&app);
    let said = counted(&app).await;
    assert!(said.starts_with("27 d 12 h"), "{said}");
}
