"""Image classification: from a file's bytes to the probabilities of labels."""
