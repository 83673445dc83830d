// @generated automatically by Diesel CLI.

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
    audit_inbox (id) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
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
    idempotency (key) {
        key -> Uuid,
        actor -> Text,
        location -> Text,
        made_at -> Timestamptz,
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
    recovery_code (digest) {
        digest -> Bytea,
        person_id -> Uuid,
        made_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
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
    subject_key (subject_id) {
        subject_id -> Uuid,
        wrapped -> Bytea,
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
diesel::joinable!(known_device -> person (person_id));
diesel::joinable!(parked_form -> person (person_id));
diesel::joinable!(password -> person (person_id));
diesel::joinable!(recovery_code -> person (person_id));
diesel::joinable!(session -> person (person_id));
diesel::joinable!(totp -> person (person_id));

diesel::allow_tables_to_appear_in_same_query!(
    audit_detail,
    audit_inbox,
    enrolment_link,
    idempotency,
    known_device,
    parked_form,
    password,
    person,
    person_role,
    platform,
    recovery_code,
    sar_audit_inbox,
    session,
    sign_in_throttle,
    subject_key,
    totp,
);
