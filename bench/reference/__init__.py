"""The ways of the reference systems, rebuilt to be measured against."""
