-- One row for a day, a named line for each difference, and what WeChat Pay charges as an account of the books.

ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_accounts;
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_accounts CHECK
    (account IN ('wechat', 'income', 'owed_back', 'charges'));
-- What is of an order stands with it; only what a whole day costs has none.
ALTER TABLE ledger_posting ADD CONSTRAINT ledger_posting_of CHECK (order_id IS NOT NULL OR source LIKE 'charges:%');

ALTER TABLE reconciliation_day ADD CONSTRAINT reconciliation_day_states CHECK
    (state IN ('open', 'differing', 'matched', 'closed'));
ALTER TABLE reconciliation_day ADD CONSTRAINT reconciliation_day_compared CHECK (state = 'open' OR compared_at IS NOT NULL);
ALTER TABLE reconciliation_day ADD CONSTRAINT reconciliation_day_closed CHECK ((state = 'closed') = (closed_at IS NOT NULL));
CREATE INDEX reconciliation_day_due ON reconciliation_day (next_try_at) WHERE next_try_at IS NOT NULL;

CREATE INDEX pay_bill_line_day ON pay_bill_line (day_id);
CREATE INDEX pay_bill_line_number ON pay_bill_line (number);
ALTER TABLE pay_bill_line ADD CONSTRAINT pay_bill_line_things CHECK (what IN ('payment', 'refund'));

CREATE UNIQUE INDEX reconciliation_difference_one ON reconciliation_difference (day_id, kind, what, number, wechat_number);
CREATE INDEX reconciliation_difference_open ON reconciliation_difference (day_id) WHERE settled_at IS NULL;
ALTER TABLE reconciliation_difference ADD CONSTRAINT reconciliation_difference_kinds CHECK
    (kind IN ('theirs_only', 'ours_only', 'amount', 'charge') AND what IN ('payment', 'refund', 'day'));
ALTER TABLE reconciliation_difference ADD CONSTRAINT reconciliation_difference_settled CHECK
    ((settled_at IS NOT NULL OR settled_by IS NULL) AND (settled_at IS NULL) = (note = ''));

CREATE INDEX fee_order_paid_at ON fee_order (paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX fee_refund_accepted ON fee_refund ((COALESCE(accepted_at, settled_at)));
