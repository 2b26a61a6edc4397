"""PostgreSQL and Redis out of wheels: started on 127.0.0.1 with the service, stopped with it, data kept between.

One lock for each folder: a second start says so. A start after `kill -9` ends what was left over and goes on with all
data. Two folders never meet: each has its own lock, port, password and data.
"""

from server.adapters.embedded.postgres import Postgres
from server.adapters.embedded.redis import Redis
from server.adapters.embedded.server import AlreadyRunning, EmbeddedError, package

__all__ = ["AlreadyRunning", "EmbeddedError", "Postgres", "Redis", "package"]
