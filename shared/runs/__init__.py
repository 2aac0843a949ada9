"""Runs: one batch scoring each, kept as a record, moved on by messages, never waited for."""
