ALTER TABLE index_epoch ADD CONSTRAINT index_epoch_one CHECK (id = 1 AND epoch <= newest);

-- The characters of all names, for the page of those that cannot be printed: it read every name for them. In order, so
-- that two who bring the same ones wait for each other in turn.
CREATE FUNCTION note_characters_of_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO name_character (character)
    SELECT DISTINCT regexp_split_to_table(name, '') AS one FROM named WHERE name <> '' ORDER BY one ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER candidate_named AFTER INSERT ON candidate REFERENCING NEW TABLE AS named
    FOR EACH STATEMENT EXECUTE FUNCTION note_characters_of_names();
CREATE FUNCTION note_characters_of_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO name_character (character)
    SELECT DISTINCT regexp_split_to_table(NEW.name, '') AS one WHERE NEW.name <> '' ORDER BY one ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER candidate_renamed AFTER UPDATE OF name ON candidate
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION note_characters_of_name();
INSERT INTO name_character (character)
SELECT DISTINCT regexp_split_to_table(name, '') FROM candidate WHERE name <> '' ON CONFLICT DO NOTHING;
