"""Batch's autoscale formulas: parsed (syntax.py) and computed (evaluation.py) over samples (samples.py)."""
