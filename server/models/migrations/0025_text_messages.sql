-- A text message is no WeChat account's, and its row keeps no phone.
ALTER TABLE delivery DROP CONSTRAINT delivery_channels;
ALTER TABLE delivery ADD CONSTRAINT delivery_channels CHECK (
    (channel, account) IN (('template', 'oa'), ('oa_subscription', 'oa'), ('mp_subscription', 'mp'))
    OR (channel = 'none' AND account = '' AND openid = '' AND state = 'no_way')
    OR (channel = 'sms' AND account = '' AND openid = '' AND campaign_id IS NULL));
