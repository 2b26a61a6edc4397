-- Whoever read the candidate before the erasure and writes after it (a letter takes seconds to be stored) fails as well.
CREATE TRIGGER correction_of_erased AFTER INSERT ON correction REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();
CREATE TRIGGER practice_of_erased AFTER INSERT ON practice_record REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();
CREATE TRIGGER opt_out_of_erased AFTER INSERT ON notice_opt_out REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refers_to_erased();
