//! Signalbox tells itself how far the seal and the anchors of its log are behind.

use std::collections::BTreeMap;

use diesel::prelude::*;
use signalbox::features::health::actions::report_own;
use signalbox::features::packs::actions::apply;
use signalbox::features::packs::own;
use signalbox::features::packs::parameters::Given;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::db::schema::{indicator_report, pack_item};

use super::fixture::Bench;

/// The newest value of each of our own indicators.
fn reported(bench: &Bench) -> BTreeMap<String, f64> {
    report_own(&bench.services).unwrap();
    let rows: Vec<(String, f64)> = indicator_report::table
        .inner_join(pack_item::table)
        .order(indicator_report::at.asc())
        .select((pack_item::slug, indicator_report::value))
        .load(&mut bench.db.connect_superuser())
        .unwrap();
    rows.into_iter().collect()
}

#[test]
fn our_own_pack_is_told_what_waits_for_seal_and_anchor() {
    let bench = Bench::new();
    let actor = Actor::command_line("tester");
    apply(&bench.services, &actor, own::TEXT, &Given::default()).unwrap();
    let later = |seconds| {
        bench
            .services
            .clock
            .advance(chrono::Duration::seconds(seconds));
    };
    later(90);
    let unsealed = reported(&bench);
    assert_eq!((unsealed["audit_lag"], unsealed["anchor_lag"]), (90.0, 0.0));
    bench.seal();
    later(3_700);
    let unanchored = reported(&bench);
    assert_eq!(
        (unanchored["audit_lag"], unanchored["anchor_lag"]),
        (0.0, 3_700.0)
    );
    assert!(unanchored["audit_partitions_left"] >= 1.0);
    bench.anchor();
    later(1);
    assert!(reported(&bench)["anchor_lag"] < 1.0);
}
