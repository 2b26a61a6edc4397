-- Links are for ever, as the entries are; each goes further than the one before.
CREATE UNIQUE INDEX audit_link_until ON audit_link (until_id);
ALTER TABLE audit_link ADD CONSTRAINT audit_link_shape CHECK
    (position > 0 AND count > 0 AND octet_length(entries_sha256) = 32 AND octet_length(hash) = 32);
ALTER TABLE audit_mark ADD CONSTRAINT audit_mark_single CHECK (id = 1);
CREATE TRIGGER audit_link_no_change BEFORE UPDATE OR DELETE ON audit_link
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_for_ever();
CREATE TRIGGER audit_link_no_truncate BEFORE TRUNCATE ON audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_for_ever();
ALTER TABLE audit_link ENABLE ALWAYS TRIGGER audit_link_no_change;
ALTER TABLE audit_link ENABLE ALWAYS TRIGGER audit_link_no_truncate;
