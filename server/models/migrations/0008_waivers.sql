-- A fee that is waived has no order; one waiver of a fee waits at a time, and two people decide.

ALTER TABLE fee DROP CONSTRAINT fee_states;
ALTER TABLE fee ADD CONSTRAINT fee_states CHECK (state IN ('owed', 'settled', 'refunded', 'waived'));
ALTER TABLE fee DROP CONSTRAINT fee_settled;
ALTER TABLE fee ADD CONSTRAINT fee_settled CHECK ((state IN ('owed', 'waived')) = (settled_by_id IS NULL));

CREATE UNIQUE INDEX fee_waiver_open ON fee_waiver (fee_id) WHERE state = 'asked';
CREATE INDEX fee_waiver_fee ON fee_waiver (fee_id);
CREATE INDEX fee_waiver_state ON fee_waiver (state, id);
ALTER TABLE fee_waiver ADD CONSTRAINT fee_waiver_states CHECK (state IN ('asked', 'approved', 'declined', 'withdrawn'));
ALTER TABLE fee_waiver ADD CONSTRAINT fee_waiver_decided CHECK ((state = 'asked') = (decided_by IS NULL));
ALTER TABLE fee_waiver ADD CONSTRAINT fee_waiver_two_people CHECK
    (state NOT IN ('approved', 'declined') OR decided_by <> asked_by);
