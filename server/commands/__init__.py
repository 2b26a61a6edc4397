"""What `xcert` can do: one file for each command, each a thin hand on the domain and the adapters."""


class Impossible(Exception):
    """A command cannot be carried out; the message says what to do, in Chinese."""
