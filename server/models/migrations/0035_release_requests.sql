-- Two people for every release, and one open request for a plan at a time.
CREATE UNIQUE INDEX release_request_open ON release_request (plan_id) WHERE state = 'requested';
CREATE INDEX release_request_plan ON release_request (plan_id, id);
ALTER TABLE release_request ADD CONSTRAINT release_request_states CHECK
    (state IN ('requested', 'approved', 'refused', 'withdrawn'));
ALTER TABLE release_request ADD CONSTRAINT release_request_two_people CHECK
    (state = 'withdrawn' OR decided_by IS NULL OR decided_by <> requested_by);
ALTER TABLE release_request ADD CONSTRAINT release_request_decided CHECK
    ((state = 'requested') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL));
