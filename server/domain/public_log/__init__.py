"""公开签发日志: an append-only Merkle log of what was issued, superseded and revoked (docs/public-log.md).

certificates.transitions → log_outbox (in the same transaction) → sequencer → entries, tiles, checkpoint → witnesses.
"""
