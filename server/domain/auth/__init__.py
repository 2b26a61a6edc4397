"""Getting in: log-ins, sessions, tokens, passwords, the image check."""
