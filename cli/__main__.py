"""`python -m cli` is the `tally` command."""

from cli.app import main

main()
