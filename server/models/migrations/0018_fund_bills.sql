-- The fund bill of a day, and what went from the account at WeChat Pay to the bank, booked line by line.

CREATE INDEX fund_bill_line_day ON fund_bill_line (day_id);
CREATE INDEX fund_bill_line_number ON fund_bill_line (number) WHERE number <> '';
CREATE INDEX fund_bill_line_wechat_number ON fund_bill_line (wechat_number);
CREATE INDEX fund_bill_line_withdrawals ON fund_bill_line (flow_number) WHERE what = 'withdrawal';
ALTER TABLE fund_bill_line ADD CONSTRAINT fund_bill_line_things CHECK
    (what IN ('trade', 'refund', 'charge', 'withdrawal', 'other'));
CREATE INDEX pay_bill_line_wechat_number ON pay_bill_line (wechat_number);

ALTER TABLE ledger_posting DROP CONSTRAINT ledger_posting_of;
ALTER TABLE ledger_posting ADD CONSTRAINT ledger_posting_of CHECK
    (order_id IS NOT NULL OR source LIKE 'charges:%' OR source LIKE 'withdrawal:%');

ALTER TABLE reconciliation_difference DROP CONSTRAINT reconciliation_difference_kinds;
ALTER TABLE reconciliation_difference ADD CONSTRAINT reconciliation_difference_kinds CHECK
    (kind IN ('theirs_only', 'ours_only', 'amount', 'charge', 'balance')
     AND what IN ('payment', 'refund', 'day', 'flow', 'withdrawal', 'other'));
