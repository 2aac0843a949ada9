"""The anomaly image: scores windows with the one-class SVMs of a bundle, and reports what they flagged."""
