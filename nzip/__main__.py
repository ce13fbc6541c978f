"""``python -m nzip``: the same as the ``nzip`` command."""

from nzip.cli.main import main

main()
