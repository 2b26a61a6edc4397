-- A check is written at most once; what could not be written may be tried again.
CREATE UNIQUE INDEX import_run_taken_once ON import_run (check_id)
    WHERE check_id IS NOT NULL AND NOT is_dry_run AND state <> 'unreadable';
CREATE INDEX import_run_check ON import_run (check_id) WHERE check_id IS NOT NULL;
CREATE INDEX import_run_file ON import_run (file_key) WHERE file_key <> '';

-- Runs of before knew new and changed rows as one number.
UPDATE import_run SET rows_changed = rows_taken WHERE rows_taken > 0;

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
