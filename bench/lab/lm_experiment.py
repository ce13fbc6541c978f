"""Keep in this repository what the experiment of ``lm_experiment.toml`` has measured, or go on from it elsewhere.

    python bench/lab/lm_experiment.py OUT              # results of the sweep in OUT, and its figures → bench/lab/lm_experiment/
    python bench/lab/lm_experiment.py OUT --restore    # the other way: OUT has them, and the sweep goes on with what is missing

Results are a JSON file a run and a probe, as ``lm sweep`` writes them; checkpoints and datasets are not kept. The sweep builds its
datasets anew, the same bytes, and checks that a result was made from them.
"""

import argparse
import json
import re
import shutil
from pathlib import Path

import tokenizers_lab

KEPT = Path(__file__).parent / "lm_experiment"


def keep(out: Path) -> None:
    from tokenizers_lab.report.lm_page import plots

    (KEPT / "results").mkdir(parents=True, exist_ok=True)
    for path in sorted((out / "results").glob("*.json")):
        shutil.copyfile(path, KEPT / "results" / path.name)
    shutil.copyfile(out / "results.json", KEPT / "results.json")
    results = json.loads((KEPT / "results.json").read_text())
    for title, _, drawn in plots(results):
        size, what = title.split(": ")
        (KEPT / f"{size}-{what.split()[0]}.svg").write_text(alone(drawn))
    print(f"{len(results['runs'])} of {results['planned']} runs → {KEPT}")


def alone(svg: str) -> str:
    """A picture of the report as a file of its own, in the page's light colours on white."""
    page = (Path(tokenizers_lab.__file__).parent / "report" / "page.html.j2").read_text()
    colours = dict(reversed(re.findall(r"--(\w+):\s*(#[0-9a-fA-F]+)", page)))  # the first of each, which is the light one
    svg = re.sub(r"var\(--(\w+)\)", lambda m: colours[m[1]], svg).replace("currentColor", "#333").replace("inherit", "sans-serif")
    return re.sub(r"(<svg[^>]*>)", r'\1<rect width="100%" height="100%" fill="#fff"/>', svg, count=1) + "\n"


def restore(out: Path) -> None:
    (out / "results").mkdir(parents=True, exist_ok=True)
    paths = sorted((KEPT / "results").glob("*.json"))
    for path in paths:
        shutil.copyfile(path, out / "results" / path.name)
    print(f"{len(paths)} results → {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--restore", action="store_true")
    options = parser.parse_args()
    (restore if options.restore else keep)(options.out)


if __name__ == "__main__":
    main()
