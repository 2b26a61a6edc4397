-- Whole fen above zero, one fee for a registration, one settlement for a fee, and books that add up and stand for ever.

ALTER TABLE price ADD CONSTRAINT price_amount CHECK (amount_fen BETWEEN 0 AND 100000000);
ALTER TABLE price ADD CONSTRAINT price_days CHECK (to_on IS NULL OR to_on >= from_on);
ALTER TABLE price ADD CONSTRAINT price_kinds CHECK (candidate_kind IN ('school', 'social'));
CREATE UNIQUE INDEX price_one ON price (plan_id, level, candidate_kind, from_on);
CREATE UNIQUE INDEX price_last ON price (plan_id, level, candidate_kind) WHERE to_on IS NULL;

CREATE UNIQUE INDEX fee_one ON fee (registration_id);
CREATE INDEX fee_price ON fee (price_id);
CREATE INDEX fee_candidate ON fee (candidate_id);
CREATE INDEX fee_school ON fee (school_id, state, id) WHERE school_id IS NOT NULL;
CREATE INDEX fee_state ON fee (state, id);
CREATE INDEX fee_settled_by ON fee (settled_by_id) WHERE settled_by_id IS NOT NULL;
ALTER TABLE fee ADD CONSTRAINT fee_states CHECK (state IN ('owed', 'settled', 'refunded'));
ALTER TABLE fee ADD CONSTRAINT fee_amount CHECK (amount_fen > 0);
ALTER TABLE fee ADD CONSTRAINT fee_settled CHECK ((state = 'owed') = (settled_by_id IS NULL));

CREATE INDEX fee_order_candidate ON fee_order (candidate_id) WHERE candidate_id IS NOT NULL;
CREATE INDEX fee_order_school ON fee_order (school_id, id) WHERE school_id IS NOT NULL;
CREATE INDEX fee_order_query ON fee_order (next_query_at) WHERE next_query_at IS NOT NULL;
CREATE INDEX fee_order_state ON fee_order (state, id);
ALTER TABLE fee_order ADD CONSTRAINT fee_order_states CHECK
    (state IN ('pending', 'paid', 'refunding', 'refunded', 'part', 'closed'));
ALTER TABLE fee_order ADD CONSTRAINT fee_order_payer CHECK ((candidate_id IS NULL) <> (school_id IS NULL));
ALTER TABLE fee_order ADD CONSTRAINT fee_order_accounts CHECK (account IN ('oa', 'mp'));
ALTER TABLE fee_order ADD CONSTRAINT fee_order_amounts CHECK (total_fen > 0 AND refunded_fen BETWEEN 0 AND total_fen);
ALTER TABLE fee_order ADD CONSTRAINT fee_order_paid CHECK
    (state IN ('pending', 'closed') OR (transaction_id IS NOT NULL AND paid_at IS NOT NULL));

CREATE UNIQUE INDEX fee_order_line_one ON fee_order_line (order_id, fee_id);
CREATE INDEX fee_order_line_fee ON fee_order_line (fee_id);
ALTER TABLE fee_order_line ADD CONSTRAINT fee_order_line_amount CHECK (amount_fen > 0);

-- One refund of an order at a time, and two people unless the system gives back what was paid twice.
CREATE UNIQUE INDEX fee_refund_open ON fee_refund (order_id) WHERE state IN ('asked', 'sending', 'accepted', 'abnormal');
CREATE INDEX fee_refund_order ON fee_refund (order_id);
CREATE INDEX fee_refund_due ON fee_refund (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX fee_refund_state ON fee_refund (state, id);
ALTER TABLE fee_refund ADD CONSTRAINT fee_refund_states CHECK
    (state IN ('asked', 'sending', 'accepted', 'abnormal', 'done', 'declined', 'ended'));
ALTER TABLE fee_refund ADD CONSTRAINT fee_refund_amount CHECK (amount_fen > 0);
ALTER TABLE fee_refund ADD CONSTRAINT fee_refund_two_people CHECK
    (is_automatic OR (asked_by IS NOT NULL AND (decided_by IS NULL OR decided_by <> asked_by)));

CREATE INDEX ledger_posting_order ON ledger_posting (order_id);
CREATE INDEX ledger_entry_posting ON ledger_entry (posting_id);
CREATE INDEX ledger_entry_account ON ledger_entry (account, posting_id);
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_accounts CHECK (account IN ('wechat', 'income', 'owed_back'));
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_amount CHECK (amount_fen <> 0);

CREATE FUNCTION ledger_is_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '账目不可修改或删除' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_posting_no_change BEFORE UPDATE OR DELETE ON ledger_posting
    FOR EACH ROW EXECUTE FUNCTION ledger_is_for_ever();
CREATE TRIGGER ledger_entry_no_change BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_is_for_ever();

CREATE FUNCTION ledger_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(amount_fen), 0) <> 0 OR count(*) < 2 FROM ledger_entry WHERE posting_id = NEW.posting_id) THEN
        RAISE EXCEPTION '一笔账的借贷不相等' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_adds_up AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_adds_up();

CREATE INDEX pay_inbox_waiting ON pay_inbox (received_at) WHERE applied_at IS NULL;

CREATE INDEX finance_alarm_open ON finance_alarm (id) WHERE settled_at IS NULL;
CREATE INDEX finance_alarm_order ON finance_alarm (order_id) WHERE order_id IS NOT NULL;

-- Registrations that nobody has looked at for what they owe: put by the database itself, whoever registers them.
CREATE TABLE registration_unpriced (registration_id bigint PRIMARY KEY);
CREATE FUNCTION registration_is_unpriced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO registration_unpriced SELECT id FROM added ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER registration_unpriced_added AFTER INSERT ON registration
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION registration_is_unpriced();
