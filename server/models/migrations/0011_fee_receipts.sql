-- One receipt of an order, and its number stands for ever.

CREATE UNIQUE INDEX fee_receipt_order ON fee_receipt (order_id);
ALTER TABLE fee_receipt ADD CONSTRAINT fee_receipt_number CHECK (number ~ '^SJ[0-9]{10,}$');
CREATE TRIGGER fee_receipt_no_change BEFORE UPDATE OR DELETE ON fee_receipt
    FOR EACH ROW EXECUTE FUNCTION ledger_is_for_ever();
