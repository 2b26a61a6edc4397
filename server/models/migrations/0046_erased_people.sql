-- Nothing new is told to, charged to or listed of who is erased, whatever read them a moment before.
CREATE TRIGGER delivery_of_erased AFTER INSERT ON delivery REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();
CREATE TRIGGER fee_of_erased AFTER INSERT ON fee REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();
CREATE TRIGGER fee_order_of_erased AFTER INSERT ON fee_order REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();
CREATE TRIGGER listed_of_erased AFTER INSERT ON campaign_listed REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();

-- An erasure is of one person: a candidate, a signing officer, an account or a participant of a course.
ALTER TABLE erasure ADD CONSTRAINT erasure_of_one CHECK (num_nonnulls(candidate_id, officer_id, staff_id, enrolment_id) = 1);
ALTER TABLE erasure ADD CONSTRAINT erasure_not_ones_own CHECK (staff_id IS NULL OR decided_by IS NULL OR decided_by <> staff_id);
CREATE UNIQUE INDEX erasure_open_officer ON erasure (officer_id) WHERE state = 'requested' AND officer_id IS NOT NULL;
CREATE UNIQUE INDEX erasure_open_staff ON erasure (staff_id) WHERE state = 'requested' AND staff_id IS NOT NULL;
CREATE UNIQUE INDEX erasure_open_enrolment ON erasure (enrolment_id) WHERE state = 'requested' AND enrolment_id IS NOT NULL;
CREATE INDEX erasure_officer ON erasure (officer_id) WHERE officer_id IS NOT NULL;
CREATE INDEX erasure_staff ON erasure (staff_id) WHERE staff_id IS NOT NULL;
CREATE INDEX erasure_enrolment ON erasure (enrolment_id) WHERE enrolment_id IS NOT NULL;

-- Who is erased comes back by no write.
CREATE FUNCTION person_is_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '这个人的个人信息已删除' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER officer_erased_stays BEFORE UPDATE ON officer
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION person_is_erased();
CREATE TRIGGER staff_erased_stays BEFORE UPDATE ON staff
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION person_is_erased();
CREATE TRIGGER enrolment_erased_stays BEFORE UPDATE ON course_enrolment
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION person_is_erased();
