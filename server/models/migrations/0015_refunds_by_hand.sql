-- Abnormal refunds are asked after from now on, and what was settled may be told of again.

UPDATE fee_refund SET next_try_at = now() WHERE state = 'abnormal' AND next_try_at IS NULL;
UPDATE finance_alarm SET dedup = left(dedup, 100) || '#' || id WHERE settled_at IS NOT NULL;

ALTER TABLE fee_refund ADD CONSTRAINT fee_refund_wishes CHECK
    (wish IN ('', 'give_up', 'redirect') AND (wish = '' OR (wished_by IS NOT NULL AND wished_at IS NOT NULL)));
ALTER TABLE pay_inbox ADD CONSTRAINT pay_inbox_failures CHECK (failures >= 0);
