"""``python -m bench``: the words and flags. What they do is in run.py, table.py, plot.py, coding.py,
profile.py, curve.py and growth.py."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from bench import coding as coding_bench
from nzip.benchmark import BASELINE, bench, contenders_of
from nzip.benchmark import plot as plotting
from nzip.benchmark import results as results_format
from nzip.benchmark import table as tables
from nzip.benchmark.peers import PEERS
from nzip.benchmark.results import ResultsError
from nzip.benchmark.running import NzipContender
from nzip.benchmark.suites import SuiteError, resolve
from nzip.errors import NzipError

RESULTS = Path(__file__).with_name("results")


def _console() -> Console:
    """Standard output; wide where it is no terminal, so that tables in files do not wrap."""
    return Console(width=None if sys.stdout.isatty() else 150)


@click.group(help="Measure nzip against its peers, and show what was measured.")
def main():
    """The group."""


def _numbers(_context, _parameter, value: str | None) -> list[int] | None:
    if value is None:
        return None
    try:
        return [int(word.lstrip("-")) for word in value.replace(",", " ").split()]
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of levels: write 1,3,5") from None


def _peer_keys(_context, _parameter, value: str | None) -> list[str]:
    if value is None:
        return list(PEERS)
    keys = [] if value == "none" else value.replace(",", " ").split()
    unknown = [key for key in keys if key not in PEERS]
    if unknown:
        raise click.BadParameter(f"no peer {', '.join(unknown)}: there are {', '.join(PEERS)}, or none")
    return keys


def _nzip_contenders(levels: list[int] | None, missing: dict[str, str]) -> list[NzipContender]:
    return contenders_of(levels, (), False, (), missing)


@main.command("run")
@click.argument("files", nargs=-1)
@click.option(
    "--suite", "suites", multiple=True, help="samples, canterbury, dev or enwik8:SIZE; may be repeated."
)
@click.option("--levels", callback=_numbers, help="Levels of nzip, as 1,3,5 (all that exist).")
@click.option(
    "--predictor", "predictors", multiple=True, help="A further spelling of nzip's; may be repeated."
)
@click.option("--cold", is_flag=True, help="Each level without primer, too.")
@click.option(
    "--peers", callback=_peer_keys, help=f"Among {', '.join(PEERS)}; or none (all that are installed)."
)
@click.option("--repeat", type=click.IntRange(1), default=1, help="Times over; the median is shown.")
@click.option("--baseline", default=BASELINE, help="Whose sizes the ratios are to.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The JSON (bench/results/NAME-DATE.json)."
)
@click.option("--plot/--no-plot", "plotted", default=True, help="Draw the picture beside the JSON.")
@click.option("--per-file", is_flag=True, help="Show every file's sizes too.")
def run_command(files, suites, levels, predictors, cold, peers, repeat, baseline, out, plotted, per_file):
    """Compress and decompress FILES and suites with every level and peer, in turn; verify, time, show.

    A file may be cut as FILE:1M; names are looked up in NZIP_CORPORA and corpora/.
    """
    console, progress = _console(), Console(stderr=True)
    if not files and not suites:
        raise click.UsageError("name files or a --suite")
    command = _command_line(suites, files, levels, predictors, cold, peers, repeat)
    with progress.status("") as status:
        try:
            found = bench(
                files, suites=suites, levels=levels, predictors=predictors, cold=cold, peers=peers,
                repeat=repeat, baseline=baseline, fetch=False, command=command, tell=status.update,
                note=lambda line: progress.print(line, highlight=False, markup=False),
            )  # fmt: skip
        except NzipError as error:
            raise click.ClickException(str(error)) from None
    stem = "-".join([*suites, *(Path(file).name for file in files)][:3]).replace(":", "-").replace("/", "-")
    out = out or RESULTS / f"{stem}-{found['date'][:10]}.json"
    results_format.save(found, out)
    tables.show(found, console, baseline, per_file)
    rows, failures = results_format.summaries(found, baseline)
    if plotted and rows:
        try:
            plotting.draw(found, out.with_suffix(".png"), baseline)
        except ImportError:
            progress.print(
                "no picture: matplotlib is missing (pip install '.[bench]' in nzip's source)", markup=False
            )
    progress.print(f"written: {out}", highlight=False, markup=False)
    if failures:
        sys.exit(1)


def _command_line(suites, files, levels, predictors, cold, peers, repeat) -> str:
    """The command that would make these results again; of paths only the names."""
    words = ["python -m bench run"]
    words += [f"--suite {suite}" for suite in suites]
    if levels is not None:
        words.append(f"--levels {','.join(map(str, levels))}")
    words += [f"--predictor {spelling}" for spelling in predictors]
    words += ["--cold"] * cold
    if peers != list(PEERS):
        words.append(f"--peers {','.join(peers) or 'none'}")
    if repeat > 1:
        words.append(f"--repeat {repeat}")
    return " ".join([*words, *(Path(file).name for file in files)])


def _load(path: Path) -> dict:
    try:
        return results_format.load(path)
    except ResultsError as error:
        raise click.ClickException(str(error)) from None


@main.command("table")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--markdown", is_flag=True, help="As Markdown.")
@click.option("--baseline", help="Whose sizes the ratios are to (as when it ran).")
@click.option("--per-file", is_flag=True, help="Show every file's sizes too.")
def table_command(path, markdown, baseline, per_file):
    """Print the table of a results file again."""
    found = _load(path)
    baseline = baseline or found["baseline"]
    if markdown:
        click.echo(tables.markdown(found, baseline, per_file), nl=False)
    else:
        tables.show(found, _console(), baseline, per_file)


@main.command("plot")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to (beside the JSON, as PNG)."
)
def plot_command(path, out):
    """Draw the size-speed picture of a results file."""
    found = _load(path)
    out = out or path.with_suffix(".png")
    try:
        plotting.draw(found, out, found["baseline"])
    except ImportError:
        raise click.ClickException("matplotlib is missing: pip install '.[bench]' in nzip's source") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(out)


@main.command("coding")
@click.option(
    "--bytes",
    "size",
    type=click.IntRange(1000),
    default=1_000_000,
    help="Coded bytes to aim at in each test.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON too.")
def coding_command(size, out):
    """The coders and quantisers alone: redundancy, speed, and what a CDF's total costs."""
    found = coding_bench.measure(size)
    coding_bench.show(found, _console())
    if out:
        results_format.save(found, out)
    if not found["within_bound"]:
        sys.exit(1)


