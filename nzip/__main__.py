"""``python -m nzip``: the same as the ``nzip`` command."""

from nzip.cli import main

main()
