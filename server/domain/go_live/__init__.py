"""Going live: the list of what must be so, what the doctor sees of it, and what people confirm."""
