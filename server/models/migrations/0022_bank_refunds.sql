-- A refund by bank takes two people, and what a transfer paid is given back by the bank alone.

CREATE UNIQUE INDEX bank_refund_reference ON bank_refund (bank_reference) WHERE state IN ('recorded', 'approved');
CREATE INDEX bank_refund_order ON bank_refund (order_id);
CREATE INDEX bank_refund_school ON bank_refund (school_id, id);
CREATE INDEX bank_refund_state ON bank_refund (state, id);
ALTER TABLE bank_refund ADD CONSTRAINT bank_refund_states CHECK
    (state IN ('recorded', 'approved', 'declined', 'withdrawn'));
ALTER TABLE bank_refund ADD CONSTRAINT bank_refund_amount CHECK (amount_fen > 0);
ALTER TABLE bank_refund ADD CONSTRAINT bank_refund_kinds CHECK (proof_kind IN ('pdf', 'jpeg', 'png'));
ALTER TABLE bank_refund ADD CONSTRAINT bank_refund_decided CHECK ((state = 'recorded') = (decided_by IS NULL));
ALTER TABLE bank_refund ADD CONSTRAINT bank_refund_two_people CHECK
    (state NOT IN ('approved', 'declined') OR decided_by <> recorded_by);

-- WeChat Pay can neither be asked after it nor give it back; what the bank has given back is done in the same moment.
ALTER TABLE fee_order DROP CONSTRAINT fee_order_by_bank;
ALTER TABLE fee_order ADD CONSTRAINT fee_order_by_bank CHECK
    (way <> 'transfer' OR (school_id IS NOT NULL AND next_query_at IS NULL AND CASE
        WHEN refunded_fen = 0 THEN state IN ('pending', 'paid')
        WHEN refunded_fen < total_fen THEN state = 'part'
        ELSE state = 'refunded'
    END));
