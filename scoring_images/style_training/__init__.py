"""Trains style networks with PyTorch, in an environment of its own; needs Python 3.11 or later, and no storage."""
