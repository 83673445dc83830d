// @generated automatically by Diesel CLI.

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
    enrolment_link (token_hash) {
        token_hash -> Bytea,
        person_id -> Uuid,
        made_by -> Text,
        made_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
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
    intake_batch (id) {
        id -> Uuid,
        platform_id -> Uuid,
        source -> Text,
        created_by -> Text,
        created_at -> Timestamptz,
        name -> Bytea,
        sha256 -> Nullable<Bytea>,
        file_id -> Nullable<Uuid>,
        ignore_unknown -> Bool,
        state -> Text,
        refusal -> Nullable<Text>,
        reader -> Int4,
        header -> Nullable<Bytea>,
        chunks -> Int4,
        rows_read -> Int8,
        lines_read -> Int8,
        lines_total -> Nullable<Int8>,
        added -> Int8,
        changed -> Int8,
        unchanged -> Int8,
        rejected -> Int8,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    intake_record (batch_id, external_id) {
        batch_id -> Uuid,
        external_id -> Text,
        row_number -> Int8,
        subject_id -> Uuid,
        outcome -> Text,
    }
}

diesel::table! {
    intake_rejection (batch_id, row_number) {
        batch_id -> Uuid,
        row_number -> Int8,
        line_number -> Int8,
        problems -> Jsonb,
        ciphertext -> Bytea,
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
    known_device (token_hash, person_id) {
        token_hash -> Bytea,
        person_id -> Uuid,
        made_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    parked_form (id) {
        id -> Uuid,
        person_id -> Uuid,
        path -> Text,
        fields -> Bytea,
        parked_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    password (person_id) {
        person_id -> Uuid,
        hash -> Text,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    person (id) {
        id -> Uuid,
        email -> Text,
        name -> Text,
        zone -> Text,
        acts -> Bool,
        demo -> Bool,
        disabled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    person_role (person_id, role) {
        person_id -> Uuid,
        role -> Text,
        acts -> Bool,
        granted_by -> Text,
        granted_at -> Timestamptz,
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
    recovery_code (digest) {
        digest -> Bytea,
        person_id -> Uuid,
        made_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
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
    session (id) {
        id -> Uuid,
        token_hash -> Bytea,
        person_id -> Uuid,
        stage -> Text,
        method -> Nullable<Text>,
        address -> Text,
        user_agent -> Text,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
    }
}

diesel::table! {
    sign_in_throttle (scope, key) {
        scope -> Text,
        key -> Bytea,
        recent -> Array<Nullable<Timestamptz>>,
        tries -> Int4,
        blocked_until -> Nullable<Timestamptz>,
        noted_minute -> Nullable<Timestamptz>,
        touched_at -> Timestamptz,
    }
}

diesel::table! {
    subject (id) {
        id -> Uuid,
        platform_id -> Uuid,
        external_id -> Text,
        kind -> Text,
        status -> Text,
        risk -> Nullable<Text>,
        version -> Int4,
        content_hash -> Bytea,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    subject_key (subject_id) {
        subject_id -> Uuid,
        wrapped -> Bytea,
    }
}

diesel::table! {
    subject_personal (subject_id) {
        subject_id -> Uuid,
        ciphertext -> Bytea,
    }
}

diesel::table! {
    subject_reading (person_id, what) {
        person_id -> Uuid,
        what -> Bytea,
        read_at -> Timestamptz,
    }
}

diesel::table! {
    subject_token (token, subject_id) {
        token -> Bytea,
        subject_id -> Uuid,
    }
}

diesel::table! {
    totp (person_id) {
        person_id -> Uuid,
        seed -> Bytea,
        last_step -> Int8,
        made_at -> Timestamptz,
        confirmed_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(enrolment_link -> person (person_id));
diesel::joinable!(file_chunk -> file (file_id));
diesel::joinable!(intake_batch -> file (file_id));
diesel::joinable!(intake_batch -> platform (platform_id));
diesel::joinable!(intake_record -> intake_batch (batch_id));
diesel::joinable!(intake_record -> subject (subject_id));
diesel::joinable!(intake_rejection -> intake_batch (batch_id));
diesel::joinable!(job -> job_schedule (schedule));
diesel::joinable!(known_device -> person (person_id));
diesel::joinable!(parked_form -> person (person_id));
diesel::joinable!(password -> person (person_id));
diesel::joinable!(recovery_code -> person (person_id));
diesel::joinable!(session -> person (person_id));
diesel::joinable!(subject -> platform (platform_id));
diesel::joinable!(subject_personal -> subject (subject_id));
diesel::joinable!(subject_token -> subject (subject_id));
diesel::joinable!(totp -> person (person_id));

diesel::allow_tables_to_appear_in_same_query!(
    audit_anchor,
    audit_checkpoint,
    audit_detail,
    audit_epoch,
    audit_head,
    audit_inbox,
    audit_log,
    audit_refused,
    audit_tile,
    enrolment_link,
    file,
    file_chunk,
    idempotency,
    intake_batch,
    intake_record,
    intake_rejection,
    job,
    job_schedule,
    known_device,
    parked_form,
    password,
    person,
    person_role,
    platform,
    policy,
    recovery_code,
    sar_audit_anchor,
    sar_audit_checkpoint,
    sar_audit_head,
    sar_audit_inbox,
    sar_audit_log,
    sar_audit_refused,
    sar_audit_tile,
    session,
    sign_in_throttle,
    subject,
    subject_key,
    subject_personal,
    subject_reading,
    subject_token,
    totp,
);
