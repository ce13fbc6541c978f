"""``python -m tokenizers_lab``: the command line without an installed script."""

from tokenizers_lab.cli.main import main

main()
