"""The tables in which no candidate's rows are found by the candidate: staff, officers, files with many people, money, machinery."""

from __future__ import annotations

from server.domain.privacy.holding import Holding

OTHER_TABLES: tuple[Holding, ...] = (
    Holding(
        "api_token",
        people="label staff_id",
        keyed="token_hash",
        other="id scopes created_at expires_at revoked_at",
    ),
    Holding(
        "audit_link",
        other="position until_id count entries_sha256 hash made_at",
    ),
    Holding(
        "audit_mark",
        other="id until_id seen_xid published",
    ),
    Holding(
        "bank_refund",
        people="proof_key recorded_by recorded_by_name decided_by decided_by_name",
        other=(
            "id amount_fen paid_on bank_reference reason proof_kind proof_sha256 state recorded_at "
            "decided_at order_id school_id"
        ),
    ),
    Holding(
        "bank_transfer",
        people="proof_key recorded_by recorded_by_name decided_by decided_by_name",
        other=(
            "id amount_fen received_on bank_reference proof_kind proof_sha256 state recorded_at "
            "decided_at order_id school_id"
        ),
    ),
    Holding(
        "bank_transfer_line",
        other="id amount_fen fee_id transfer_id",
    ),
    Holding(
        "campaign",
        people="author_id author_name submitted_by submitted_by_name decided_by decided_by_name",
        other=(
            "id name kind ways path audience list_counts state start_at not_after quiet_from "
            "quiet_until per_second per_day submitted_at decided_at note frozen_at people reachable "
            "allowance paced_at calls_on calls_today rest_until served_at started_at ended_at "
            "cleared_at created_at ends counted_at"
        ),
    ),
    Holding(
        "certificate_kind",
        other="id code name",
    ),
    Holding(
        "console_session",
        people="way address device",
        keyed="id",
        other="epoch began_at last_used_at expires_at staff_id",
    ),
    Holding(
        "course",
        people="created_by created_by_name",
        other="id title from_on to_on place is_online capacity is_open created_at",
    ),
    Holding(
        "course_enrolment",
        people="name phone_sealed enrolled_by enrolled_by_name",
        keyed="phone_index",
        other="id enrolled_at course_id price_id school_id erased_at",
    ),
    Holding(
        "course_price",
        people="set_by set_by_name",
        other="id amount_fen from_on to_on set_at course_id",
    ),
    Holding(
        "doctor_run",
        people="asked_by_name",
        other="id asked_at ended_at trouble findings",
    ),
    Holding(
        "ended_person",
        keyed="id",
        other="ended_at",
    ),
    Holding(
        "ended_session",
        keyed="id",
        other="expires_at",
    ),
    Holding(
        "finance_alarm",
        passing="content note",
        people="settled_by_name",
        other="id dedup kind raised_at settled_at order_id",
    ),
    Holding(
        "fund_bill_line",
        other="id what kind number wechat_number flow_number amount_fen balance_fen booked_at day_id",
    ),
    Holding(
        "go_live_tick",
        people="staff_id staff_name note",
        other="line at",
    ),
    Holding(
        "idempotent_answer",
        passing="owner body request_sha256",
        other="id key status created_at",
    ),
    Holding(
        "import_run",
        passing="file_name file_key report_key differences errors notes asked creating refusal",
        people="created_by actor",
        other=(
            "id kind file_sha256 is_dry_run all_or_nothing state refusal_code rows_total rows_done "
            "rows_taken rows_unchanged rows_refused rows_new rows_changed rows_skipped fingerprint "
            "check_id attempts touched_at created_at finished_at"
        ),
    ),
    Holding(
        "index_epoch",
        other="id epoch newest",
    ),
    Holding(
        "issuance",
        people="org_signed_by",
        other=(
            "id state revision list_sha256 count return_reason org_signed_at school_signed_at "
            "handed_over_at issued_on issued_at announced_at created_at plan_id site_id corrects_id "
            "correction_word paper_settled"
        ),
    ),
    Holding(
        "ledger_entry",
        other="id account amount_fen posting_id",
    ),
    Holding(
        "ledger_posting",
        other="id source at order_id",
    ),
    Holding(
        "log_checkpoint",
        other="size root note created_at",
    ),
    Holding(
        "log_cosignature",
        other="id size witness line signed_at",
    ),
    Holding(
        "log_entry",
        other="index event certificate entry",
    ),
    Holding(
        "log_head",
        other="id origin writer writer_until stopped_reason stopped_at looked_through complete_at",
    ),
    Holding(
        "log_outbox",
        other="id event certificate entry created_at",
    ),
    Holding(
        "login_wechat",
        people="openid staff_id",
        other="id bound_at",
    ),
    Holding(
        "lookup_change",
        keyed="scope",
        other="id at",
    ),
    Holding(
        "name_character",
        other="character",
    ),
    Holding(
        "notice_hold",
        other="id since reason",
    ),
    Holding(
        "number_series",
        other="id prefix given",
    ),
    Holding(
        "officer",
        people="name mobile_sealed oa_openid mp_openid",
        keyed="mobile_index invitation_hash pin_hash",
        other=(
            "id state invitation_expires_at invitation_failures pin_failures pin_locked_until "
            "created_at suspended_at school_id until erased_at"
        ),
    ),
    Holding(
        "officer_backer",
        people="staff_id role",
        other="id act at officer_id",
    ),
    Holding(
        "paper_hand",
        people="from_name to_name",
        other="id step at run_id",
    ),
    Holding(
        "paper_run",
        people="slip holder_id holder_name courier tracking_number created_by created_by_name",
        other=(
            "id state prefix width first_sheet last_sheet left_out taken_at sent_at received_at "
            "received_count difference_note cancel_reason created_at issuance_id"
        ),
    ),
    Holding(
        "passkey",
        people="label",
        keyed="credential_id public_key",
        other="id sign_count is_backed_up created_at last_used_at staff_id",
    ),
    Holding(
        "pay_bill_line",
        other=("id what number wechat_number order_number amount_fen charge_fen expected_charge_fen day_id"),
    ),
    Holding(
        "pay_inbox",
        other="id event content received_at applied_at failures next_try_at",
    ),
    Holding(
        "plan",
        other="id name exam_date release_at announced_at requires_practice created_at kind_id",
    ),
    Holding(
        "plan_slot",
        other="id level subject starts_at ends_at plan_id",
    ),
    Holding(
        "portal_list",
        people="taken_by_name",
        other=("id taken_at rows compared_at kept same differs theirs_only ours listed ours_only uncompared"),
    ),
    Holding(
        "preparation",
        people="actor",
        other=(
            "id after_site sites_total sites_done made updated tries refusals created_at touched_at "
            "finished_at plan_id"
        ),
    ),
    Holding(
        "price",
        people="set_by set_by_name",
        other="id level candidate_kind amount_fen from_on to_on set_at plan_id",
    ),
    Holding(
        "procrastinate_events",
        other="id job_id type at",
    ),
    Holding(
        "procrastinate_jobs",
        other=(
            "id queue_name task_name priority lock queueing_lock args status scheduled_at attempts "
            "abort_requested worker_id"
        ),
    ),
    Holding(
        "procrastinate_periodic_defers",
        other="id task_name defer_timestamp job_id periodic_id",
    ),
    Holding(
        "procrastinate_workers",
        other="id last_heartbeat",
    ),
    Holding(
        "push_seen",
        passing="key reply push last_error",
        other="at state attempts late_since next_try_at settled_at",
    ),
    Holding(
        "receipt",
        people="document officer_id",
        other="id created_at issuance_id ticket_id",
    ),
    Holding(
        "reconciliation_day",
        people="closed_by_name",
        other=(
            "id day state payments payments_fen refunds refunds_fen charges_fen compared_at "
            "next_try_at trouble closed_at flows flows_in_fen flows_out_fen start_fen end_fen "
            "books_end_fen"
        ),
    ),
    Holding(
        "reconciliation_difference",
        people="settled_by settled_by_name",
        other="id kind what number wechat_number theirs_fen ours_fen found_at settled_at note day_id",
    ),
    Holding(
        "registration_unpriced",
        other="registration_id",
    ),
    Holding(
        "release_request",
        people="requested_by requested_by_name decided_by decided_by_name",
        other="id at registered passed pending state requested_at decided_at decision_note plan_id",
    ),
    Holding(
        "scan_ticket",
        people="shown_by spent_by_id",
        keyed="list_sha256",
        other=(
            "id revision key_epoch created_at expires_at replaced_at opened_at spent_at spent_as "
            "issuance_id school_id"
        ),
    ),
    Holding(
        "school",
        people="contact",
        other="id name created_at",
    ),
    Holding(
        "sealed_file",
        people="key",
        other="epoch",
    ),
    Holding(
        "site",
        other="id level name is_open created_at kind_id school_id",
    ),
    Holding(
        "staff",
        people="username name role",
        keyed="password_hash otp_sealed recovery_codes",
        other=(
            "id must_change_password otp_last_step is_active session_epoch login_epoch created_at "
            "school_id has_passkey erased_at"
        ),
    ),
    Holding(
        "staff_change",
        people="reason asked_by asked_by_name decided_by decided_by_name note staff_id",
        other="id act was_role role state asked_at decided_at school_id",
    ),
    Holding(
        "staff_wechat",
        people="staff_id openid",
        other="id linked_at",
    ),
    Holding(
        "standard_version",
        other="id version effective_on kind_id",
    ),
    Holding(
        "tortoise_migrations",
        other="id app name applied_at",
    ),
)
