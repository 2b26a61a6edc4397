-- Until now these were known by their sentence: they wait for WeChat's quota, which may be back before midnight.
UPDATE delivery SET remedy = 'tomorrow'
WHERE state = 'pending' AND last_error IN ('微信返回错误 45009', '微信返回错误 45109');
