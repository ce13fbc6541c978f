"""Keep in this repository what the experiment of ``lm_experiment.toml`` has measured, or go on from it
elsewhere.

    python bench/lab/lm_experiment.py OUT              # the sweep in OUT → bench/lab/lm_experiment/
    python bench/lab/lm_experiment.py OUT --restore    # the other way
    python bench/lab/lm_experiment.py --table          # what is kept, as a table in Markdown
    python bench/lab/lm_experiment.py --redraw         # and its pictures anew

The first keeps results and figures; after the second the sweep in OUT goes on with what is missing.

Results are a JSON file a run and a probe, as ``lm sweep`` writes them; checkpoints and datasets are not kept.
The sweep builds its datasets anew, the same bytes, and checks that a result was made from them."""

import argparse
import json
import re
import shutil
from html import escape
from pathlib import Path

import tokenizers_lab

KEPT = Path(__file__).parent / "lm_experiment"


def keep(out: Path) -> None:
    (KEPT / "results").mkdir(parents=True, exist_ok=True)
    for path in sorted((out / "results").glob("*.json")):
        shutil.copyfile(path, KEPT / "results" / path.name)
    shutil.copyfile(out / "results.json", KEPT / "results.json")
    results = json.loads((KEPT / "results.json").read_text())
    redraw(results)
    print(f"{len(results['runs'])} of {results['planned']} runs → {KEPT}")


def redraw(results: dict) -> None:
    """The pictures of what is kept."""
    from tokenizers_lab.report.lm_page import plots

    for title, _, drawn in plots(results):
        size, what = title.split(": ")
        (KEPT / f"{size}-{what.split()[0]}.svg").write_text(alone(drawn, title))


HEAD = 18  # height of the title over a picture


def alone(svg: str, title: str) -> str:
    """A picture of the report as a file of its own, with its title: in the page's light colours on no ground,
    and in its dark ones where the reader's colours are dark."""
    page = (Path(tokenizers_lab.__file__).parent / "report" / "page.html.j2").read_text()
    both: dict[str, list[str]] = {}  # of each colour the light one, then the dark one
    for name, colour in re.findall(r"--(\w+):\s*(#[0-9a-fA-F]+)", page):
        both.setdefault(name, []).append(colour)
    svg = re.sub(r"var\(--(\w+)\)", lambda m: both[m[1]][0], svg)
    svg = svg.replace("currentColor", "#333").replace("inherit", "sans-serif")
    pairs = [("#333", both["ink"][1]), *((light, dark) for light, dark in both.values() if light in svg)]
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in pairs
        for what in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
    look = "font-size: 11px; font-family: sans-serif; fill: #333"
    said = f'<text x="4" y="-5" style="{look}">{escape(title)}</text>'
    svg = re.sub(
        r'viewBox="0 0 (\S+) ([\d.]+)"',
        lambda m: f'viewBox="0 {-HEAD} {m[1]} {float(m[2]) + HEAD:g}"',
        svg,
        count=1,
    )
    return re.sub(r"(<svg[^>]*>)", lambda m: m[1] + style + said, svg, count=1) + "\n"


def restore(out: Path) -> None:
    (out / "results").mkdir(parents=True, exist_ok=True)
    paths = sorted((KEPT / "results").glob("*.json"))
    for path in paths:
        shutil.copyfile(path, out / "results" / path.name)
    print(f"{len(paths)} results → {out}")


def table() -> str:
    """The results that are kept as Markdown: a row an arm, best first, its sizes beside one another; the mean
    over seeds, ± half their range."""
    from tokenizers_lab.report.lm_page import bits, groups, spread

    found = groups(json.loads((KEPT / "results.json").read_text()))
    sizes = list(
        dict.fromkeys(size for size, _ in sorted(found, key=lambda key: found[key][0]["parameters"]))
    )
    head = [
        "tokens",
        *(f"bits/byte, {size}" for size in sizes),
        *(f"bits/token, {size}" for size in sizes),
        "a uniform model",
        "a unigram model",
        "bytes/token",
        "ids",
        *(f"MFLOPs/byte, {size}" for size in sizes),
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    for arm in sorted(
        dict.fromkeys(arm for _, arm in found),
        key=lambda arm: min(bits(found[s, arm]) for s in sizes if (s, arm) in found),
    ):
        runs = [found.get((size, arm)) for size in sizes]
        any_run = next(r[0] for r in runs if r)
        cells = [
            arm,
            *(spread([r["held_out"]["bits_per_byte"] for r in some]) if some else "" for some in runs),
            *(spread([r["held_out"]["bits_per_token"] for r in some], 3) if some else "" for some in runs),
            f"{any_run['trivial']['uniform']:.3f}",
            f"{any_run['trivial']['unigram']:.3f}",
            f"{1 / any_run['cost']['tokens_per_byte']:.3f}",
            f"{any_run['vocabulary']:,}",
            *(f"{some[0]['cost']['with_m1'] / 1e6:.3f}" if some else "" for some in runs),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?")
    parser.add_argument("--restore", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--redraw", action="store_true")
    options = parser.parse_args()
    if options.table:
        print(table())
    elif options.redraw:
        redraw(json.loads((KEPT / "results.json").read_text()))
    elif options.out is None:
        parser.error("name OUT, the folder of the sweep, --table or --redraw")
    else:
        (restore if options.restore else keep)(options.out)


if __name__ == "__main__":
    main()
