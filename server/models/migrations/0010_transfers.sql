-- A transfer takes two people, its order is paid in the moment that it is approved, and its money is at the bank.

CREATE UNIQUE INDEX bank_transfer_reference ON bank_transfer (bank_reference) WHERE state IN ('recorded', 'approved');
CREATE UNIQUE INDEX bank_transfer_order ON bank_transfer (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX bank_transfer_school ON bank_transfer (school_id);
CREATE INDEX bank_transfer_state ON bank_transfer (state, id);
ALTER TABLE bank_transfer ADD CONSTRAINT bank_transfer_states CHECK
    (state IN ('recorded', 'approved', 'declined', 'withdrawn'));
ALTER TABLE bank_transfer ADD CONSTRAINT bank_transfer_amount CHECK (amount_fen > 0);
ALTER TABLE bank_transfer ADD CONSTRAINT bank_transfer_kinds CHECK (proof_kind IN ('pdf', 'jpeg', 'png'));
ALTER TABLE bank_transfer ADD CONSTRAINT bank_transfer_decided CHECK ((state = 'recorded') = (decided_by IS NULL));
ALTER TABLE bank_transfer ADD CONSTRAINT bank_transfer_approved CHECK ((state = 'approved') = (order_id IS NOT NULL));
ALTER TABLE bank_transfer ADD CONSTRAINT bank_transfer_two_people CHECK
    (state NOT IN ('approved', 'declined') OR decided_by <> recorded_by);

CREATE UNIQUE INDEX bank_transfer_line_one ON bank_transfer_line (transfer_id, fee_id);
CREATE INDEX bank_transfer_line_fee ON bank_transfer_line (fee_id);
ALTER TABLE bank_transfer_line ADD CONSTRAINT bank_transfer_line_amount CHECK (amount_fen > 0);

ALTER TABLE fee_order DROP CONSTRAINT fee_order_accounts;
ALTER TABLE fee_order ADD CONSTRAINT fee_order_accounts CHECK
    (CASE way WHEN 'transfer' THEN account = '' ELSE account IN ('oa', 'mp') END);
ALTER TABLE fee_order DROP CONSTRAINT fee_order_paid;
ALTER TABLE fee_order ADD CONSTRAINT fee_order_paid CHECK
    (state IN ('pending', 'closed') OR (paid_at IS NOT NULL AND (way = 'transfer') = (transaction_id IS NULL)));
-- WeChat Pay can neither be asked after it nor give it back.
ALTER TABLE fee_order ADD CONSTRAINT fee_order_by_bank CHECK
    (way <> 'transfer' OR (school_id IS NOT NULL AND next_query_at IS NULL AND state IN ('pending', 'paid')));

ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_accounts;
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_accounts CHECK
    (account IN ('wechat', 'bank', 'income', 'owed_back', 'charges'));
