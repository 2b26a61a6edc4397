-- Nobody says no twice to the same kind of notice.

CREATE UNIQUE INDEX notice_opt_out_one ON notice_opt_out (candidate_id, choice);
-- For operators: how old what waits is, without a look at what is over.
CREATE INDEX delivery_waiting ON delivery (created_at) WHERE state = 'pending' AND campaign_id IS NULL;

-- A grant of a long-term template is used by a message and not used up by it.
ALTER TABLE notice_grant_entry DROP CONSTRAINT notice_grant_entry_kinds;
ALTER TABLE notice_grant_entry ADD CONSTRAINT notice_grant_entry_kinds CHECK (
    CASE kind
        WHEN 'accepted' THEN change = CASE WHEN again IS NULL THEN 1 ELSE 0 END
        WHEN 'spent' THEN change = -1 AND delivery_id IS NOT NULL
        WHEN 'given_back' THEN change = 1 AND delivery_id IS NOT NULL
        WHEN 'used' THEN change = 0 AND delivery_id IS NOT NULL
        WHEN 'unused' THEN change = 0 AND delivery_id IS NOT NULL
        WHEN 'withdrawn' THEN change <= 0
        WHEN 'refused' THEN change <= 0 AND delivery_id IS NOT NULL
        WHEN 'late' THEN change = 0
        ELSE FALSE
    END);
