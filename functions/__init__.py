"""The triggers: one module per family; each parses, makes one call into `shared`, and answers."""
