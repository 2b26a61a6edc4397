-- A batch in whose place another may be begun: issued, or void.

ALTER TABLE issuance DROP CONSTRAINT issuance_states;
ALTER TABLE issuance ADD CONSTRAINT issuance_states CHECK
    (state IN ('prepared', 'site_pending', 'returned', 'school_signed', 'generating', 'issued', 'void'));
DROP INDEX issuance_corrects;
CREATE UNIQUE INDEX issuance_corrects ON issuance (corrects_id)
    WHERE corrects_id IS NOT NULL AND state NOT IN ('issued', 'void');
