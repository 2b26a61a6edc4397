-- One open change of a kind for an account; two persons; decided or not.

CREATE UNIQUE INDEX staff_change_open ON staff_change (staff_id, act) WHERE state = 'requested';
CREATE INDEX staff_change_staff ON staff_change (staff_id);
CREATE INDEX staff_change_school ON staff_change (school_id);
CREATE INDEX staff_change_state ON staff_change (state, id);
ALTER TABLE staff_change ADD CONSTRAINT staff_change_states CHECK
    (state IN ('requested', 'approved', 'refused', 'withdrawn'));
ALTER TABLE staff_change ADD CONSTRAINT staff_change_acts CHECK
    (act IN ('reset_password', 'drop_second_factor', 'set_role') AND (act = 'set_role') = (role <> ''));
ALTER TABLE staff_change ADD CONSTRAINT staff_change_two_people CHECK
    (state = 'withdrawn' OR decided_by IS NULL OR decided_by <> asked_by);
ALTER TABLE staff_change ADD CONSTRAINT staff_change_not_ones_own CHECK
    (state <> 'approved' OR (decided_by <> staff_id AND asked_by <> staff_id));
ALTER TABLE staff_change ADD CONSTRAINT staff_change_decided CHECK
    ((state = 'requested') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL));

-- One's own log-ins, newest first; and those whose time to be forgotten has come.
CREATE INDEX console_session_staff ON console_session (staff_id, began_at DESC);
CREATE INDEX console_session_began ON console_session (began_at);
