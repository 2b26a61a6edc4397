-- What the database itself refuses and tells. Tortoise drops Meta.constraints in a first migration, and foreign keys
-- have no index of their own: so they stand here.

CREATE INDEX audit_subject ON audit_entry (subject_kind, subject_id, id);
CREATE INDEX audit_at ON audit_entry (at);
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
CREATE INDEX audit_action ON audit_entry (action, id);
CREATE INDEX audit_actor ON audit_entry (actor_kind, actor_id, id);
CREATE INDEX audit_actor_name ON audit_entry (actor_name, id);

CREATE UNIQUE INDEX idempotent_one ON idempotent_answer (owner, key);

CREATE FUNCTION lookup_change_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('xcert_lookup', NEW.id::text || ' ' || NEW.scope);
    RETURN NULL;
END $$;
CREATE TRIGGER lookup_change_tell AFTER INSERT ON lookup_change
    FOR EACH ROW EXECUTE FUNCTION lookup_change_tells();

CREATE INDEX push_seen_late ON push_seen (next_try_at) WHERE state IN ('taken', 'waiting', 'sending');
ALTER TABLE push_seen ADD CONSTRAINT push_seen_states CHECK
    (state IN ('taken', 'answered', 'waiting', 'sending', 'sent', 'done', 'closed', 'refused', 'unknown', 'failed'));
ALTER TABLE push_seen ADD CONSTRAINT push_seen_waits CHECK
    (state NOT IN ('waiting', 'sending') OR (push IS NOT NULL AND late_since IS NOT NULL AND next_try_at IS NOT NULL));
