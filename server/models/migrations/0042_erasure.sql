-- Two people for every erasure, one open case for each candidate; what was erased comes back by no write.
CREATE UNIQUE INDEX erasure_open ON erasure (candidate_id) WHERE state = 'requested';
CREATE INDEX erasure_candidate ON erasure (candidate_id);
CREATE INDEX erasure_unfinished ON erasure (id) WHERE state = 'under_way';
CREATE INDEX erasure_state ON erasure (state, id);
ALTER TABLE erasure ADD CONSTRAINT erasure_states CHECK
    (state IN ('requested', 'under_way', 'done', 'refused', 'withdrawn'));
ALTER TABLE erasure ADD CONSTRAINT erasure_decided CHECK
    ((state = 'requested') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL));
ALTER TABLE erasure ADD CONSTRAINT erasure_two_people CHECK
    (state NOT IN ('under_way', 'done', 'refused') OR decided_by <> requested_by);
ALTER TABLE erasure ADD CONSTRAINT erasure_done CHECK ((state = 'done') = (done_at IS NOT NULL));

-- An import or a binding that read the candidate a moment before must not write onto who is erased: it fails and is
-- taken up again, and finds nobody.
CREATE FUNCTION candidate_is_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '这位考生的个人信息已删除' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER candidate_erased_stays BEFORE UPDATE ON candidate
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION candidate_is_erased();
CREATE FUNCTION refers_to_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The foreign key has locked the rows that are referred to by then, so that an erasure under way is waited for.
    IF EXISTS (SELECT 1 FROM written w JOIN candidate c ON c.id = w.candidate_id WHERE c.erased_at IS NOT NULL) THEN
        RAISE EXCEPTION '这位考生的个人信息已删除' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER registration_of_erased AFTER INSERT ON registration REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();
CREATE TRIGGER binding_of_erased AFTER INSERT ON binding REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();

-- The ledger of grants stands for ever, but whose openid its source names may be taken out of it.
CREATE OR REPLACE FUNCTION notice_grant_entry_is_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.source = 'erased:' || OLD.id
       AND (NEW.id, NEW.grant_id, NEW.kind, NEW.change, NEW.teller, NEW.again, NEW.delivery_id, NEW.said_at, NEW.at)
           IS NOT DISTINCT FROM
           (OLD.id, OLD.grant_id, OLD.kind, OLD.change, OLD.teller, OLD.again, OLD.delivery_id, OLD.said_at, OLD.at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '订阅授权记录不可修改或删除' USING ERRCODE = 'restrict_violation';
END $$;
