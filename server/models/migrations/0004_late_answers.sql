-- A late answer is in one of these states, and what is not settled still holds its push.

CREATE INDEX push_seen_late ON push_seen (next_try_at) WHERE state IN ('taken', 'waiting', 'sending');
ALTER TABLE push_seen ADD CONSTRAINT push_seen_states CHECK
    (state IN ('taken', 'answered', 'waiting', 'sending', 'sent', 'done', 'closed', 'refused', 'unknown', 'failed'));
ALTER TABLE push_seen ADD CONSTRAINT push_seen_waits CHECK
    (state NOT IN ('waiting', 'sending') OR (push IS NOT NULL AND late_since IS NOT NULL AND next_try_at IS NOT NULL));
