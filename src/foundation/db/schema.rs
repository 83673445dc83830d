// @generated automatically by Diesel CLI.

diesel::table! {
    alert (id) {
        id -> Uuid,
        platform_id -> Uuid,
        rule_id -> Uuid,
        service_id -> Nullable<Uuid>,
        fingerprint -> Text,
        about -> Text,
        status -> Text,
        level -> Text,
        name -> Text,
        summary -> Text,
        active_at -> Timestamptz,
        fired_at -> Timestamptz,
        level_at -> Timestamptz,
        was_red -> Bool,
        resolved_at -> Nullable<Timestamptz>,
        acknowledged_at -> Nullable<Timestamptz>,
        acknowledged_until -> Nullable<Timestamptz>,
        acknowledged_by -> Nullable<Uuid>,
        acknowledged_name -> Nullable<Text>,
        acknowledged_note -> Nullable<Text>,
    }
}

diesel::table! {
    alert_change (id) {
        id -> Uuid,
        alert_id -> Uuid,
        at -> Timestamptz,
        kind -> Text,
        level -> Text,
        who -> Text,
        text -> Text,
    }
}

diesel::table! {
    audit_anchor (size, place) {
        size -> Int8,
        root -> Bytea,
        note -> Text,
        place -> Text,
        anchored_at -> Timestamptz,
    }
}

diesel::table! {
    audit_checkpoint (size) {
        size -> Int8,
        root -> Bytea,
        note -> Text,
        signed_at -> Timestamptz,
    }
}

diesel::table! {
    audit_detail (event_id, position) {
        event_id -> Uuid,
        position -> Int2,
        subject_id -> Uuid,
        salt -> Bytea,
        ciphertext -> Bytea,
    }
}

diesel::table! {
    audit_epoch (log, epoch) {
        log -> Text,
        epoch -> Int4,
        origin -> Text,
        first_idx -> Int8,
        began_at -> Timestamptz,
    }
}

diesel::table! {
    audit_head (singleton) {
        singleton -> Bool,
        size -> Int8,
        root -> Bytea,
        pruned_to -> Int8,
        sealed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    audit_inbox (id) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
    }
}

diesel::table! {
    audit_log (idx) {
        idx -> Int8,
        id -> Uuid,
        recorded_at -> Timestamptz,
        kind -> Text,
        actor_kind -> Text,
        actor_id -> Text,
        subject_kind -> Text,
        subject_id -> Text,
        platform_id -> Nullable<Uuid>,
        outcome -> Text,
        body -> Bytea,
        leaf_hash -> Bytea,
    }
}

diesel::table! {
    audit_refused (id) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
        reason -> Text,
        refused_at -> Timestamptz,
    }
}

diesel::table! {
    audit_tile (level, idx) {
        level -> Int2,
        idx -> Int8,
        width -> Int2,
        hashes -> Bytea,
    }
}

diesel::table! {
    event_report (id) {
        id -> Uuid,
        event_type_id -> Uuid,
        at -> Timestamptz,
    }
}

diesel::table! {
    event_tally (event_type_id) {
        event_type_id -> Uuid,
        reports -> Int8,
    }
}

