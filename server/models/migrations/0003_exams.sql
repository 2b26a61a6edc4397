-- One of each, scores in their range, and two people for a change of a published score.

CREATE UNIQUE INDEX standard_one ON standard_version (kind_id, version);

CREATE UNIQUE INDEX plan_slot_one ON plan_slot (plan_id, level, subject);

CREATE UNIQUE INDEX registration_one ON registration (plan_id, candidate_id, site_id);
CREATE INDEX registration_candidate ON registration (candidate_id);
CREATE INDEX registration_site ON registration (site_id, plan_id);
CREATE INDEX registration_passed ON registration (plan_id, site_id) WHERE outcome = 'passed';
CREATE INDEX registration_outcome ON registration (plan_id, outcome, site_id);

CREATE UNIQUE INDEX score_one ON score (registration_id, subject);
ALTER TABLE score ADD CONSTRAINT score_range CHECK (score IS NULL OR (score >= 0 AND score <= 100));
ALTER TABLE score ADD CONSTRAINT score_status CHECK ((status = 'scored') = (score IS NOT NULL));

CREATE UNIQUE INDEX practice_one ON practice_record (candidate_id, level);

-- A check is written at most once; what could not be written may be tried again.
CREATE UNIQUE INDEX import_run_taken_once ON import_run (check_id)
    WHERE check_id IS NOT NULL AND NOT is_dry_run AND state <> 'unreadable';
CREATE INDEX import_run_check ON import_run (check_id) WHERE check_id IS NOT NULL;
CREATE INDEX import_run_file ON import_run (file_key) WHERE file_key <> '';

-- Two people, and one open request for a score at a time.
CREATE UNIQUE INDEX score_change_open ON score_change (registration_id, subject) WHERE state = 'requested';
CREATE INDEX score_change_registration ON score_change (registration_id);
CREATE INDEX score_change_state ON score_change (state, id);
ALTER TABLE score_change ADD CONSTRAINT score_change_states CHECK
    (state IN ('requested', 'approved', 'refused', 'withdrawn'));
ALTER TABLE score_change ADD CONSTRAINT score_change_two_people CHECK
    (state = 'withdrawn' OR decided_by IS NULL OR decided_by <> requested_by);
ALTER TABLE score_change ADD CONSTRAINT score_change_decided CHECK
    ((state = 'requested') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL));
ALTER TABLE score_change ADD CONSTRAINT score_change_status CHECK
    ((status = 'scored') = (score IS NOT NULL) AND (was_status = 'scored') = (was_score IS NOT NULL));
ALTER TABLE score_change ADD CONSTRAINT score_change_range CHECK (score IS NULL OR (score >= 0 AND score <= 100));
