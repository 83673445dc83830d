// @generated automatically by Diesel CLI.

diesel::table! {
    access_review (id) {
        id -> Uuid,
        opened_at -> Timestamptz,
        opened_by -> Text,
        due_at -> Timestamptz,
        signed_at -> Nullable<Timestamptz>,
        signed_by -> Nullable<Uuid>,
        signature -> Nullable<Text>,
        lines_sha256 -> Nullable<Bytea>,
    }
}

diesel::table! {
    access_review_line (review_id, position) {
        review_id -> Uuid,
        position -> Int4,
        person_id -> Uuid,
        role -> Text,
        platforms -> Text,
        starts_at -> Timestamptz,
        ends_at -> Nullable<Timestamptz>,
        reason -> Text,
        granted_by -> Text,
        last_seen -> Nullable<Timestamptz>,
        last_act -> Nullable<Timestamptz>,
        answer -> Nullable<Text>,
        note -> Text,
        answered_by -> Nullable<Uuid>,
        answered_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    alert (id) {
        id -> Uuid,
        platform_id -> Uuid,
        rule_id -> Nullable<Uuid>,
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
        reading -> Text,
        acknowledgement_ended_at -> Nullable<Timestamptz>,
        acknowledged_by_key -> Nullable<Text>,
        labels -> Jsonb,
        flapping_since -> Nullable<Timestamptz>,
        assigned_to -> Nullable<Uuid>,
        assigned_name -> Nullable<Text>,
        assigned_at -> Nullable<Timestamptz>,
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
    alert_decision (id) {
        id -> Uuid,
        alert_id -> Uuid,
        at -> Timestamptz,
        kind -> Text,
        news -> Text,
        who -> Text,
        why -> Text,
        channel -> Nullable<Text>,
        address -> Nullable<Text>,
        notice_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    alert_incident (alert_id) {
        alert_id -> Uuid,
        incident_id -> Uuid,
        title -> Text,
        live -> Bool,
    }
}

diesel::table! {
    alert_next (alert_id) {
        alert_id -> Uuid,
        at -> Timestamptz,
        who -> Text,
    }
}

diesel::table! {
    api_key (id) {
        id -> Text,
        name -> Text,
        scopes -> Array<Nullable<Text>>,
        networks -> Array<Nullable<Text>>,
        limited -> Bool,
        secret -> Bytea,
        secret_made_at -> Timestamptz,
        previous_secret -> Nullable<Bytea>,
        previous_ends_at -> Nullable<Timestamptz>,
        created_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        revoked_by -> Nullable<Text>,
        last_used_at -> Nullable<Timestamptz>,
        last_used_from -> Nullable<Text>,
        log_read_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    api_key_platform (key_id, platform_id) {
        key_id -> Text,
        platform_id -> Uuid,
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
    log_check (one) {
        one -> Bool,
        next_idx -> Int8,
        checked_at -> Timestamptz,
        whole_at -> Nullable<Timestamptz>,
        finding -> Nullable<Text>,
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
    audit_decision (idx) {
        idx -> Int8,
        body -> Bytea,
        leaf_hash -> Bytea,
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
    audit_inbox (recorded_at, id) {
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
    audit_refused (id, sha256) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
        reason -> Text,
        refused_at -> Timestamptz,
        sha256 -> Bytea,
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
    break_glass_use (id) {
        id -> Uuid,
        person_id -> Uuid,
        session_id -> Uuid,
        network -> Text,
        used_at -> Timestamptz,
        reviewed_by -> Nullable<Uuid>,
        reviewed_at -> Nullable<Timestamptz>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    breaker (id) {
        id -> Uuid,
        platform_id -> Nullable<Uuid>,
        connector_id -> Nullable<Uuid>,
        dependency -> Text,
        operation -> Text,
        name -> Text,
        made_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
        state -> Text,
        since -> Timestamptz,
        recent -> Text,
        passed -> Int4,
        openings -> Int4,
        retry_at -> Nullable<Timestamptz>,
        trial -> Nullable<Uuid>,
        trial_until -> Nullable<Timestamptz>,
        ends_at -> Nullable<Timestamptz>,
        wait_until -> Nullable<Timestamptz>,
        failing_since -> Nullable<Timestamptz>,
        answered -> Int8,
        failed -> Int8,
        limited -> Int8,
        short_circuited -> Int8,
        called_at -> Nullable<Timestamptz>,
        due_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    breaker_call (id) {
        id -> Uuid,
        breaker_id -> Uuid,
        at -> Timestamptz,
        verdict -> Text,
        answer -> Text,
        took_ms -> Int8,
        wait_secs -> Nullable<Int8>,
        trial -> Bool,
    }
}

diesel::table! {
    breaker_proposal (id) {
        id -> Uuid,
        breaker_id -> Uuid,
        reason -> Text,
        ends_at -> Timestamptz,
        asked_at -> Timestamptz,
        asked_by -> Uuid,
        asked_name -> Text,
        answer -> Nullable<Text>,
        answered_at -> Nullable<Timestamptz>,
        answered_by -> Nullable<Uuid>,
        answered_name -> Nullable<Text>,
    }
}

diesel::table! {
    breaker_turn (id) {
        id -> Uuid,
        breaker_id -> Uuid,
        at -> Timestamptz,
        was -> Text,
        now -> Text,
        why -> Text,
        by_person -> Nullable<Uuid>,
        by_name -> Nullable<Text>,
        reason -> Nullable<Text>,
        proposal_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    capacity_day (capacity_id, day) {
        capacity_id -> Uuid,
        day -> Date,
        low -> Float8,
        high -> Float8,
        last -> Float8,
        last_at -> Timestamptz,
        readings -> Int4,
        demo -> Bool,
    }
}

diesel::table! {
    case_decision (id) {
        id -> Uuid,
        case_id -> Uuid,
        decision -> Text,
        reasons -> Array<Nullable<Text>>,
        note -> Bytea,
        case_version -> Int4,
        payload_hash -> Bytea,
        two_people -> Bool,
        state -> Text,
        proposer_id -> Uuid,
        proposed_at -> Timestamptz,
        approver_id -> Nullable<Uuid>,
        approved_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    case_step (id) {
        id -> Uuid,
        case_id -> Uuid,
        at -> Timestamptz,
        person_id -> Nullable<Uuid>,
        case_version -> Int4,
        what -> Text,
        note -> Nullable<Bytea>,
    }
}

diesel::table! {
    checklist_answer (id) {
        id -> Uuid,
        run_id -> Uuid,
        item -> Text,
        at -> Timestamptz,
        answered_by -> Nullable<Uuid>,
        answered_name -> Text,
        outcome -> Text,
        value -> Text,
        source -> Text,
        seen_at -> Nullable<Timestamptz>,
        note -> Text,
        reference -> Text,
        alert_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    checklist_evidence (id) {
        id -> Uuid,
        run_id -> Uuid,
        item -> Text,
        at -> Timestamptz,
        added_by -> Uuid,
        added_name -> Text,
        file_id -> Uuid,
        byte_count -> Int8,
        sha256 -> Bytea,
    }
}

diesel::table! {
    checklist_run (id) {
        id -> Uuid,
        platform_id -> Uuid,
        item_id -> Uuid,
        name -> Text,
        spec -> Jsonb,
        schedule -> Text,
        slot -> Timestamptz,
        due_at -> Timestamptz,
        opened_at -> Timestamptz,
        opened_by -> Nullable<Uuid>,
        opened_name -> Text,
        subject -> Text,
        window_id -> Nullable<Uuid>,
        state -> Text,
        signed_at -> Nullable<Timestamptz>,
        signed_by -> Nullable<Uuid>,
        signed_name -> Nullable<Text>,
        performers -> Nullable<Array<Nullable<Uuid>>>,
        contents -> Nullable<Text>,
        digest -> Nullable<Bytea>,
        failed -> Nullable<Int4>,
        reviewed_at -> Nullable<Timestamptz>,
        reviewed_by -> Nullable<Uuid>,
        reviewed_name -> Nullable<Text>,
        review_note -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        end_note -> Nullable<Text>,
    }
}

diesel::table! {
    digest (id) {
        id -> Uuid,
        platform_id -> Uuid,
        kind -> Text,
        from_at -> Timestamptz,
        to_at -> Timestamptz,
        made_at -> Timestamptz,
        figures -> Jsonb,
    }
}

diesel::table! {
    display (id) {
        id -> Uuid,
        key_id -> Text,
        token_hash -> Bytea,
        made_at -> Timestamptz,
        opened_at -> Nullable<Timestamptz>,
        last_seen_at -> Nullable<Timestamptz>,
        last_seen_from -> Nullable<Text>,
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
        confirmation -> Nullable<Bytea>,
    }
}

diesel::table! {
    escalation (alert_id) {
        alert_id -> Uuid,
        policies -> Jsonb,
        phase -> Text,
        level -> Text,
        begun -> Int4,
        step -> Int4,
        round -> Int4,
        due_at -> Nullable<Timestamptz>,
        told_lately -> Bool,
        told_in_round -> Bool,
        held_back -> Bool,
        opened_at -> Timestamptz,
        flap_told -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    event_receipt (id) {
        id -> Uuid,
        source_id -> Uuid,
        message_id -> Text,
        at -> Timestamptz,
        kind -> Text,
        event_type_id -> Nullable<Uuid>,
        body -> Nullable<Bytea>,
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
    event_source (id) {
        id -> Uuid,
        platform_id -> Uuid,
        name -> Text,
        secret -> Bytea,
        secret_made_at -> Timestamptz,
        previous_secret -> Nullable<Bytea>,
        previous_until -> Nullable<Timestamptz>,
        state -> Text,
        changed_at -> Timestamptz,
        made_at -> Timestamptz,
        made_by -> Text,
        known -> Int8,
        unknown -> Int8,
        repeated -> Int8,
        refused -> Int8,
        came_at -> Nullable<Timestamptz>,
        refused_at -> Nullable<Timestamptz>,
        refusal -> Nullable<Text>,
    }
}

diesel::table! {
    event_tally (event_type_id) {
        event_type_id -> Uuid,
        reports -> Int8,
    }
}

diesel::table! {
    evidence_export (id) {
        id -> Uuid,
        person_id -> Uuid,
        job_id -> Uuid,
        format -> Text,
        filter -> Jsonb,
        asked_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        file_id -> Nullable<Uuid>,
        events -> Nullable<Int8>,
        bytes -> Nullable<Int8>,
        sha256 -> Nullable<Bytea>,
    }
}

diesel::table! {
    evidence_reading (person_id, what) {
        person_id -> Uuid,
        what -> Bytea,
        read_at -> Timestamptz,
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
    heartbeat (id) {
        id -> Uuid,
        schedule -> Text,
        grace_ms -> Int8,
        expected_since -> Timestamptz,
        changed_at -> Timestamptz,
        state -> Text,
        since -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        pinged_at -> Nullable<Timestamptz>,
        runs -> Jsonb,
        deadline -> Nullable<Timestamptz>,
        secret_hash -> Bytea,
        secret -> Bytea,
        secret_made_at -> Timestamptz,
    }
}

diesel::table! {
    heartbeat_ping (id) {
        id -> Uuid,
        heartbeat_id -> Uuid,
        at -> Timestamptz,
        kind -> Text,
        exit_code -> Nullable<Int2>,
        run -> Nullable<Uuid>,
        took_ms -> Nullable<Int8>,
        method -> Text,
        source -> Text,
        agent -> Text,
        body -> Nullable<Bytea>,
        cut -> Bool,
    }
}

diesel::table! {
    heartbeat_turn (id) {
        id -> Uuid,
        heartbeat_id -> Uuid,
        at -> Timestamptz,
        noticed_at -> Timestamptz,
        was -> Text,
        now -> Text,
        why -> Text,
    }
}

diesel::table! {
    idempotency (key) {
        key -> Uuid,
        actor -> Text,
        location -> Text,
        made_at -> Timestamptz,
        digest -> Nullable<Bytea>,
    }
}

diesel::table! {
    incident (id) {
        id -> Uuid,
        platform_id -> Uuid,
        title -> Text,
        level -> Text,
        was_red -> Bool,
        state -> Text,
        cause -> Text,
        began_at -> Timestamptz,
        opened_at -> Timestamptz,
        opened_name -> Text,
        acknowledged_at -> Nullable<Timestamptz>,
        mitigated_at -> Nullable<Timestamptz>,
        resolved_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        commander_id -> Nullable<Uuid>,
        commander_name -> Nullable<Text>,
        evidence_at -> Nullable<Timestamptz>,
        review_due_at -> Nullable<Timestamptz>,
        taken_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    incident_action (id) {
        id -> Uuid,
        incident_id -> Uuid,
        text -> Text,
        owner_id -> Uuid,
        owner_name -> Text,
        due -> Date,
        overdue_at -> Timestamptz,
        state -> Text,
        outcome -> Text,
        made_at -> Timestamptz,
        made_name -> Text,
        ended_at -> Nullable<Timestamptz>,
        ended_name -> Nullable<Text>,
        made_by -> Nullable<Uuid>,
        ended_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    incident_alert (id) {
        id -> Uuid,
        incident_id -> Uuid,
        alert_id -> Uuid,
        attached_at -> Timestamptz,
        attached_name -> Text,
        detached_at -> Nullable<Timestamptz>,
        detached_name -> Nullable<Text>,
    }
}

diesel::table! {
    incident_entry (id) {
        id -> Uuid,
        incident_id -> Uuid,
        at -> Timestamptz,
        kind -> Text,
        who -> Text,
        source -> Text,
        text -> Text,
        audience -> Nullable<Text>,
        corrects -> Nullable<Uuid>,
    }
}

diesel::table! {
    incident_review (incident_id) {
        incident_id -> Uuid,
        summary -> Text,
        cause -> Text,
        went_well -> Text,
        went_badly -> Text,
        saved_at -> Timestamptz,
        saved_by -> Uuid,
        saved_name -> Text,
        signed_at -> Nullable<Timestamptz>,
        signed_by -> Nullable<Uuid>,
        signed_name -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        approved_by -> Nullable<Uuid>,
        approved_name -> Nullable<Text>,
        authors -> Array<Nullable<Uuid>>,
    }
}

diesel::table! {
    incident_runbook (incident_id, runbook_id) {
        incident_id -> Uuid,
        runbook_id -> Uuid,
        at -> Timestamptz,
        by_name -> Text,
    }
}

diesel::table! {
    incident_step (id) {
        id -> Uuid,
        incident_id -> Uuid,
        runbook_id -> Uuid,
        position -> Int4,
        text -> Text,
        ticked -> Bool,
        at -> Timestamptz,
        by_id -> Uuid,
        by_name -> Text,
    }
}

diesel::table! {
    indicator_claim (id) {
        id -> Uuid,
        indicator_id -> Uuid,
        value -> Float8,
        as_of -> Timestamptz,
        evidence -> Text,
        evidence_sha256 -> Nullable<Text>,
        corrects -> Nullable<Uuid>,
        made_at -> Timestamptz,
        made_by -> Uuid,
        made_name -> Text,
        needs_second -> Bool,
        answer -> Nullable<Text>,
        answered_at -> Nullable<Timestamptz>,
        answered_by -> Nullable<Uuid>,
        answered_name -> Nullable<Text>,
        file_id -> Nullable<Uuid>,
        file_bytes -> Nullable<Int8>,
    }
}

diesel::table! {
    indicator_report (id) {
        id -> Uuid,
        indicator_id -> Uuid,
        at -> Timestamptz,
        value -> Float8,
        demo -> Bool,
        claim_id -> Nullable<Uuid>,
        superseded_by -> Nullable<Uuid>,
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
        heard_at -> Timestamptz,
        rejections_expired_at -> Nullable<Timestamptz>,
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
        missed -> Int8,
        missed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    known_device (token_hash, person_id) {
        token_hash -> Bytea,
        person_id -> Uuid,
        made_at -> Timestamptz,
        expires_at -> Timestamptz,
        id -> Uuid,
        user_agent -> Text,
        address -> Text,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    kyc_assessment (subject_id) {
        subject_id -> Uuid,
        score -> Int2,
        band -> Text,
        contributions -> Jsonb,
        policy_version -> Int4,
        basis -> Bytea,
        assessed_at -> Timestamptz,
        review_at -> Nullable<Timestamptz>,
        document_expires -> Nullable<Date>,
        screened_at -> Nullable<Timestamptz>,
        screened_lists -> Array<Nullable<Text>>,
        platform_id -> Uuid,
    }
}

diesel::table! {
    log_count (source_id, minute, level, component, code) {
        source_id -> Uuid,
        minute -> Timestamptz,
        level -> Int2,
        component -> Text,
        code -> Text,
        lines -> Int8,
    }
}

diesel::table! {
    log_delivery (token) {
        token -> Bytea,
        digest -> Bytea,
        lines -> Int8,
        at -> Timestamptz,
    }
}

diesel::table! {
    log_file (source_id, device, inode) {
        source_id -> Uuid,
        device -> Int8,
        inode -> Int8,
        path -> Text,
        read_bytes -> Int8,
        head -> Bytea,
        head_bytes -> Int8,
        seen_at -> Timestamptz,
    }
}

diesel::table! {
    log_line (id) {
        id -> Int8,
        source_id -> Uuid,
        platform_id -> Uuid,
        at -> Timestamptz,
        level -> Int2,
        component -> Text,
        code -> Text,
        message -> Text,
        latency_ms -> Nullable<Float8>,
        fields -> Jsonb,
    }
}

diesel::table! {
    log_source (id) {
        id -> Uuid,
        claim -> Nullable<Uuid>,
        claimed_until -> Nullable<Timestamptz>,
        looked_at -> Nullable<Timestamptz>,
        error -> Nullable<Text>,
        heard_at -> Nullable<Timestamptz>,
        files -> Nullable<Text>,
    }
}

diesel::table! {
    maintenance_window (id) {
        id -> Uuid,
        platform_id -> Uuid,
        item_id -> Nullable<Uuid>,
        name -> Text,
        services -> Array<Nullable<Uuid>>,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        announced_at -> Timestamptz,
        announced_by -> Nullable<Uuid>,
        announced_name -> Text,
        needs_second -> Bool,
        approved_at -> Nullable<Timestamptz>,
        approved_by -> Nullable<Uuid>,
        approved_name -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Text>,
        ended_name -> Nullable<Text>,
        told_at -> Nullable<Timestamptz>,
        told_off_at -> Nullable<Timestamptz>,
        tell -> Jsonb,
    }
}

diesel::table! {
    measure_step (probe_id, name, at) {
        probe_id -> Uuid,
        name -> Text,
        at -> Timestamptz,
        low -> Float8,
        high -> Float8,
        last -> Float8,
    }
}

diesel::table! {
    notice (id) {
        id -> Uuid,
        platform_id -> Nullable<Uuid>,
        channel -> Text,
        email -> Nullable<Text>,
        endpoint_id -> Nullable<Uuid>,
        about_kind -> Text,
        about_id -> Text,
        title -> Text,
        text -> Text,
        link -> Text,
        level -> Nullable<Text>,
        key -> Text,
        state -> Text,
        why -> Nullable<Text>,
        queued_at -> Timestamptz,
        next_at -> Timestamptz,
        attempts -> Int2,
        ended_at -> Nullable<Timestamptz>,
        lease_until -> Nullable<Timestamptz>,
        fence -> Int8,
        gather -> Nullable<Text>,
        told_with -> Nullable<Uuid>,
    }
}

diesel::table! {
    notice_attempt (notice_id, number) {
        notice_id -> Uuid,
        number -> Int2,
        begun_at -> Timestamptz,
        took_ms -> Int8,
        delivered -> Bool,
        answer -> Text,
    }
}

diesel::table! {
    notice_endpoint (id) {
        id -> Uuid,
        name -> Text,
        kind -> Text,
        host -> Text,
        url -> Bytea,
        secret -> Nullable<Bytea>,
        secret_made_at -> Nullable<Timestamptz>,
        previous_secret -> Nullable<Bytea>,
        previous_until -> Nullable<Timestamptz>,
        state -> Text,
        why -> Nullable<Text>,
        changed_at -> Timestamptz,
        made_at -> Timestamptz,
        made_by -> Text,
        failures -> Int4,
        failing_since -> Nullable<Timestamptz>,
        succeeded_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    notice_seen (mailbox) {
        mailbox -> Text,
        until -> Timestamptz,
    }
}

diesel::table! {
    outside_alert (alert_id) {
        alert_id -> Uuid,
        annotations -> Jsonb,
        generator -> Text,
        ends_at -> Nullable<Timestamptz>,
        seen_at -> Timestamptz,
        sent_by -> Text,
        grace_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    outside_flap (platform_id, fingerprint) {
        platform_id -> Uuid,
        fingerprint -> Text,
        turns -> Array<Nullable<Timestamptz>>,
        held_since -> Nullable<Timestamptz>,
        is_on -> Nullable<Bool>,
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
    pack_change (id) {
        id -> Uuid,
        platform_id -> Uuid,
        base -> Int8,
        source -> Text,
        digest -> Bytea,
        reason -> Text,
        lowers -> Jsonb,
        asked_at -> Timestamptz,
        asked_by -> Uuid,
        asked_name -> Text,
        answer -> Nullable<Text>,
        answered_at -> Nullable<Timestamptz>,
        answered_by -> Nullable<Uuid>,
        answered_name -> Nullable<Text>,
        answer_reason -> Nullable<Text>,
        revision -> Nullable<Int8>,
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
        declared_at -> Timestamptz,
    }
}

diesel::table! {
    pack_revision (platform_id, revision) {
        platform_id -> Uuid,
        revision -> Int8,
        version -> Text,
        source -> Text,
        digest -> Bytea,
        parameters -> Jsonb,
        accepted -> Jsonb,
        differences -> Jsonb,
        lowers -> Jsonb,
        applied_at -> Timestamptz,
        applied_by -> Text,
        applied_name -> Text,
        through -> Text,
        reason -> Nullable<Text>,
        change_id -> Nullable<Uuid>,
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
        page -> Text,
    }
}

diesel::table! {
    passkey (id) {
        id -> Uuid,
        person_id -> Uuid,
        credential_id -> Bytea,
        credential -> Jsonb,
        name -> Text,
        made_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    passkey_ceremony (token_hash) {
        token_hash -> Bytea,
        purpose -> Text,
        session_id -> Nullable<Uuid>,
        state -> Jsonb,
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
        disabled_by -> Nullable<Text>,
        disabled_reason -> Nullable<Text>,
        break_glass -> Bool,
        theme -> Text,
        shortcuts -> Bool,
        live -> Bool,
    }
}

diesel::table! {
    person_identity (id) {
        id -> Uuid,
        person_id -> Uuid,
        issuer -> Text,
        subject -> Text,
        email -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    person_proposal (id) {
        id -> Uuid,
        person_id -> Uuid,
        kind -> Text,
        payload -> Jsonb,
        payload_sha256 -> Bytea,
        reason -> Text,
        confirmation -> Nullable<Bytea>,
        proposed_by -> Uuid,
        proposed_at -> Timestamptz,
        expires_at -> Timestamptz,
        decision -> Nullable<Text>,
        decided_by -> Nullable<Uuid>,
        decided_at -> Nullable<Timestamptz>,
        decided_sha256 -> Nullable<Bytea>,
    }
}

diesel::table! {
    person_grant (person_id, name) {
        person_id -> Uuid,
        name -> Text,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
    }
}

diesel::table! {
    person_role (person_id, role) {
        person_id -> Uuid,
        role -> Text,
        acts -> Bool,
        granted_by -> Text,
        granted_at -> Timestamptz,
        limited -> Bool,
        starts_at -> Timestamptz,
        ends_at -> Nullable<Timestamptz>,
        reason -> Text,
        proposed_by -> Nullable<Text>,
        proposal_id -> Nullable<Uuid>,
        log_from -> Nullable<Timestamptz>,
        log_until -> Nullable<Timestamptz>,
        queues -> Nullable<Array<Nullable<Text>>>,
    }
}

diesel::table! {
    person_role_past (id) {
        id -> Uuid,
        person_id -> Uuid,
        role -> Text,
        starts_at -> Timestamptz,
        ended_at -> Timestamptz,
        reason -> Text,
        granted_by -> Text,
        ended_by -> Text,
        end_reason -> Text,
    }
}

diesel::table! {
    person_role_platform (person_id, role, platform_id) {
        person_id -> Uuid,
        role -> Text,
        platform_id -> Uuid,
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
        reason -> Text,
        payload_sha256 -> Nullable<Bytea>,
        approved_sha256 -> Nullable<Bytea>,
        withdrawn_by -> Nullable<Text>,
        withdrawn_at -> Nullable<Timestamptz>,
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
        measured_at -> Nullable<Timestamptz>,
        interval_ms -> Nullable<Int8>,
        tally -> Nullable<Jsonb>,
    }
}

diesel::table! {
    provider_journey (state_hash) {
        state_hash -> Bytea,
        browser_hash -> Bytea,
        session_id -> Nullable<Uuid>,
        next -> Text,
        subject -> Nullable<Text>,
        email -> Nullable<Text>,
        expires_at -> Timestamptz,
        issuer -> Text,
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
    release (id) {
        id -> Uuid,
        platform_id -> Uuid,
        version_from -> Text,
        version_to -> Text,
        what -> Text,
        planned_at -> Timestamptz,
        checklist_run_id -> Nullable<Uuid>,
        proposed_at -> Timestamptz,
        proposed_by -> Uuid,
        proposed_name -> Text,
        state -> Text,
        round -> Int4,
        approved_at -> Nullable<Timestamptz>,
        approved_by -> Nullable<Uuid>,
        approved_name -> Nullable<Text>,
        started_at -> Nullable<Timestamptz>,
        started_by -> Nullable<Uuid>,
        started_name -> Nullable<Text>,
        back_to -> Nullable<Text>,
        reason -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        passed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    release_event (id) {
        id -> Uuid,
        release_id -> Uuid,
        at -> Timestamptz,
        by_name -> Text,
        what -> Text,
        note -> Text,
    }
}

diesel::table! {
    release_gate (release_id, round, gate) {
        release_id -> Uuid,
        round -> Int4,
        gate -> Text,
        name -> Text,
        stage -> Text,
        position -> Int4,
        spec -> Jsonb,
        asked_at -> Timestamptz,
        asked_by -> Uuid,
        not_before -> Timestamptz,
        outcome -> Text,
        value -> Text,
        source -> Text,
        seen_at -> Nullable<Timestamptz>,
        settled_at -> Nullable<Timestamptz>,
        overridden_at -> Nullable<Timestamptz>,
        overridden_by -> Nullable<Uuid>,
        overridden_name -> Nullable<Text>,
        override_reason -> Nullable<Text>,
    }
}

diesel::table! {
    review_case (id) {
        id -> Uuid,
        number -> Int8,
        platform_id -> Uuid,
        kind -> Text,
        subject_id -> Uuid,
        external_id -> Text,
        subject_kind -> Text,
        status -> Text,
        band -> Text,
        score -> Int2,
        contributions -> Jsonb,
        policy_version -> Int4,
        opened_at -> Timestamptz,
        due_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
        claimed_by -> Nullable<Uuid>,
        claimed_until -> Nullable<Timestamptz>,
        parked_until -> Nullable<Timestamptz>,
        version -> Int4,
        screening_policy_version -> Int4,
        opened_for -> Text,
    }
}

diesel::table! {
    rota_override (id) {
        id -> Uuid,
        rota_id -> Uuid,
        contact_id -> Uuid,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        reason -> Text,
        made_at -> Timestamptz,
        made_by -> Uuid,
        made_name -> Text,
        cancelled_at -> Nullable<Timestamptz>,
        cancelled_by -> Nullable<Uuid>,
        cancelled_name -> Nullable<Text>,
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
        event_type_id -> Nullable<Uuid>,
        flap_turns -> Array<Nullable<Timestamptz>>,
        flap_held_since -> Nullable<Timestamptz>,
        flap_on -> Nullable<Bool>,
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
    sar_audit_decision (idx) {
        idx -> Int8,
        body -> Bytea,
        leaf_hash -> Bytea,
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
    sar_audit_inbox (recorded_at, id) {
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
    sar_audit_refused (id, sha256) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        body -> Bytea,
        reason -> Text,
        refused_at -> Timestamptz,
        sha256 -> Bytea,
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
    sar_grant (id) {
        id -> Uuid,
        person_id -> Uuid,
        name -> Text,
        purpose -> Text,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        proposed_by -> Text,
        proposed_at -> Timestamptz,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sar_viewing (person_id) {
        person_id -> Uuid,
        purpose -> Text,
        opened_at -> Timestamptz,
    }
}

diesel::table! {
    screening_confirmation (source, version, published) {
        source -> Text,
        version -> Int4,
        published -> Date,
        confirmed_at -> Timestamptz,
        confirmed_by -> Text,
    }
}

diesel::table! {
    screening_disposition (id) {
        id -> Uuid,
        hit_id -> Uuid,
        outcome -> Text,
        reason -> Text,
        note -> Bytea,
        subject_hash -> Bytea,
        entry_hash -> Bytea,
        two_people -> Bool,
        payload_hash -> Bytea,
        state -> Text,
        proposer_id -> Uuid,
        proposed_at -> Timestamptz,
        approver_id -> Nullable<Uuid>,
        approved_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    screening_entry (id) {
        id -> Uuid,
        source -> Text,
        reference -> Text,
        kind -> Text,
        content -> Jsonb,
        content_hash -> Bytea,
        since_version -> Int4,
        until_version -> Nullable<Int4>,
    }
}

diesel::table! {
    screening_hit (id) {
        id -> Uuid,
        platform_id -> Uuid,
        subject_id -> Uuid,
        source -> Text,
        reference -> Text,
        entry_id -> Uuid,
        list_version -> Int4,
        score -> Int2,
        exact -> Bool,
        explanation -> Bytea,
        subject_hash -> Bytea,
        entry_hash -> Bytea,
        status -> Text,
        found_at -> Timestamptz,
        changed_at -> Timestamptz,
        version -> Int4,
        report_due -> Nullable<Date>,
        two_people_at -> Int2,
        confirmed_at -> Nullable<Timestamptz>,
        reported_at -> Nullable<Timestamptz>,
        report_reference -> Nullable<Bytea>,
    }
}

diesel::table! {
    screening_list (id) {
        id -> Uuid,
        source -> Text,
        version -> Int4,
        published -> Date,
        loaded_at -> Timestamptz,
        loaded_by -> Text,
        sha256 -> Bytea,
        people -> Int4,
        companies -> Int4,
        vessels -> Int4,
        aircraft -> Int4,
        names -> Int4,
        added -> Int4,
        changed -> Int4,
        removed -> Int4,
        warnings -> Int4,
        invented -> Bool,
        files -> Jsonb,
        notes -> Jsonb,
        drop_accepted -> Nullable<Text>,
    }
}

diesel::table! {
    screening_load (id) {
        id -> Uuid,
        format -> Text,
        source -> Text,
        published -> Date,
        accept_drop -> Nullable<Text>,
        files -> Jsonb,
        asked_by -> Text,
        asked_at -> Timestamptz,
        state -> Text,
        refusal -> Nullable<Text>,
        result -> Nullable<Jsonb>,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    series (id) {
        id -> Int8,
        scrape_id -> Uuid,
        name -> Text,
        labels -> Jsonb,
    }
}

diesel::table! {
    series_point (series_id, at) {
        series_id -> Int8,
        at -> Timestamptz,
        value -> Float8,
    }
}

diesel::table! {
    series_step (series_id, at) {
        series_id -> Int8,
        at -> Timestamptz,
        points -> Int4,
        increase -> Float8,
        low -> Float8,
        high -> Float8,
        last -> Float8,
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
        platform_id -> Nullable<Uuid>,
        proposed_seed -> Nullable<Bytea>,
        proved_at -> Nullable<Timestamptz>,
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
        refused -> Int4,
    }
}

diesel::table! {
    sign_of_life (one) {
        one -> Bool,
        looked_at -> Timestamptz,
        said_at -> Nullable<Timestamptz>,
        trouble -> Nullable<Text>,
    }
}

diesel::table! {
    silence (id) {
        id -> Uuid,
        platform_id -> Uuid,
        matchers -> Jsonb,
        fingerprint -> Nullable<Text>,
        covers_red -> Bool,
        reason -> Text,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        created_at -> Timestamptz,
        created_by -> Nullable<Uuid>,
        created_by_key -> Nullable<Text>,
        created_name -> Text,
        needs_second -> Bool,
        approved_at -> Nullable<Timestamptz>,
        approved_by -> Nullable<Uuid>,
        approved_name -> Nullable<Text>,
        refused_at -> Nullable<Timestamptz>,
        refused_by -> Nullable<Uuid>,
        refused_name -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Text>,
        ended_name -> Nullable<Text>,
        countersign_by -> Nullable<Timestamptz>,
        countersigned_at -> Nullable<Timestamptz>,
        countersigned_by -> Nullable<Uuid>,
        countersigned_name -> Nullable<Text>,
        reminded_at -> Nullable<Timestamptz>,
        snooze -> Bool,
    }
}

diesel::table! {
    slo_figure (month_id, slo_id) {
        month_id -> Uuid,
        slo_id -> Uuid,
        position -> Int4,
        slug -> Text,
        name -> Text,
        service -> Text,
        measured -> Text,
        of_time -> Bool,
        target -> Float8,
        least -> Int4,
        good -> Int8,
        bad -> Int8,
        good_ms -> Int8,
        bad_ms -> Int8,
        unknown_ms -> Int8,
        planned_ms -> Int8,
        days -> Int4,
        days_from -> Nullable<Timestamptz>,
        days_until -> Nullable<Timestamptz>,
        demo -> Bool,
        target_least -> Nullable<Float8>,
        target_most -> Nullable<Float8>,
        changed_at -> Nullable<Timestamptz>,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    slo_month (id) {
        id -> Uuid,
        platform_id -> Uuid,
        month -> Date,
        zone -> Text,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        frozen_at -> Timestamptz,
    }
}

diesel::table! {
    slo_month_file (month_id) {
        month_id -> Uuid,
        text -> Text,
        made_at -> Timestamptz,
    }
}

diesel::table! {
    slo_span (slo_id, span, at) {
        slo_id -> Uuid,
        span -> Text,
        at -> Timestamptz,
        until -> Timestamptz,
        good -> Int8,
        bad -> Int8,
        good_ms -> Int8,
        bad_ms -> Int8,
        unknown_ms -> Int8,
        planned_ms -> Int8,
        demo -> Bool,
        target -> Nullable<Float8>,
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
        assessed_version -> Nullable<Int4>,
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

diesel::joinable!(alert -> api_key (acknowledged_by_key));
diesel::joinable!(alert -> platform (platform_id));
diesel::joinable!(alert_change -> alert (alert_id));
diesel::joinable!(alert_decision -> alert (alert_id));
diesel::joinable!(alert_incident -> alert (alert_id));
diesel::joinable!(alert_incident -> incident (incident_id));
diesel::joinable!(alert_next -> alert (alert_id));
diesel::joinable!(api_key_platform -> api_key (key_id));
diesel::joinable!(api_key_platform -> platform (platform_id));
diesel::joinable!(capacity_day -> pack_item (capacity_id));
diesel::joinable!(breaker -> pack_item (connector_id));
diesel::joinable!(breaker -> platform (platform_id));
diesel::joinable!(breaker_call -> breaker (breaker_id));
diesel::joinable!(breaker_proposal -> breaker (breaker_id));
diesel::joinable!(breaker_turn -> breaker (breaker_id));
diesel::joinable!(breaker_turn -> breaker_proposal (proposal_id));
diesel::joinable!(breaker_turn -> person (by_person));
diesel::joinable!(case_decision -> review_case (case_id));
diesel::joinable!(case_step -> review_case (case_id));
diesel::joinable!(checklist_answer -> alert (alert_id));
diesel::joinable!(checklist_answer -> checklist_run (run_id));
diesel::joinable!(checklist_answer -> person (answered_by));
diesel::joinable!(checklist_evidence -> checklist_run (run_id));
diesel::joinable!(checklist_evidence -> person (added_by));
diesel::joinable!(checklist_run -> maintenance_window (window_id));
diesel::joinable!(checklist_run -> pack_item (item_id));
diesel::joinable!(checklist_run -> platform (platform_id));
diesel::joinable!(digest -> platform (platform_id));
diesel::joinable!(display -> api_key (key_id));
diesel::joinable!(enrolment_link -> person (person_id));
diesel::joinable!(escalation -> alert (alert_id));
diesel::joinable!(event_receipt -> event_source (source_id));
diesel::joinable!(event_receipt -> pack_item (event_type_id));
diesel::joinable!(event_report -> pack_item (event_type_id));
diesel::joinable!(event_source -> platform (platform_id));
diesel::joinable!(event_tally -> pack_item (event_type_id));
diesel::joinable!(file_chunk -> file (file_id));
diesel::joinable!(heartbeat -> pack_item (id));
diesel::joinable!(heartbeat_ping -> heartbeat (heartbeat_id));
diesel::joinable!(heartbeat_turn -> heartbeat (heartbeat_id));
diesel::joinable!(incident -> person (commander_id));
diesel::joinable!(incident -> platform (platform_id));
diesel::joinable!(incident_action -> incident (incident_id));
diesel::joinable!(incident_alert -> alert (alert_id));
diesel::joinable!(incident_alert -> incident (incident_id));
diesel::joinable!(incident_entry -> incident (incident_id));
diesel::joinable!(incident_review -> incident (incident_id));
diesel::joinable!(incident_runbook -> incident (incident_id));
diesel::joinable!(incident_runbook -> pack_item (runbook_id));
diesel::joinable!(incident_step -> incident (incident_id));
diesel::joinable!(incident_step -> pack_item (runbook_id));
diesel::joinable!(incident_step -> person (by_id));
diesel::joinable!(indicator_claim -> pack_item (indicator_id));
diesel::joinable!(indicator_report -> indicator_claim (claim_id));
diesel::joinable!(indicator_report -> pack_item (indicator_id));
diesel::joinable!(intake_batch -> file (file_id));
diesel::joinable!(intake_batch -> platform (platform_id));
diesel::joinable!(intake_record -> intake_batch (batch_id));
diesel::joinable!(intake_record -> subject (subject_id));
diesel::joinable!(intake_rejection -> intake_batch (batch_id));
diesel::joinable!(job -> job_schedule (schedule));
diesel::joinable!(known_device -> person (person_id));
diesel::joinable!(kyc_assessment -> subject (subject_id));
diesel::joinable!(log_count -> log_source (source_id));
diesel::joinable!(log_file -> log_source (source_id));
diesel::joinable!(log_line -> log_source (source_id));
diesel::joinable!(log_line -> platform (platform_id));
diesel::joinable!(log_source -> pack_item (id));
diesel::joinable!(maintenance_window -> pack_item (item_id));
diesel::joinable!(maintenance_window -> platform (platform_id));
diesel::joinable!(measure_step -> pack_item (probe_id));
diesel::joinable!(notice -> notice_endpoint (endpoint_id));
diesel::joinable!(notice -> platform (platform_id));
diesel::joinable!(notice_attempt -> notice (notice_id));
diesel::joinable!(outside_alert -> alert (alert_id));
diesel::joinable!(outside_flap -> platform (platform_id));
diesel::joinable!(pack -> platform (platform_id));
diesel::joinable!(pack_change -> platform (platform_id));
diesel::joinable!(pack_item -> platform (platform_id));
diesel::joinable!(pack_revision -> pack_change (change_id));
diesel::joinable!(pack_revision -> platform (platform_id));
diesel::joinable!(parked_form -> person (person_id));
diesel::joinable!(passkey -> person (person_id));
diesel::joinable!(passkey_ceremony -> session (session_id));
diesel::joinable!(password -> person (person_id));
diesel::joinable!(person_grant -> person (person_id));
diesel::joinable!(person_identity -> person (person_id));
diesel::joinable!(person_role_past -> person (person_id));
diesel::joinable!(probe_change -> pack_item (probe_id));
diesel::joinable!(probe_run -> pack_item (probe_id));
diesel::joinable!(probe_state -> pack_item (probe_id));
diesel::joinable!(provider_journey -> session (session_id));
diesel::joinable!(recovery_code -> person (person_id));
diesel::joinable!(release -> checklist_run (checklist_run_id));
diesel::joinable!(release -> platform (platform_id));
diesel::joinable!(release_event -> release (release_id));
diesel::joinable!(release_gate -> release (release_id));
diesel::joinable!(review_case -> platform (platform_id));
diesel::joinable!(review_case -> subject (subject_id));
diesel::joinable!(rule_state -> pack_item (rule_id));
diesel::joinable!(sample -> pack_item (probe_id));
diesel::joinable!(sar_grant -> person (person_id));
diesel::joinable!(sar_viewing -> person (person_id));
diesel::joinable!(screening_disposition -> screening_hit (hit_id));
diesel::joinable!(screening_hit -> platform (platform_id));
diesel::joinable!(screening_hit -> screening_entry (entry_id));
diesel::joinable!(screening_hit -> subject (subject_id));
diesel::joinable!(series -> pack_item (scrape_id));
diesel::joinable!(series_point -> series (series_id));
diesel::joinable!(series_step -> series (series_id));
diesel::joinable!(session -> person (person_id));
diesel::joinable!(silence -> api_key (created_by_key));
diesel::joinable!(silence -> platform (platform_id));
diesel::joinable!(slo_figure -> pack_item (slo_id));
diesel::joinable!(slo_figure -> slo_month (month_id));
diesel::joinable!(slo_month -> platform (platform_id));
diesel::joinable!(slo_month_file -> slo_month (month_id));
diesel::joinable!(slo_span -> pack_item (slo_id));
diesel::joinable!(subject -> platform (platform_id));
diesel::joinable!(subject_personal -> subject (subject_id));
diesel::joinable!(subject_token -> subject (subject_id));
diesel::joinable!(totp -> person (person_id));

diesel::joinable!(access_review_line -> access_review (review_id));
