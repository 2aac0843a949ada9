"""Benchmarks: ratios measured in one run against a stated baseline."""
