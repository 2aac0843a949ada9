"""Scoring that answers in milliseconds: models kept in memory, behind HTTP."""