diesel::table! {
    file (id) {
        id -> Uuid,
        purpose -> Text,
        name -> Bytea,
        content_type -> Nullable<Text>,
        wrapped -> Bytea,
        byte_count -> Nullable<Int8>,
        sha256 -> Nullable<Bytea>,
        state -> Text,
        created_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    file_chunk (file_id, position) {
        file_id -> Uuid,
        position -> Int4,
        ciphertext -> Bytea,
    }
}

diesel::table! {
    idempotency (key) {
        key -> Uuid,
        actor -> Text,
        location -> Text,
        made_at -> Timestamptz,
    }
}

diesel::table! {
    indicator_report (id) {
        id -> Uuid,
        indicator_id -> Uuid,
        at -> Timestamptz,
        value -> Float8,
        demo -> Bool,
    }
}

diesel::table! {
    job (id) {
        id -> Uuid,
        kind -> Text,
        payload -> Jsonb,
        key -> Nullable<Text>,
        run_at -> Timestamptz,
        enqueued_at -> Timestamptz,
        state -> Text,
        attempt -> Int2,
        fence -> Int8,
        lease_until -> Nullable<Timestamptz>,
        cancel_requested -> Bool,
        progress_done -> Int8,
        progress_total -> Nullable<Int8>,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        last_error -> Nullable<Text>,
        result -> Nullable<Text>,
        schedule -> Nullable<Text>,
        slot -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    job_schedule (name) {
        name -> Text,
        last_slot -> Timestamptz,
    }
}

diesel::table! {
    pack (platform_id) {
        platform_id -> Uuid,
        version -> Text,
        revision -> Int8,
        digest -> Bytea,
        applied_at -> Timestamptz,
        applied_by -> Text,
        parameters -> Jsonb,
        accepted -> Jsonb,
    }
}

diesel::table! {
    pack_item (id) {
        id -> Uuid,
        platform_id -> Uuid,
        kind -> Text,
        slug -> Text,
        name -> Text,
        position -> Int4,
        spec -> Jsonb,
        changed_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    platform (id) {
        id -> Uuid,
        slug -> Text,
        name -> Text,
        zone -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    policy (key, version) {
        key -> Text,
        version -> Int4,
        effective_from -> Timestamptz,
        value -> Jsonb,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    probe_change (probe_id, at) {
        probe_id -> Uuid,
        at -> Timestamptz,
        was -> Text,
        now -> Text,
        message -> Text,
    }
}

diesel::table! {
    probe_run (probe_id, at) {
        probe_id -> Uuid,
        at -> Timestamptz,
        outcome -> Text,
        error -> Nullable<Text>,
        message -> Text,
        latency_us -> Nullable<Int8>,
        attempts -> Int4,
    }
}

diesel::table! {
    probe_state (probe_id) {
        probe_id -> Uuid,
        state -> Text,
        since -> Timestamptz,
        failures -> Int4,
        successes -> Int4,
        due_at -> Timestamptz,
        lease_until -> Nullable<Timestamptz>,
        lease -> Nullable<Uuid>,
        checked_at -> Nullable<Timestamptz>,
        outcome -> Nullable<Text>,
        error -> Nullable<Text>,
        message -> Text,
        latencies_us -> Array<Nullable<Int8>>,
        measures -> Jsonb,
        skipped -> Int8,
        missed -> Int8,
    }
}

diesel::table! {
    rule_state (rule_id) {
        rule_id -> Uuid,
        red_at -> Nullable<Timestamptz>,
        yellow_at -> Nullable<Timestamptz>,
        blue_at -> Nullable<Timestamptz>,
        no_data_since -> Nullable<Timestamptz>,
        cleared_at -> Nullable<Timestamptz>,
        events_seen -> Int8,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    rule_tick (one) {
        one -> Bool,
        at -> Timestamptz,
    }
}

diesel::table! {
    sample (probe_id, span, at) {
        probe_id -> Uuid,
        span -> Text,
        at -> Timestamptz,
        good -> Int8,
        failed -> Int8,
        unknown -> Int8,
        buckets -> Array<Nullable<Int8>>,
        demo -> Bool,
    }
}

diesel::table! {
    sar_audit_anchor (size, place) {
        size -> Int8,
        root -> Bytea,
        note -> Text,
        place -> Text,
        anchored_at -> Timestamptz,
    }
}

diesel::table! {
    sar_audit_checkpoint (size) {
        size -> Int8,
        root -> Bytea,
        note -> Text,
        signed_at -> Timestamptz,
    }
}

diesel::table! {
    sar_audit_head (singleton) {
        singleton -> Bool,
        size -> Int8,
        root -> Bytea,
        pruned_to -> Int8,
        sealed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sar_audit_inbox (id) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
    }
}

diesel::table! {
    sar_audit_log (idx) {
        idx -> Int8,
        id -> Uuid,
        recorded_at -> Timestamptz,
        kind -> Text,
        actor_kind -> Text,
        actor_id -> Text,
        subject_kind -> Text,
        subject_id -> Text,
        platform_id -> Nullable<Uuid>,
        outcome -> Text,
        body -> Bytea,
        leaf_hash -> Bytea,
    }
}

diesel::table! {
    sar_audit_refused (id) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
        reason -> Text,
        refused_at -> Timestamptz,
    }
}

diesel::table! {
    sar_audit_tile (level, idx) {
        level -> Int2,
        idx -> Int8,
        width -> Int2,
        hashes -> Bytea,
    }
}

diesel::table! {
    subject_key (subject_id) {
        subject_id -> Uuid,
        wrapped -> Bytea,
    }
}

diesel::joinable!(alert -> platform (platform_id));
diesel::joinable!(alert_change -> alert (alert_id));
diesel::joinable!(event_report -> pack_item (event_type_id));
diesel::joinable!(event_tally -> pack_item (event_type_id));
diesel::joinable!(file_chunk -> file (file_id));
diesel::joinable!(indicator_report -> pack_item (indicator_id));
diesel::joinable!(job -> job_schedule (schedule));
diesel::joinable!(pack -> platform (platform_id));
diesel::joinable!(pack_item -> platform (platform_id));
diesel::joinable!(probe_change -> pack_item (probe_id));
diesel::joinable!(probe_run -> pack_item (probe_id));
diesel::joinable!(probe_state -> pack_item (probe_id));
diesel::joinable!(rule_state -> pack_item (rule_id));
diesel::joinable!(sample -> pack_item (probe_id));

diesel::allow_tables_to_appear_in_same_query!(
    alert,
    alert_change,
    audit_anchor,
    audit_checkpoint,
    audit_detail,
    audit_epoch,
    audit_head,
    audit_inbox,
    audit_log,
    audit_refused,
    audit_tile,
    event_report,
    event_tally,
    file,
    file_chunk,
    idempotency,
    indicator_report,
    job,
    job_schedule,
    pack,
    pack_item,
    platform,
    policy,
    probe_change,
    probe_run,
    probe_state,
    rule_state,
    rule_tick,
    sample,
    sar_audit_anchor,
    sar_audit_checkpoint,
    sar_audit_head,
    sar_audit_inbox,
    sar_audit_log,
    sar_audit_refused,
    sar_audit_tile,
    subject_key,
);
