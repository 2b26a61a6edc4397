-- A key is one account's; a WeChat is one account's, and an account has one.

CREATE UNIQUE INDEX passkey_credential ON passkey (credential_id);
CREATE INDEX passkey_staff ON passkey (staff_id);
CREATE UNIQUE INDEX login_wechat_openid ON login_wechat (openid);
CREATE UNIQUE INDEX login_wechat_staff ON login_wechat (staff_id);
