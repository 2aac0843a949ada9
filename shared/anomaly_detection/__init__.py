"""Models: arrays and JSON, never code; trained, kept in versioned bundles, and evaluated by the thousand."""
