-- A campaign takes two people and ends; each of its people has one delivery, which the notices' own sender leaves alone.

ALTER TABLE campaign ADD CONSTRAINT campaign_states CHECK (state IN (
    'draft', 'submitted', 'approved', 'running', 'paused', 'done', 'cancelled', 'expired'));
ALTER TABLE campaign ADD CONSTRAINT campaign_two_people CHECK
    (decided_by IS NULL OR (decided_by <> author_id AND decided_by <> submitted_by));
ALTER TABLE campaign ADD CONSTRAINT campaign_approved CHECK
    (state NOT IN ('approved', 'running', 'paused', 'done') OR (decided_by IS NOT NULL AND frozen_at IS NOT NULL));
ALTER TABLE campaign ADD CONSTRAINT campaign_pace CHECK (per_second > 0 AND per_day > 0 AND calls_today >= 0);
ALTER TABLE campaign ADD CONSTRAINT campaign_counts CHECK (people >= reachable AND reachable >= 0);
CREATE INDEX campaign_state ON campaign (state, id);

CREATE UNIQUE INDEX campaign_listed_one ON campaign_listed (campaign_id, candidate_id);
CREATE INDEX campaign_listed_candidate ON campaign_listed (candidate_id);

CREATE INDEX delivery_campaign ON delivery (campaign_id, state, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX delivery_campaign_due ON delivery (campaign_id, next_try_at, id)
    WHERE campaign_id IS NOT NULL AND state IN ('pending', 'sending');
-- The queue of the notices themselves stays short beside a million people of a campaign.
DROP INDEX delivery_due;
CREATE INDEX delivery_due ON delivery (next_try_at)
    WHERE state IN ('pending', 'sending') AND campaign_id IS NULL;

ALTER TABLE delivery DROP CONSTRAINT delivery_channels;
ALTER TABLE delivery ADD CONSTRAINT delivery_channels CHECK (
    (channel, account) IN (('template', 'oa'), ('oa_subscription', 'oa'), ('mp_subscription', 'mp'))
    OR (channel = 'none' AND account = '' AND openid = '' AND state = 'no_way'));
