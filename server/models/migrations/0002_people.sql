-- One of each, and who is found how.

CREATE UNIQUE INDEX candidate_id_index ON candidate (id_index);
CREATE INDEX candidate_school ON candidate (school_id);
-- Candidates are found by their whole name.
CREATE INDEX candidate_name ON candidate (name);

CREATE UNIQUE INDEX site_one ON site (school_id, kind_id, level);

CREATE UNIQUE INDEX binding_openid ON binding (account, openid) WHERE unbound_at IS NULL;
CREATE UNIQUE INDEX binding_candidate ON binding (account, candidate_id) WHERE unbound_at IS NULL;
CREATE INDEX binding_candidate_all ON binding (candidate_id);

CREATE INDEX officer_school ON officer (school_id);
CREATE UNIQUE INDEX officer_oa ON officer (oa_openid) WHERE oa_openid <> '';
CREATE UNIQUE INDEX officer_mp ON officer (mp_openid) WHERE mp_openid <> '';
CREATE UNIQUE INDEX officer_invitation ON officer (invitation_hash) WHERE invitation_hash IS NOT NULL;
ALTER TABLE officer ADD CONSTRAINT officer_states
    CHECK (state IN ('invited', 'pending', 'active', 'suspended', 'withdrawn'));
-- One living officer for each phone number: the same person is not invited twice.
CREATE UNIQUE INDEX officer_mobile ON officer (mobile_index)
    WHERE mobile_index IS NOT NULL AND state IN ('invited', 'pending', 'active');

CREATE INDEX api_token_staff ON api_token (staff_id);
CREATE UNIQUE INDEX api_token_hash ON api_token (token_hash);

ALTER TABLE officer_backer ADD CONSTRAINT officer_backer_acts CHECK (act IN ('invited', 'resumed', 'confirmed'));
CREATE INDEX officer_backer_officer ON officer_backer (officer_id);
CREATE INDEX officer_backer_staff ON officer_backer (staff_id) WHERE staff_id IS NOT NULL;
