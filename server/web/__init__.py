"""WHO KNOCKS: parse, ask the domain, answer. One module a door; each shows its routes on one screen."""
