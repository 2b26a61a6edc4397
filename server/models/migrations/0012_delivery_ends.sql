-- The states of a message, and the finding of those of which WeChat never told anything after it had accepted them.

ALTER TABLE delivery ADD CONSTRAINT delivery_states CHECK (state IN (
    'pending', 'sending', 'accepted', 'delivered', 'refused', 'unknown', 'failed', 'unreported', 'expired', 'cancelled',
    'no_way'));
CREATE INDEX delivery_silent ON delivery (sent_at) WHERE state = 'accepted';
