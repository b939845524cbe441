"""`python -m forebay.cli`: the same as the `forebay` script."""

from forebay.cli import main

main()
