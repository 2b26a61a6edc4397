-- States, one living certificate for each registration, and indexes that keep pages and sweeps from growing with history.

CREATE UNIQUE INDEX issuance_one ON issuance (plan_id, site_id) WHERE state <> 'issued';
CREATE INDEX issuance_plan ON issuance (plan_id, site_id);
CREATE INDEX issuance_state ON issuance (state);
CREATE INDEX issuance_site ON issuance (site_id);
ALTER TABLE issuance ADD CONSTRAINT issuance_states CHECK
    (state IN ('prepared', 'site_pending', 'returned', 'school_signed', 'generating', 'issued'));
CREATE INDEX issuance_unannounced ON issuance (id) WHERE state = 'issued' AND announced_at IS NULL;

CREATE INDEX scan_ticket_issuance ON scan_ticket (issuance_id, created_at DESC);
ALTER TABLE scan_ticket ADD CONSTRAINT scan_ticket_spent CHECK
    ((spent_by_id IS NULL) = (spent_at IS NULL) AND (spent_by_id IS NULL) = (spent_as = ''));

CREATE INDEX receipt_issuance ON receipt (issuance_id);

CREATE INDEX certificate_issuance ON certificate (issuance_id, state);
CREATE INDEX certificate_candidate ON certificate (candidate_id);
CREATE INDEX certificate_successor ON certificate (superseded_by_id) WHERE superseded_by_id IS NOT NULL;
CREATE UNIQUE INDEX certificate_living ON certificate (registration_id) WHERE state IN ('reserved', 'drawing', 'valid');
ALTER TABLE certificate ADD CONSTRAINT certificate_states CHECK
    (state IN ('reserved', 'void', 'drawing', 'valid', 'revoked', 'superseded'));
ALTER TABLE certificate ADD CONSTRAINT certificate_sealed CHECK
    (state NOT IN ('valid', 'revoked', 'superseded') OR (pdf_sha256 IS NOT NULL AND claims_sha256 IS NOT NULL));
-- "has no certificate elsewhere" is asked for every list; certificate_living leaves out revoked ones and does not serve.
CREATE INDEX certificate_registration ON certificate (registration_id) WHERE state <> 'void';
CREATE INDEX certificate_number_begins ON certificate (number text_pattern_ops);
CREATE INDEX certificate_list ON certificate (issuance_id, number) WHERE state <> 'void';
CREATE INDEX certificate_without_portal ON certificate (issuance_id) WHERE state = 'valid' AND portal_number = '';

-- A plan is prepared by one preparation at a time; and what is asked for at every step is found by an index.

CREATE UNIQUE INDEX preparation_one ON preparation (plan_id) WHERE finished_at IS NULL;
CREATE INDEX preparation_plan ON preparation (plan_id, id);
