-- A course has days that follow one another and one price at a time; a fee is for one registration or one enrolment.

CREATE UNIQUE INDEX course_one ON course (title, from_on);
ALTER TABLE course ADD CONSTRAINT course_days CHECK (to_on >= from_on);
ALTER TABLE course ADD CONSTRAINT course_capacity CHECK (capacity > 0);
ALTER TABLE course ADD CONSTRAINT course_place CHECK (is_online OR place <> '');

CREATE UNIQUE INDEX course_price_one ON course_price (course_id, from_on);
CREATE UNIQUE INDEX course_price_last ON course_price (course_id) WHERE to_on IS NULL;
ALTER TABLE course_price ADD CONSTRAINT course_price_amount CHECK (amount_fen BETWEEN 0 AND 100000000);
ALTER TABLE course_price ADD CONSTRAINT course_price_days CHECK (to_on IS NULL OR to_on >= from_on);

CREATE UNIQUE INDEX course_enrolment_one ON course_enrolment (course_id, phone_index);
CREATE INDEX course_enrolment_school ON course_enrolment (school_id);
CREATE INDEX course_enrolment_price ON course_enrolment (price_id);

CREATE UNIQUE INDEX fee_enrolment ON fee (enrolment_id);
-- The school pays for a course: a participant has no account in WeChat that we know of.
ALTER TABLE fee ADD CONSTRAINT fee_subject CHECK (
    CASE WHEN enrolment_id IS NULL THEN num_nulls(registration_id, price_id, candidate_id) = 0
    ELSE num_nonnulls(registration_id, price_id, candidate_id) = 0 AND school_id IS NOT NULL END
);
