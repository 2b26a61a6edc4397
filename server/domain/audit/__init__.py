"""Who did what: one writer of audit entries, and the readers of them."""
