-- What all fees come to, and those of a plan, by an index alone.

CREATE INDEX fee_sums ON fee (price_id, school_id, state) INCLUDE (amount_fen, enrolment_id);
