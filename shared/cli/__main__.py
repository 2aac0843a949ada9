"""`python -m shared.cli` is the `tally` command."""

from shared.cli.app import main

main()
