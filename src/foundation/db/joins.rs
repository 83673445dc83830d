//! Which tables stand in one query.
//!
//! Diesel would allow every table beside every other: over a hundred tables those are ten thousand impls, and they were
//! most of what a build takes. So only what is joined is allowed, here.

use super::schema::{
    alert, api_key, api_key_platform, breaker, breaker_proposal, case_decision, file, file_chunk,
    incident, incident_action, incident_review, indicator_claim, indicator_report, intake_batch,
    intake_record, known_device, notice, notice_endpoint, outside_alert, pack_item, password,
    person, person_grant, person_identity, person_role, person_role_platform, review_case,
    screening_disposition, screening_hit, session, slo_figure, slo_month, subject, subject_key,
    subject_token,
};

diesel::allow_tables_to_appear_in_same_query!(
    known_device,
    password,
    person,
    person_grant,
    person_identity,
    person_role,
    person_role_platform,
    session,
);
diesel::allow_tables_to_appear_in_same_query!(api_key, api_key_platform);
diesel::allow_tables_to_appear_in_same_query!(breaker_proposal, breaker);
diesel::allow_tables_to_appear_in_same_query!(case_decision, review_case);
diesel::allow_tables_to_appear_in_same_query!(file_chunk, file);
diesel::allow_tables_to_appear_in_same_query!(incident_action, incident);
diesel::allow_tables_to_appear_in_same_query!(incident_review, incident);
diesel::allow_tables_to_appear_in_same_query!(indicator_claim, indicator_report, pack_item);
diesel::allow_tables_to_appear_in_same_query!(intake_record, intake_batch);
diesel::allow_tables_to_appear_in_same_query!(notice, notice_endpoint);
diesel::allow_tables_to_appear_in_same_query!(outside_alert, alert);
diesel::allow_tables_to_appear_in_same_query!(screening_disposition, screening_hit);
diesel::allow_tables_to_appear_in_same_query!(slo_figure, slo_month);
diesel::allow_tables_to_appear_in_same_query!(subject, subject_key, subject_token);
