-- What has been kept long enough is found by the day it ended, not by looking through what is kept.
CREATE INDEX delivery_told ON delivery (settled_at) WHERE fields_shown <> '{}' OR openid <> '';
CREATE INDEX binding_over ON binding (unbound_at) WHERE unbound_at IS NOT NULL;
CREATE INDEX follower_left ON follower (changed_at) WHERE NOT is_following;
CREATE INDEX import_run_told ON import_run (finished_at) WHERE file_name <> '';
