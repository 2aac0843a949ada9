"""Questions people ask, matched to the entries of a FAQ: what serves them needs numpy and msgspec alone."""