def _sizes(_context, _parameter, value: str) -> list[int]:
    sizes = []
    for word in value.replace(",", " ").split():
        digits, unit = (word[:-1], word[-1]) if word[-1] in "KM" else (word, "")
        if not digits.isdigit() or int(digits) == 0:
            raise click.BadParameter(
                f"{value!r} is no list of sizes: write 1M,10M,100M (K = 1000, M = 1,000,000)"
            )
        sizes.append(int(digits) * {"": 1, "K": 1000, "M": 1_000_000}[unit])
    if not sizes:
        raise click.BadParameter("name a size")
    return sorted(set(sizes))


@main.command("profile")
@click.argument("file")
@click.option(
    "--levels", callback=_numbers, default="1,3,5", show_default=True, help="Levels of the mix, 1 to 5."
)
@click.option(
    "--bytes",
    "size",
    type=click.IntRange(1000),
    default=200_000,
    show_default=True,
    help="How many of FILE's.",
)
@click.option(
    "--repeat", type=click.IntRange(1), default=3, show_default=True, help="Rounds; the least time counts."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON too.")
def profile_command(file, levels, size, repeat, out):
    """Where each level's time goes, part by part, and how far it is from the machine's limits."""
    from bench import profile
    from nzip.predictors.mix.plan import LEVELS

    wrong = [level for level in levels if level not in LEVELS]
    if wrong or not levels:
        raise click.BadParameter(
            f"the mix has the levels {', '.join(map(str, LEVELS))}", param_hint="--levels"
        )
    try:
        (item,) = resolve([file])
        data = item.read()[:size]
    except SuiteError as error:
        raise click.ClickException(str(error)) from None
    except ValueError:
        raise click.UsageError("one file at a time") from None
    if len(data) < 1000:
        raise click.ClickException(f"{item.name} has {len(data)} bytes: too few to time")
    with Console(stderr=True).status("") as status:
        found = profile.measure(data, levels, repeat, status.update)
    found["command"] = (
        f"python -m bench profile --levels {','.join(map(str, levels))} --bytes {size} {item.name}"
    )
    profile.show(found, _console())
    if out:
        profile.save(found, out)


@main.command("curve")
@click.argument("files", nargs=-1, required=True)
@click.option("--level", type=click.IntRange(1, 5), default=3, show_default=True, help="Level of the mix.")
@click.option(
    "--repeat", type=click.IntRange(1), default=2, show_default=True, help="Rounds; the least time counts."
)
@click.option("--raw", is_flag=True, help="Text as it is, where else its words are codes.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON too.")
def curve_command(files, level, repeat, raw, out):
    """What each context, weight set and the APMs of a level are worth on text, in size and in CPU time."""
    from bench import curve

    try:
        texts = {item.name: item.read() for item in resolve(list(files))}
    except SuiteError as error:
        raise click.ClickException(str(error)) from None
    empty = [name for name, text in texts.items() if not text]
    if empty:
        raise click.ClickException(f"{empty[0]} is empty: there is nothing to code")
    with Console(stderr=True).status("") as status:
        found = curve.measure(texts, level, repeat, status.update, raw)
    form = " --raw" if raw else ""
    found["command"] = f"python -m bench curve --level {level}{form} --repeat {repeat} {' '.join(texts)}"
    curve.show(found, _console())
    if out:
        results_format.save(found, out)


@main.command("estimates")
@click.argument("files", nargs=-1, required=True)
@click.option("--levels", callback=_numbers, default="1,3,5", show_default=True, help="Levels of nzip.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON too.")
@click.option("--add", is_flag=True, help="Keep what --out has of other files and levels.")
def estimates_command(files, levels, out, add):
    """How far off nzip.estimate is: each file estimated, then compressed. FILE:1M is a file's beginning."""
    from bench import estimates

    if add and out is None:
        raise click.UsageError("--add goes with --out")
    named = " ".join(Path(word).name for word in files)
    command = f"python -m bench estimates --levels {','.join(map(str, levels))} {named}"
    try:
        before = estimates.load(out) if add and out.exists() else None
        commands = [*(before or {}).get("commands", []), command]

        def keep(found: dict) -> None:
            if out:
                results_format.save({**found, "commands": commands}, out)

        with Console(stderr=True).status("") as status:
            found = estimates.measure(resolve(list(files)), levels, status.update, before, keep)
    except (NzipError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    estimates.show(found, _console())


@main.command("costs")
@click.argument("file")
@click.option(
    "--predictors", default="mix:1 mix:3 mix:5 ssm mix:5+ssm", show_default=True, help="By their spellings."
)
@click.option("--rows", default=4000, show_default=True, help="Bytes whose distributions are taken.")
@click.option("--turns", default=3, show_default=True, help="Times over; the least counts.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON too.")
def costs_command(file, predictors, rows, turns, out):
    """How fast bytes are priced, beside coding them: FILE, or FILE:100K, its beginning."""
    from bench import costs

    spellings = predictors.replace(",", " ").split()
    try:
        (item,) = resolve([file])
        with Console(stderr=True).status("") as status:
            found = costs.measure(item.read(), spellings, rows, turns, status.update)
    except (NzipError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    found["command"] = f"python -m bench costs --predictors '{' '.join(spellings)}' {item.name}"
    costs.show(found, _console())
    if out:
        results_format.save(found, out)


@main.command("growth")
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--levels", callback=_numbers, default="1,3", show_default=True, help="Levels of nzip.")
@click.option(
    "--sizes",
    callback=_sizes,
    default="1M,10M,100M",
    show_default=True,
    help="Of FILES, one after the other.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The JSON (bench/results/growth-DATE.json).",
)
@click.option("--plot/--no-plot", "plotted", default=True, help="Draw the picture beside the JSON.")
def growth_command(files, levels, sizes, out, plotted):
    """CPU time and peak memory against size, over the first bytes of FILES put together (.xz are
    unpacked)."""
    from bench import growth

    console, progress = _console(), Console(stderr=True)
    missing: dict[str, str] = {}
    contenders = _nzip_contenders(levels, missing)
    if missing or not contenders:
        raise click.ClickException("; ".join(missing.values()) or "name a level")
    words = (
        f"python -m bench growth --levels {','.join(map(str, levels))} --sizes {','.join(map(str, sizes))}"
    )
    command = " ".join([words, *(path.name for path in files)])
    try:
        with progress.status("") as status:
            found = growth.measure(files, contenders, sizes, command, status.update)
    except growth.GrowthError as error:
        raise click.ClickException(str(error)) from None
    out = out or RESULTS / f"growth-{found['date'][:10]}.json"
    results_format.save(found, out)
    growth.show(found, console)
    if plotted:
        try:
            growth.draw(found, out.with_suffix(".png"))
        except ImportError:
            progress.print(
                "no picture: matplotlib is missing (pip install '.[bench]' in nzip's source)", markup=False
            )
    progress.print(f"written: {out}", highlight=False, markup=False)
    if not found["verified"]:
        sys.exit(1)


@main.command("heads")
@click.argument("files", nargs=-1, required=True)
@click.option("--levels", callback=_numbers, default="1,2,3,4,5", show_default=True, help="Levels of nzip.")
@click.option(
    "--sizes", callback=_sizes, default="2K,4K,10K,50K", show_default=True, help="Beginnings of each file."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep every cell here, and take those that are there.",
)
@click.option(
    "--against",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Another run: show by how much this one differs.",
)
def heads_command(files, levels, sizes, out, against):
    """Sizes of beginnings: no higher level larger than a lower one, none primed larger than cold."""
    from bench import heads

    try:
        kept, before = heads.Kept(out), heads.Kept(against) if against else None
        with Console(stderr=True).status("") as status:
            rows = heads.measure(resolve(list(files)), sizes, levels, kept, status.update)
    except (SuiteError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    heads.show(rows, levels, kept, _console(), before)
    if heads.faults(rows, levels, kept):
        sys.exit(1)


@main.command("start")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--levels", callback=_numbers, default="1,3,6", show_default=True, help="Levels of nzip.")
@click.option("--size", type=click.IntRange(1), default=1000, show_default=True, help="Bytes of FILE.")
@click.option("--repeat", type=click.IntRange(1), default=7, show_default=True, help="The least is shown.")
@click.option("--peers", callback=_peer_keys, default="xz,zstd,bsc", show_default=True, help="Or none.")
def start_command(file, levels, size, repeat, peers):
    """What starting takes, and a small file each way, against Python with NumPy."""
    from bench import start

    with Console(stderr=True).status("") as status:
        rows = start.start(file.read_bytes()[:size], levels, peers, repeat, status.update)
    _console().print(start.start_table(rows))


@main.command("many")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--levels", callback=_numbers, default="1,3", show_default=True, help="Levels of nzip.")
@click.option("--count", type=click.IntRange(2), default=1000, show_default=True, help="Pieces of FILE.")
@click.option("--size", type=click.IntRange(1), default=1024, show_default=True, help="Bytes of each.")
@click.option("--peers", callback=_peer_keys, default="xz,zstd,bsc", show_default=True, help="Or none.")
def many_command(file, levels, count, size, peers):
    """What a small file takes in a call of many, spread over FILE."""
    from bench import start

    with Console(stderr=True).status("") as status:
        rows = start.many(file.read_bytes(), count, size, levels, peers, status.update)
    _console().print(start.many_table(rows))


@main.command("threads")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--levels", callback=_numbers, default="1,3", show_default=True, help="Levels of nzip.")
@click.option("--size", type=click.IntRange(1), default=100_000_000, show_default=True, help="Bytes.")
@click.option("--cores", callback=_numbers, default="2,4,8,16", show_default=True, help="How many.")
def threads_command(file, levels, size, cores):
    """What cores give on SIZE bytes like FILE's, by what each stage takes on one."""
    from bench import threads

    try:
        with Console(stderr=True).status("") as status:
            rows = threads.stages(file.read_bytes(), size, levels, status.update)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    _console().print(threads.table(rows, cores))


@main.command("snapshots")
@click.option("--levels", callback=_numbers, default="1,3", show_default=True, help="Levels of the mix.")
@click.option("--words", default="english", show_default=True, help="The dictionary that codes words.")
def snapshots_command(levels, words):
    """What the snapshots of all primers take on disk."""
    from bench import snapshots

    try:
        with Console(stderr=True).status("") as status:
            rows = snapshots.sizes(levels, words, status.update)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    _console().print(snapshots.table(rows))


@main.command("forms")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--level", type=click.IntRange(1, 5), default=3, show_default=True, help="Level of the mix.")
@click.option(
    "--bytes", "size", type=click.IntRange(1000), default=400_000, show_default=True, help="Of each file."
)
@click.option("--skip", type=click.IntRange(0), default=0, show_default=True, help="Bytes before them.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep every row here, and take those that are there.",
)
def forms_command(files, level, size, skip, out):
    """Texts (.xz are unpacked) raw, as words, and as the encoder chooses; and what it judges by."""
    from bench import forms

    try:
        with Console(stderr=True).status("") as status:
            rows = forms.measure(list(files), size, level, out, skip, status.update)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    forms.show(rows, _console())


@main.command("experts")
@click.argument("files", nargs=-1)
@click.option(
    "--sizes", callback=_sizes, default="10K,150K,1M", show_default=True, help="Beginnings of each file."
)
@click.option("--parts", help="Only these rows, by their names, separated by commas.")
@click.option("--engine", is_flag=True, help="Also the speed of the exact kernels.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep every cell here, and take those that are there.",
)
@click.option("--kept", "only_kept", is_flag=True, help="Code nothing: show what --out holds.")
@click.option("--markdown", is_flag=True, help="As Markdown.")
@click.option("--mean", is_flag=True, help="Only geometric means over the files, a line a size.")
def experts_command(files, sizes, parts, engine, out, only_kept, markdown, mean):
    """What each expert adds to the primed mix."""
    from bench import experts

    chosen = [part.strip() for part in parts.split(",")] if parts else list(experts.PARTS)
    unknown = [part for part in chosen if part not in experts.PARTS]
    if unknown:
        raise click.BadParameter(
            f"no part {unknown[0]!r}: there are {', '.join(experts.PARTS)}", param_hint="--parts"
        )
    if not files and not engine:
        raise click.UsageError("name files, or --engine")
    if only_kept and out is None:
        raise click.UsageError("--kept shows what a file holds: name it with --out")
    kept, columns = experts.Kept(out), []
    try:
        items = resolve(list(files)) if files else []
    except SuiteError as error:
        raise click.ClickException(str(error)) from None
    with Console(stderr=True).status("") as status:
        for item in items:
            whole = item.read()
            for size in sorted({min(size, len(whole)) for size in sizes}):
                columns.append((item.name, size))
                for part in [] if only_kept else chosen:
                    status.update(f"{item.name}, {size:,} bytes, {part}")
                    kept.get(item.name, whole[:size], part)
    if mean:
        for size in sorted({size for _, size in columns}):
            of = [column for column in columns if column[1] == size]
            means = ((part, experts.mean_gain(of, part, kept)) for part in chosen if part != experts.BASE)
            said = ", ".join(f"{part} {100 * gain:+.2f}%" for part, gain in means if gain is not None)
            _console().print(
                f"{size:,} bytes of {len(of)} files: {said}", highlight=False, markup=False, soft_wrap=True
            )
    elif columns:
        experts.show(columns, chosen, kept, _console(), markdown)
    if engine:
        step, kernel, speed = experts.engine_speed()
        _console().print(
            f"recurrent expert {step:.1f} GMAC/s ({speed:.1f} KB/s), its matrix products alone {kernel:.1f}, "
            f"ratio {step / kernel:.2f}; one thread, CPU time",
            highlight=False,
        )
