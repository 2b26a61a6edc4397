-- Notices are kept back while this row is there: after a restore, until an operator has looked.
CREATE TABLE notice_hold (
    id smallint PRIMARY KEY CHECK (id = 1),
    since timestamptz NOT NULL,
    reason varchar(200) NOT NULL
);
