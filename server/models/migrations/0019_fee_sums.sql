-- What all fees come to, and those of a plan, by an index alone; it finds the fees of a price as well.

CREATE INDEX fee_sums ON fee (price_id, school_id, state) INCLUDE (amount_fen, enrolment_id);
DROP INDEX fee_price;
