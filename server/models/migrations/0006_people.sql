-- What the database itself refuses of officers.

ALTER TABLE officer ADD CONSTRAINT officer_states
    CHECK (state IN ('invited', 'pending', 'active', 'suspended', 'withdrawn'));
-- One living officer for each phone number: the same person is not invited twice.
CREATE UNIQUE INDEX officer_mobile ON officer (mobile_index)
    WHERE mobile_index IS NOT NULL AND state IN ('invited', 'pending', 'active');
ALTER TABLE officer_backer ADD CONSTRAINT officer_backer_acts CHECK (act IN ('invited', 'resumed', 'confirmed'));
CREATE INDEX officer_backer_officer ON officer_backer (officer_id);
CREATE INDEX officer_backer_staff ON officer_backer (staff_id) WHERE staff_id IS NOT NULL;

-- Candidates are found by their whole name.
CREATE INDEX IF NOT EXISTS candidate_name ON candidate (name);
