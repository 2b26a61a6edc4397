-- Staff list messages by what became of them and by their kind: rare ones among millions are found by an index.
-- A campaign's people are listed by delivery_campaign.

CREATE INDEX delivery_trouble ON delivery (state, id)
    WHERE state IN ('unknown', 'refused', 'failed', 'unreported', 'expired', 'cancelled', 'no_way');
CREATE INDEX delivery_topic ON delivery (topic, id) WHERE campaign_id IS NULL;
