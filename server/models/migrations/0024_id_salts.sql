-- A status list asks for the few that ended among very many; the index holds nothing else.

CREATE INDEX certificate_ended ON certificate (id) INCLUDE (state) WHERE state IN ('revoked', 'superseded');
