-- Fees and orders are listed by their amounts as well: 300,000 rows in that order are read from an index.
CREATE INDEX fee_by_amount ON fee (amount_fen, id);
CREATE INDEX order_by_amount ON fee_order (total_fen, id);
