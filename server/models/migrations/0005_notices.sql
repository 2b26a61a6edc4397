-- Channels, and grants that never go below zero; what happened to a grant stands for ever.

CREATE INDEX delivery_due ON delivery (next_try_at) WHERE state IN ('pending', 'sending');
CREATE INDEX delivery_msgid ON delivery (msgid) WHERE msgid <> '';
CREATE INDEX delivery_candidate ON delivery (candidate_id);
CREATE INDEX delivery_officer ON delivery (officer_id);
ALTER TABLE delivery ADD CONSTRAINT delivery_channels CHECK
    ((channel, account) IN (('template', 'oa'), ('oa_subscription', 'oa'), ('mp_subscription', 'mp')));
CREATE INDEX delivery_without_number ON delivery (openid) WHERE msgid = '';

CREATE UNIQUE INDEX notice_grant_one ON notice_grant (account, openid, topic);
ALTER TABLE notice_grant ADD CONSTRAINT notice_grant_never_below_zero CHECK (remaining >= 0);
ALTER TABLE notice_grant ADD CONSTRAINT notice_grant_accounts CHECK (account IN ('oa', 'mp'));

CREATE INDEX notice_grant_entry_grant ON notice_grant_entry (grant_id, id);
CREATE INDEX notice_grant_entry_delivery ON notice_grant_entry (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE UNIQUE INDEX notice_grant_entry_again ON notice_grant_entry (again) WHERE again IS NOT NULL;
ALTER TABLE notice_grant_entry ADD CONSTRAINT notice_grant_entry_kinds CHECK (
    CASE kind
        WHEN 'accepted' THEN change = CASE WHEN again IS NULL THEN 1 ELSE 0 END
        WHEN 'spent' THEN change = -1 AND delivery_id IS NOT NULL
        WHEN 'given_back' THEN change = 1 AND delivery_id IS NOT NULL
        WHEN 'withdrawn' THEN change <= 0
        WHEN 'refused' THEN change <= 0 AND delivery_id IS NOT NULL
        WHEN 'late' THEN change = 0
        ELSE FALSE
    END);
CREATE FUNCTION notice_grant_entry_is_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '订阅授权记录不可修改或删除' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER notice_grant_entry_no_change BEFORE UPDATE OR DELETE ON notice_grant_entry
    FOR EACH ROW EXECUTE FUNCTION notice_grant_entry_is_for_ever();

-- Notices are kept back while this row is there: after a restore, until an operator has looked.
CREATE TABLE notice_hold (
    id smallint PRIMARY KEY CHECK (id = 1),
    since timestamptz NOT NULL,
    reason varchar(200) NOT NULL
);
