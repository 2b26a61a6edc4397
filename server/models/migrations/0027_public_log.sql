-- Every event stands in the log once, and what stands there is neither changed nor deleted.

CREATE UNIQUE INDEX log_outbox_once ON log_outbox (certificate, event);
CREATE UNIQUE INDEX log_entry_once ON log_entry (certificate, event);
CREATE UNIQUE INDEX log_cosignature_one ON log_cosignature (size, witness);
ALTER TABLE log_outbox ADD CONSTRAINT log_outbox_events CHECK (event IN ('issued', 'revoked', 'superseded'));
ALTER TABLE log_entry ADD CONSTRAINT log_entry_events CHECK (event IN ('issued', 'revoked', 'superseded'));
ALTER TABLE log_entry ADD CONSTRAINT log_entry_places CHECK (index >= 0);
ALTER TABLE log_head ADD CONSTRAINT log_head_is_one CHECK (id = 1);
ALTER TABLE log_head ADD CONSTRAINT log_head_says_why CHECK ((stopped_reason = '') = (stopped_at IS NULL));

CREATE FUNCTION log_is_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '公开签发日志不可修改或删除' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER log_entry_no_change BEFORE UPDATE OR DELETE ON log_entry
    FOR EACH ROW EXECUTE FUNCTION log_is_for_ever();
CREATE TRIGGER log_entry_no_truncate BEFORE TRUNCATE ON log_entry
    FOR EACH STATEMENT EXECUTE FUNCTION log_is_for_ever();
CREATE TRIGGER log_checkpoint_no_change BEFORE UPDATE OR DELETE ON log_checkpoint
    FOR EACH ROW EXECUTE FUNCTION log_is_for_ever();
CREATE TRIGGER log_checkpoint_no_truncate BEFORE TRUNCATE ON log_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION log_is_for_ever();
ALTER TABLE log_entry ENABLE ALWAYS TRIGGER log_entry_no_change;
ALTER TABLE log_entry ENABLE ALWAYS TRIGGER log_entry_no_truncate;
ALTER TABLE log_checkpoint ENABLE ALWAYS TRIGGER log_checkpoint_no_change;
ALTER TABLE log_checkpoint ENABLE ALWAYS TRIGGER log_checkpoint_no_truncate;
