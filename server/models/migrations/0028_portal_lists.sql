-- A row of the portal stands once by both numbers; a difference once by what it is and both numbers.

CREATE UNIQUE INDEX portal_row_one ON portal_row (number, portal_number);
CREATE INDEX portal_row_theirs ON portal_row (portal_number);
CREATE INDEX portal_row_list ON portal_row (list_id);
CREATE UNIQUE INDEX portal_difference_one ON portal_difference (kind, number, portal_number);
CREATE INDEX portal_difference_open ON portal_difference (id) WHERE settled_at IS NULL;
CREATE INDEX portal_difference_plan ON portal_difference (plan_id, id);
ALTER TABLE portal_difference ADD CONSTRAINT portal_difference_kinds CHECK
    (kind IN ('theirs_only', 'ours_only', 'differs') AND (kind = 'theirs_only') = (plan_id IS NULL));
ALTER TABLE portal_difference ADD CONSTRAINT portal_difference_settled CHECK
    ((settled_at IS NOT NULL OR settled_by IS NULL) AND (settled_at IS NULL) = (note = ''));
