"""From sensor events to windows: what arrives is aggregated once and kept as Parquet, whatever fails on the way."""
