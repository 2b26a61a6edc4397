-- Two people for every correction; and a certificate that stands in the place of another is no second one of its registration.

CREATE UNIQUE INDEX correction_open ON correction (candidate_id) WHERE state = 'requested';
CREATE INDEX correction_candidate ON correction (candidate_id);
CREATE INDEX correction_registration ON correction (registration_id) WHERE registration_id IS NOT NULL;
CREATE INDEX correction_named ON correction (certificate_id) WHERE certificate_id IS NOT NULL;
CREATE INDEX correction_school ON correction (school_id, id);
CREATE INDEX correction_state ON correction (state, id);
CREATE INDEX correction_was_index ON correction (was_index) WHERE was_index IS NOT NULL;
CREATE UNIQUE INDEX correction_score_change ON correction (score_change_id) WHERE score_change_id IS NOT NULL;
ALTER TABLE correction ADD CONSTRAINT correction_kinds CHECK (kind IN ('person', 'placement', 'score', 'reissue'));
ALTER TABLE correction ADD CONSTRAINT correction_states CHECK
    (state IN ('requested', 'under_way', 'done', 'refused', 'withdrawn'));
ALTER TABLE correction ADD CONSTRAINT correction_letters CHECK (letter_kind IN ('pdf', 'jpeg', 'png'));
ALTER TABLE correction ADD CONSTRAINT correction_decided CHECK
    ((state = 'requested') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL));
ALTER TABLE correction ADD CONSTRAINT correction_two_people CHECK
    (state NOT IN ('under_way', 'done', 'refused') OR decided_by <> requested_by);
ALTER TABLE correction ADD CONSTRAINT correction_done CHECK ((state = 'done') = (done_at IS NOT NULL));

CREATE UNIQUE INDEX correction_certificate_one ON correction_certificate (correction_id, certificate_id);
CREATE INDEX correction_certificate_old ON correction_certificate (certificate_id);
CREATE INDEX correction_certificate_batch ON correction_certificate (issuance_id);

-- A batch of one stands beside the plan's batch at the site.
DROP INDEX issuance_one;
CREATE UNIQUE INDEX issuance_one ON issuance (plan_id, site_id) WHERE state <> 'issued' AND corrects_id IS NULL;
CREATE UNIQUE INDEX issuance_corrects ON issuance (corrects_id) WHERE corrects_id IS NOT NULL AND state <> 'issued';
CREATE INDEX issuance_correcting ON issuance (corrects_id) WHERE corrects_id IS NOT NULL;

-- The new one is made while the old one is still valid; it is superseded in the transaction that issues the new one.
DROP INDEX certificate_living;
CREATE UNIQUE INDEX certificate_living ON certificate (registration_id)
    WHERE state IN ('reserved', 'drawing', 'valid') AND corrects_id IS NULL;
CREATE UNIQUE INDEX certificate_correcting ON certificate (corrects_id)
    WHERE corrects_id IS NOT NULL AND state IN ('reserved', 'drawing', 'valid');
ALTER TABLE certificate ADD CONSTRAINT certificate_superseded CHECK
    ((state = 'superseded') = (superseded_at IS NOT NULL) AND (state <> 'superseded' OR superseded_by_id IS NOT NULL));
