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
    idempotency (key) {
        key -> Uuid,
        actor -> Text,
        location -> Text,
        made_at -> Timestamptz,
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
    sar_audit_inbox (id) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
    }
}

diesel::table! {
    subject_key (subject_id) {
        subject_id -> Uuid,
        wrapped -> Bytea,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    audit_detail,
    audit_inbox,
    idempotency,
    platform,
    sar_audit_inbox,
    subject_key,
);
