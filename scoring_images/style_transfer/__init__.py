"""The style image: styles videos frame by frame, in any number of segments, and joins them with their sound."""
