-- A plan is prepared by one preparation at a time; and what is asked for at every step is found by an index.

CREATE UNIQUE INDEX preparation_one ON preparation (plan_id) WHERE finished_at IS NULL;
CREATE INDEX preparation_plan ON preparation (plan_id, id);

-- "has no certificate elsewhere" is asked for every list; certificate_living leaves out revoked ones and does not serve.
CREATE INDEX certificate_registration ON certificate (registration_id) WHERE state <> 'void';
CREATE INDEX certificate_number_begins ON certificate (number text_pattern_ops);
CREATE INDEX certificate_list ON certificate (issuance_id, number) WHERE state <> 'void';
CREATE INDEX certificate_without_portal ON certificate (issuance_id) WHERE state = 'valid' AND portal_number = '';
CREATE INDEX registration_passed ON registration (plan_id, site_id) WHERE outcome = 'passed';
CREATE INDEX registration_outcome ON registration (plan_id, outcome, site_id);

CREATE INDEX issuance_unannounced ON issuance (id) WHERE state = 'issued' AND announced_at IS NULL;

CREATE INDEX audit_action ON audit_entry (action, id);
CREATE INDEX audit_actor ON audit_entry (actor_kind, actor_id, id);
CREATE INDEX audit_actor_name ON audit_entry (actor_name, id);
