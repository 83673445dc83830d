//! Lists that are kept for years are read by indexes. The tables of tests are empty, so that the planner is kept from what
//! is quicker on a few rows.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;

use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

const PLANS: &str = "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; \
                     CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS \
                     $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$";

#[actix_web::test]
async fn lists_and_sweeps_are_read_by_their_indexes() {
    let app = TestApp::start().await;
    let mut conn = app.db.connect_superuser();
    conn.batch_execute(PLANS).unwrap();
    let nobody = "'01900000-0000-7000-8000-000000000000'";
    for (index, query) in [
        (
            "checklist_run_order",
            "FROM checklist_run WHERE state <> ALL (ARRAY['open', 'signed']) ORDER BY slot DESC, id DESC LIMIT 50",
        ),
        (
            "checklist_run_platform_order",
            "FROM checklist_run WHERE platform_id = $ID AND state <> ALL (ARRAY['open', 'signed']) \
             ORDER BY slot DESC, id DESC LIMIT 50",
        ),
        (
            "checklist_run_ended",
            "FROM checklist_run WHERE platform_id = $ID AND state = 'missed' AND ended_at >= now() AND ended_at < now()",
        ),
        (
            "release_order",
            "FROM release WHERE ended_at IS NOT NULL ORDER BY proposed_at DESC, id DESC LIMIT 50",
        ),
        (
            "release_ended",
            "FROM release WHERE platform_id = $ID AND state = 'done' AND ended_at >= now() AND ended_at < now()",
        ),
        (
            "incident_review_due",
            "FROM incident WHERE state = 'resolved' AND was_red AND review_due_at < now()",
        ),
        (
            "incident_cause_resolved",
            "FROM incident WHERE cause = 'sign_in_storm' AND resolved_at IS NOT NULL ORDER BY resolved_at DESC LIMIT 1",
        ),
        (
            "digest_order",
            "FROM digest ORDER BY to_at DESC, id DESC LIMIT 60",
        ),
        (
            "maintenance_window_begun",
            "FROM maintenance_window WHERE item_id IS NOT NULL AND starts_at > now() AND starts_at <= now() \
             ORDER BY starts_at",
        ),
    ] {
        let query = format!("SELECT * {}", query.replace("$ID", nobody));
        let plan: Vec<Plan> = sql_query("SELECT line FROM pg_temp.plan($1) AS line")
            .bind::<diesel::sql_types::Text, _>(&query)
            .load(&mut conn)
            .unwrap();
        let plan: Vec<String> = plan.into_iter().map(|it| it.line).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(&format!("using {index} ")), "{query}: {plan}");
    }
}
