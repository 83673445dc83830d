//! A few rounds of each fault; `script/faults` runs many.

#[path = "../faults/scenarios/mod.rs"]
mod scenarios;

use scenarios::{Trial, app_killed, child, database_killed, pool, program, sealer_killed};

const FEW: Trial = Trial { rounds: 3, seed: 1 };
const ONCE: Trial = Trial { rounds: 1, seed: 1 };

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    app_killed::loses_nothing(FEW);
}

#[test]
#[ignore = "the process that the test above kills; it writes when an address is given to it"]
fn a_writer_when_told_to_be_one() {
    child::write_if_told_to();
}

#[test]
fn a_killed_database_costs_nothing_that_was_acknowledged() {
    database_killed::recovers(FEW);
}

#[test]
fn a_sealer_killed_at_any_step_leaves_a_whole_log() {
    sealer_killed::at_each_step(ONCE);
}

#[test]
fn a_sealer_killed_under_load_leaves_a_whole_log() {
    sealer_killed::under_load(FEW);
}

#[test]
fn several_sealers_take_turns() {
    sealer_killed::several_at_once(FEW);
}

#[actix_web::test]
async fn the_killed_program_loses_nobody_who_had_signed_in() {
    program::killed(FEW).await;
}

#[actix_web::test]
async fn the_program_starts_its_killed_database_again() {
    program::database_killed(ONCE).await;
}

#[actix_web::test]
async fn without_a_free_connection_people_are_told_at_once() {
    pool::exhausted(ONCE).await;
}

#[actix_web::test]
async fn a_silent_database_keeps_nobody_waiting_for_ever() {
    pool::silent(ONCE).await;
}

#[actix_web::test]
async fn an_open_page_does_not_hold_up_the_end() {
    program::stopped_with_an_open_page().await;
}

#[actix_web::test]
async fn a_silent_database_does_not_hold_up_the_end() {
    program::stopped_over_a_silent_database().await;
}
