"""What `xcert` can do: one file for each command, each a thin hand on the domain and the adapters."""


class Impossible(Exception):
    """A command cannot be carried out; the message says what to do, in Chinese."""

    exit_code = 1


class Unprotected(Impossible):
    """The settings ask for an encrypted connection, and there is none that could be trusted."""

    exit_code = 2
