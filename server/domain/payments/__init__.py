"""Payments: the port of WeChat Pay, and what its notifications do here."""
