-- Every sheet is used once and by one certificate; what is not sent yet is found without looking at all batches.

CREATE UNIQUE INDEX paper_run_one ON paper_run (issuance_id) WHERE state <> 'cancelled';
CREATE INDEX paper_run_issuance ON paper_run (issuance_id);
CREATE INDEX paper_run_state ON paper_run (state, id);
CREATE INDEX paper_run_stock ON paper_run (prefix, width, first_sheet);
ALTER TABLE paper_run ADD CONSTRAINT paper_run_states CHECK
    (state IN ('printing', 'printed', 'handed', 'sent', 'received', 'cancelled'));
ALTER TABLE paper_run ADD CONSTRAINT paper_run_range CHECK (first_sheet >= 0 AND last_sheet >= first_sheet AND width BETWEEN 4 AND 12);
ALTER TABLE paper_run ADD CONSTRAINT paper_run_sent CHECK
    ((state IN ('sent', 'received')) = (sent_at IS NOT NULL) AND (sent_at IS NULL) = (tracking_number = ''));
ALTER TABLE paper_run ADD CONSTRAINT paper_run_received CHECK
    ((state = 'received') = (received_at IS NOT NULL) AND (received_at IS NULL) = (received_count IS NULL));

CREATE UNIQUE INDEX paper_sheet_serial ON paper_sheet (serial) WHERE state <> 'released';
CREATE UNIQUE INDEX paper_sheet_certificate ON paper_sheet (certificate_id) WHERE state = 'used';
CREATE INDEX paper_sheet_of ON paper_sheet (certificate_id);
CREATE UNIQUE INDEX paper_sheet_place ON paper_sheet (run_id, number);
ALTER TABLE paper_sheet ADD CONSTRAINT paper_sheet_states CHECK (state IN ('used', 'spoiled', 'released'));
ALTER TABLE paper_sheet ADD CONSTRAINT paper_sheet_spoiled CHECK
    ((state = 'spoiled') = (spoiled_at IS NOT NULL) AND (spoiled_at IS NULL) = (spoiled_by IS NULL)
     AND (spoiled_at IS NULL) = (spoiled_reason = ''));

CREATE INDEX paper_hand_run ON paper_hand (run_id, id);

-- What was issued before parcels were recorded here is nobody's overdue work.
UPDATE issuance SET paper_settled = true WHERE state = 'issued';
CREATE INDEX issuance_paper ON issuance (issued_at, id) WHERE state = 'issued' AND NOT paper_settled;
