"""The `tally` command: one module per group of commands, each heavy import inside the command that needs it."""
