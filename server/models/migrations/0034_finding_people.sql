-- A part of a name, by the characters in it: Chinese names are too short for groups of three.
CREATE INDEX candidate_name_parts ON candidate USING gin (string_to_array(name, NULL));

-- A phone is found by its blind index. A sweep writes it, since the database has no key; what has none yet is soon found.
CREATE INDEX candidate_mobile ON candidate (mobile_index) WHERE mobile_index IS NOT NULL;
CREATE INDEX candidate_given_phone ON candidate (given_phone_index) WHERE given_phone_index IS NOT NULL;
CREATE INDEX candidate_phone_unindexed ON candidate (id)
    WHERE (mobile_sealed IS NOT NULL AND mobile_index IS NULL)
       OR (given_phone_sealed IS NOT NULL AND given_phone_index IS NULL);

-- Whoever writes a number, the program before this one too, leaves no index of the number before.
CREATE FUNCTION candidate_phone_is_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.mobile_sealed IS DISTINCT FROM OLD.mobile_sealed
       AND NEW.mobile_index IS NOT DISTINCT FROM OLD.mobile_index THEN
        NEW.mobile_index := NULL;
    END IF;
    IF NEW.given_phone_sealed IS DISTINCT FROM OLD.given_phone_sealed
       AND NEW.given_phone_index IS NOT DISTINCT FROM OLD.given_phone_index THEN
        NEW.given_phone_index := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER candidate_phone_changes BEFORE UPDATE OF mobile_sealed, given_phone_sealed ON candidate
    FOR EACH ROW EXECUTE FUNCTION candidate_phone_is_another();
