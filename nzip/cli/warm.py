"""``nzip warm``: compile ahead; :mod:`nzip.warming` does the work.

Concession: a level that was compiled before still takes a second, since it is tried.
"""

from __future__ import annotations

import click

from nzip.cli import options
from nzip.cli.tables import print_json
from nzip.cli.terminal import OK, StepBar, say
from nzip.errors import NzipError
from nzip.exact.compiling import Compiling


@click.command("warm")
@click.argument("levels", type=options.Levels(), required=False)
@options.as_json
@options.flag("-q", "--quiet", help="Say nothing but errors.")
def warm(levels: list[int] | None, as_json: bool, quiet: bool) -> int:
    """Compile what LEVELS (as 1,3,5; all by default) need on this machine, once and ahead.

    For container images and CI: the code goes to the cache ($NZIP_CACHE), and later runs find it."""
    from nzip import warming  # start-up: numpy
    from nzip.cache import CODE  # start-up: xxhash

    if CODE.path() is None:
        raise NzipError("nothing is kept: NZIP_CACHE is off, or there is no home folder to keep code in")
    wanted, rows = levels or list(warming.ALL), []
    with StepBar("levels", quiet or as_json, Compiling.said) as bar:
        bar.update(0, len(wanted))
        for done, found in enumerate(warming.warm(wanted), 1):
            bar.update(done, len(wanted))
            rows.append(found._asdict())
            if not quiet and not as_json:
                what = (
                    f"{found.compiled} functions in {found.seconds:.1f} s" if found.compiled else "was ready"
                )
                say(f"-{found.level}: {what}")
    if as_json:
        print_json({"levels": rows}, "warm")
    return OK
