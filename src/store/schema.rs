//! The tables, as diesel knows them. `tests/it/store/schema.rs` compares them with both databases.

#![expect(missing_docs, reason = "the columns are documented in the migrations")]

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    organizations (id) {
        id -> Id,
        name -> Text,
        display_name -> Text,
        retention_days -> Integer,
        purge_protection -> Bool,
        require_test_after_restore -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
        brake_deletions -> Integer,
        brake_percent -> Integer,
        brake_refuses -> Bool,
        purge_paused_at -> Nullable<Moment>,
        purge_paused_by -> Nullable<Text>,
        purge_pause_reason -> Nullable<Text>,
        hold_while_used -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    api_keys (org_id, id) {
        org_id -> Id,
        id -> Id,
        name -> Text,
        scopes -> Text,
        digest -> Text,
        created_at -> Moment,
        created_by -> Text,
        expires_at -> Nullable<Moment>,
        revoked_at -> Nullable<Moment>,
        last_used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    integrations (org_id, id) {
        org_id -> Id,
        id -> Id,
        key -> Text,
        name -> Text,
        connector -> Text,
        settings -> Text,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
        generation -> BigInt,
        deletion_protection -> Bool,
        revoke_on_delete -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    connections (org_id, id) {
        org_id -> Id,
        id -> Id,
        name -> Text,
        name_key -> Text,
        connector -> Text,
        integration -> Text,
        integration_id -> Nullable<Id>,
        external_id -> Nullable<Text>,
        settings -> Text,
        tags -> Text,
        metadata -> Text,
        status -> Text,
        generation -> BigInt,
        deletion_protection -> Bool,
        last_test -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    models (org_id, id) {
        org_id -> Id,
        id -> Id,
        connection_id -> Id,
        base_model_id -> Nullable<Id>,
        name -> Text,
        kind -> Text,
        external_id -> Nullable<Text>,
        body -> Text,
        deletion_protection -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    content (org_id, id) {
        org_id -> Id,
        id -> Id,
        connection_id -> Id,
        model_id -> Nullable<Id>,
        name -> Text,
        kind -> Text,
        external_id -> Nullable<Text>,
        body -> Text,
        deletion_protection -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    links (org_id, from_id, to_id) {
        org_id -> Id,
        from_id -> Id,
        to_id -> Id,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    trash_entries (org_id, id) {
        org_id -> Id,
        id -> Id,
        state -> Text,
        root_kind -> Text,
        root_id -> Id,
        root_name -> Text,
        root_name_key -> Text,
        root_external_id -> Nullable<Text>,
        connector -> Text,
        integration -> Text,
        connection_id -> Nullable<Id>,
        model_id -> Nullable<Id>,
        deleted_at -> Moment,
        deleted_by -> Text,
        deleted_by_name -> Nullable<Text>,
        key_id -> Nullable<Id>,
        reason -> Nullable<Text>,
        purge_at -> Moment,
        purge_protected -> Bool,
        connections_count -> BigInt,
        models_count -> BigInt,
        content_count -> BigInt,
        links_count -> BigInt,
        references_count -> BigInt,
        secret_shape -> Text,
        secrets_shredded -> BigInt,
        shredded_at -> Nullable<Moment>,
        erased_at -> Nullable<Moment>,
        key_epoch -> Nullable<Integer>,
        closed_at -> Nullable<Moment>,
        closed_by -> Nullable<Text>,
        closed_by_name -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    trash_integrations (org_id, id) {
        org_id -> Id,
        id -> Id,
        key -> Text,
        name -> Text,
        connector -> Text,
        settings -> Text,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
        generation -> BigInt,
        deletion_protection -> Bool,
        revoke_on_delete -> Bool,
        entry_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    trash_connections (org_id, id) {
        org_id -> Id,
        id -> Id,
        name -> Text,
        name_key -> Text,
        connector -> Text,
        integration -> Text,
        integration_id -> Nullable<Id>,
        external_id -> Nullable<Text>,
        settings -> Text,
        tags -> Text,
        metadata -> Text,
        status -> Text,
        generation -> BigInt,
        deletion_protection -> Bool,
        last_test -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
        entry_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    trash_models (org_id, id) {
        org_id -> Id,
        id -> Id,
        connection_id -> Id,
        base_model_id -> Nullable<Id>,
        name -> Text,
        kind -> Text,
        external_id -> Nullable<Text>,
        body -> Text,
        deletion_protection -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
        entry_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    trash_content (org_id, id) {
        org_id -> Id,
        id -> Id,
        connection_id -> Id,
        model_id -> Nullable<Id>,
        name -> Text,
        kind -> Text,
        external_id -> Nullable<Text>,
        body -> Text,
        deletion_protection -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
        entry_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    trash_links (org_id, from_id, to_id) {
        org_id -> Id,
        from_id -> Id,
        to_id -> Id,
        created_at -> Moment,
        entry_id -> Id,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    holds (org_id, id) {
        org_id -> Id,
        id -> Id,
        entry_id -> Id,
        owner -> Text,
        reason -> Text,
        ends_at -> Nullable<Moment>,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    secrets (org_id, owner_kind, owner_id, field) {
        org_id -> Id,
        owner_kind -> Text,
        owner_id -> Id,
        field -> Text,
        slot_id -> BigInt,
        record_id -> Id,
        generation -> BigInt,
        key_epoch -> Integer,
        source_hint -> Nullable<Text>,
        set_at -> Moment,
        set_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    shredded_secrets (org_id, entry_id, owner_kind, owner_id, field) {
        org_id -> Id,
        entry_id -> Id,
        owner_kind -> Text,
        owner_id -> Id,
        field -> Text,
        source_hint -> Nullable<Text>,
        set_at -> Moment,
        set_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    secret_slots (org_id, id) {
        org_id -> Id,
        id -> BigInt,
        size_class -> Integer,
        free -> Bool,
        record -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    key_epochs (epoch) {
        epoch -> Integer,
        check_value -> Text,
        is_primary -> Bool,
        created_at -> Moment,
        destroyed_at -> Nullable<Moment>,
        primary_since -> Nullable<Moment>,
        retired_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    key_replicas (id) {
        id -> Id,
        name -> Text,
        epochs -> Text,
        problem -> Nullable<Text>,
        started_at -> Moment,
        seen_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    shreds (org_id, record_id) {
        org_id -> Id,
        record_id -> Id,
        key_epoch -> Integer,
        shredded_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    erasure_jobs (org_id, id) {
        org_id -> Id,
        id -> Id,
        entry_id -> Nullable<Id>,
        created_at -> Moment,
        finished_at -> Nullable<Moment>,
        attempts -> BigInt,
        last_problem -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    idempotency_keys (org_id, key_id, key) {
        org_id -> Id,
        key_id -> Id,
        key -> Text,
        fingerprint -> Text,
        status -> Integer,
        etag -> Nullable<Text>,
        location -> Nullable<Text>,
        body -> Nullable<Text>,
        shown_once -> Bool,
        created_at -> Moment,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    audit_events (org_id, id) {
        org_id -> Id,
        id -> Id,
        at -> Moment,
        actor_id -> Text,
        actor_name -> Nullable<Text>,
        key_id -> Nullable<Id>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        action -> Text,
        outcome -> Text,
        subject_kind -> Text,
        subject_id -> Nullable<Id>,
        entry_id -> Nullable<Id>,
        detail -> Text,
        announced -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::store::types::{Id, Moment};

    audit_seals (org_id, record_id) {
        org_id -> Id,
        record_id -> Id,
        announced -> Bool,
        tx_id -> BigInt,
        recorded_at -> Moment,
        seq -> Nullable<BigInt>,
        hash -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Integer;
    use crate::store::types::{Id, Moment};

    purge_warnings (org_id, entry_id, days, purge_at) {
        org_id -> Id,
        entry_id -> Id,
        days -> Integer,
        purge_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    imports (org_id, id) {
        org_id -> Id,
        id -> Id,
        source -> Text,
        state -> Text,
        validate_only -> Bool,
        bytes -> BigInt,
        rows_read -> BigInt,
        rows_total -> Nullable<BigInt>,
        report -> Nullable<Text>,
        problems -> Text,
        created_at -> Moment,
        created_by -> Text,
        alive_at -> Moment,
        finished_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    connect_sessions (org_id, id) {
        org_id -> Id,
        id -> Id,
        connection_id -> Id,
        code_digest -> Text,
        cookie_digest -> Nullable<Text>,
        fields -> Text,
        created_at -> Moment,
        created_by -> Text,
        expires_at -> Moment,
        used_at -> Nullable<Moment>,
        ended_at -> Nullable<Moment>,
        redirect_uri -> Nullable<Text>,
        auth_digest -> Nullable<Text>,
        auth_expires_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    access_tokens (org_id, id) {
        org_id -> Id,
        id -> Id,
        connection_id -> Id,
        digest -> Text,
        registered -> Bool,
        created_at -> Moment,
        created_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    connect_tokens (org_id, id) {
        org_id -> Id,
        id -> Id,
        digest -> Text,
        connection_id -> Nullable<Id>,
        context -> Text,
        created_at -> Moment,
        created_by -> Text,
        expires_at -> Moment,
        ended_at -> Nullable<Moment>,
        gone_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    sign_ins (org_id, id) {
        org_id -> Id,
        id -> Id,
        digest -> Text,
        key_id -> Id,
        actor_name -> Nullable<Text>,
        flash -> Nullable<Text>,
        created_at -> Moment,
        seen_at -> Moment,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    revocations (org_id, entry_id, owner_kind, owner_id) {
        org_id -> Id,
        entry_id -> Id,
        owner_kind -> Text,
        owner_id -> Id,
        outcome -> Text,
        tries -> Integer,
        created_at -> Moment,
        finished_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    purge_failures (org_id, entry_id) {
        org_id -> Id,
        entry_id -> Id,
        code -> Text,
        attempts -> BigInt,
        failed_at -> Moment,
        retry_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    brakes (org_id, id) {
        org_id -> Id,
        id -> Id,
        started_at -> Moment,
        covers_from -> Moment,
        connections -> BigInt,
        of_connections -> BigInt,
        released_at -> Nullable<Moment>,
        released_by -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    alarms (org_id, id) {
        org_id -> Id,
        id -> Id,
        code -> Text,
        subject -> Text,
        detail -> Text,
        raised_at -> Moment,
        last_seen_at -> Moment,
        acknowledged_at -> Nullable<Moment>,
        acknowledged_by -> Nullable<Text>,
        acknowledged_by_name -> Nullable<Text>,
        resolved_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    scheduler_ticks (boot_id) {
        boot_id -> Text,
        ticked_at -> Moment,
        uptime -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    receipts (org_id, entry_id) {
        org_id -> Id,
        entry_id -> Id,
        fields -> Text,
        integrations_sha256 -> Text,
        connections_sha256 -> Text,
        models_sha256 -> Text,
        content_sha256 -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    trash_uses (org_id, entry_id, actor_id) {
        org_id -> Id,
        entry_id -> Id,
        actor_id -> Text,
        actor_name -> Nullable<Text>,
        key_id -> Nullable<Id>,
        uses -> BigInt,
        first_used_at -> Moment,
        last_used_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    receipt_keys (org_id, id) {
        org_id -> Id,
        id -> Id,
        public_key -> Text,
        created_at -> Moment,
        retired_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    webhook_endpoints (org_id, id) {
        org_id -> Id,
        id -> Id,
        url -> Text,
        description -> Text,
        format -> Text,
        types -> Text,
        state -> Text,
        stop -> Nullable<Text>,
        position -> BigInt,
        failures -> Integer,
        paused_until -> Nullable<Moment>,
        last_delivered_at -> Nullable<Moment>,
        previous_until -> Nullable<Moment>,
        created_at -> Moment,
        updated_at -> Moment,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    canary_checks (org_id) {
        org_id -> Id,
        run_id -> Nullable<Id>,
        seen_at -> Nullable<Moment>,
        ended_at -> Nullable<Moment>,
        checked_at -> Nullable<Moment>,
        residue -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::store::types::{Id, Moment};

    webhook_deliveries (org_id, endpoint_id, event_id) {
        org_id -> Id,
        endpoint_id -> Id,
        event_id -> Id,
        seq -> BigInt,
        #[sql_name = "type"]
        type_ -> Text,
        body -> Text,
        state -> Text,
        attempts -> Integer,
        outcome -> Nullable<Text>,
        status -> Nullable<Integer>,
        created_at -> Moment,
        next_attempt_at -> Moment,
        leased_until -> Nullable<Moment>,
        attempted_at -> Nullable<Moment>,
        finished_at -> Nullable<Moment>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    organizations,
    api_keys,
    integrations,
    connections,
    models,
    content,
    links,
    trash_entries,
    trash_integrations,
    trash_connections,
    trash_models,
    trash_content,
    trash_links,
    holds,
    secrets,
    shredded_secrets,
    secret_slots,
    key_epochs,
    key_replicas,
    erasure_jobs,
    idempotency_keys,
    audit_events,
    audit_seals,
    purge_warnings,
    imports,
    connect_sessions,
    connect_tokens,
    access_tokens,
    sign_ins,
    revocations,
    shreds,
    purge_failures,
    brakes,
    alarms,
    scheduler_ticks,
    receipts,
    receipt_keys,
    trash_uses,
    canary_checks,
    webhook_endpoints,
    webhook_deliveries,
);
