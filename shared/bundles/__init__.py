"""Bundles: versioned, checksummed sets of models of any kind, and which of them is current."""
