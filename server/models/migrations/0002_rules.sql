-- What the database itself refuses. Tortoise drops Meta.constraints in a first migration, so they stand here.

CREATE UNIQUE INDEX candidate_id_index ON candidate (id_index);
CREATE INDEX candidate_school ON candidate (school_id);
CREATE UNIQUE INDEX site_one ON site (school_id, kind_id, level);
CREATE UNIQUE INDEX binding_openid ON binding (account, openid) WHERE unbound_at IS NULL;
CREATE UNIQUE INDEX binding_candidate ON binding (account, candidate_id) WHERE unbound_at IS NULL;
CREATE INDEX binding_candidate_all ON binding (candidate_id);
CREATE INDEX officer_school ON officer (school_id);
CREATE UNIQUE INDEX officer_oa ON officer (oa_openid) WHERE oa_openid <> '';
CREATE UNIQUE INDEX officer_mp ON officer (mp_openid) WHERE mp_openid <> '';
CREATE UNIQUE INDEX officer_invitation ON officer (invitation_hash) WHERE invitation_hash IS NOT NULL;
CREATE INDEX api_token_staff ON api_token (staff_id);
CREATE UNIQUE INDEX api_token_hash ON api_token (token_hash);

CREATE UNIQUE INDEX standard_one ON standard_version (kind_id, version);
CREATE UNIQUE INDEX plan_slot_one ON plan_slot (plan_id, level, subject);
CREATE UNIQUE INDEX registration_one ON registration (plan_id, candidate_id, site_id);
CREATE INDEX registration_candidate ON registration (candidate_id);
CREATE INDEX registration_site ON registration (site_id, plan_id);
CREATE UNIQUE INDEX score_one ON score (registration_id, subject);
CREATE UNIQUE INDEX practice_one ON practice_record (candidate_id, level);
ALTER TABLE score ADD CONSTRAINT score_range CHECK (score IS NULL OR (score >= 0 AND score <= 100));
ALTER TABLE score ADD CONSTRAINT score_status CHECK ((status = 'scored') = (score IS NOT NULL));

CREATE UNIQUE INDEX issuance_one ON issuance (plan_id, site_id) WHERE state <> 'issued';
CREATE INDEX issuance_plan ON issuance (plan_id, site_id);
CREATE INDEX issuance_state ON issuance (state);
CREATE INDEX issuance_site ON issuance (site_id);
ALTER TABLE issuance ADD CONSTRAINT issuance_states CHECK
    (state IN ('prepared', 'site_pending', 'returned', 'school_signed', 'generating', 'issued'));
CREATE INDEX scan_ticket_issuance ON scan_ticket (issuance_id, created_at DESC);
ALTER TABLE scan_ticket ADD CONSTRAINT scan_ticket_spent CHECK
    ((spent_by_id IS NULL) = (spent_at IS NULL) AND (spent_by_id IS NULL) = (spent_as = ''));
CREATE INDEX receipt_issuance ON receipt (issuance_id);
CREATE INDEX certificate_issuance ON certificate (issuance_id, state);
CREATE INDEX certificate_candidate ON certificate (candidate_id);
CREATE INDEX certificate_successor ON certificate (superseded_by_id) WHERE superseded_by_id IS NOT NULL;
CREATE UNIQUE INDEX certificate_living ON certificate (registration_id) WHERE state IN ('reserved', 'drawing', 'valid');
ALTER TABLE certificate ADD CONSTRAINT certificate_states CHECK
    (state IN ('reserved', 'void', 'drawing', 'valid', 'revoked', 'superseded'));
ALTER TABLE certificate ADD CONSTRAINT certificate_sealed CHECK
    (state NOT IN ('valid', 'revoked', 'superseded') OR (pdf_sha256 IS NOT NULL AND claims_sha256 IS NOT NULL));

CREATE INDEX delivery_due ON delivery (next_try_at) WHERE state IN ('pending', 'sending');
CREATE INDEX delivery_msgid ON delivery (msgid) WHERE msgid <> '';
CREATE INDEX delivery_candidate ON delivery (candidate_id);
CREATE INDEX delivery_officer ON delivery (officer_id);

CREATE INDEX audit_subject ON audit_entry (subject_kind, subject_id, id);
CREATE INDEX audit_at ON audit_entry (at);
CREATE UNIQUE INDEX idempotent_one ON idempotent_answer (owner, key);

CREATE FUNCTION audit_entry_is_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '审计记录不可修改或删除' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_for_ever();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_for_ever();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_change;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_truncate;

CREATE FUNCTION lookup_change_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('xcert_lookup', NEW.id::text || ' ' || NEW.scope);
    RETURN NULL;
END $$;
CREATE TRIGGER lookup_change_tell AFTER INSERT ON lookup_change
    FOR EACH ROW EXECUTE FUNCTION lookup_change_tells();
