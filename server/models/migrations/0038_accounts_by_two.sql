-- A new account is one of the changes that two administrators make.
ALTER TABLE staff_change DROP CONSTRAINT staff_change_acts;
ALTER TABLE staff_change ADD CONSTRAINT staff_change_acts CHECK
    (act IN ('reset_password', 'drop_second_factor', 'set_role', 'create') AND (act = 'set_role') = (role <> ''));
-- Who never had a password cannot be open: approval sets both at once.
ALTER TABLE staff ADD CONSTRAINT staff_open_with_password CHECK (password_hash <> '' OR NOT is_active);
