"""The FAQ model: which entry of a FAQ answers a question."""
