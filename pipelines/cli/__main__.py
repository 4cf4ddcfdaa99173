"""`python -m pipelines.cli`: the command without an installed console script."""

from pipelines.cli import main

main()
