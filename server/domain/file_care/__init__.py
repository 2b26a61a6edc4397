"""Whether rows and stored files belong together, and how files move to another store."""
