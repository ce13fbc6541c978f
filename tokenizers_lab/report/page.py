"""One HTML page from one results file: tables and pictures, no network, light and dark.

The same tables go to the terminal (``terminal.py``); both are made in ``tables.py``, so they cannot disagree.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_whole
from tokenizers_lab.report.lm_page import sections as of_models
from tokenizers_lab.report.plots import plots
from tokenizers_lab.report.tables import tables


def write_report(results, output=None, title: str | None = None) -> str:
    """The page of ``results`` (a dict from :func:`tokenizers_lab.analyze`, or the path of its JSON), written
    to ``output`` if given."""
    if isinstance(results, dict):
        page = html(results, title)
    else:
        path = results
        try:
            page = html(read_results(path), title)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            # A file may be anybody's; results that a program hands over are its own, and show their trace.
            raise DataError(f"{path}: damaged results: {type(error).__name__}: {error}") from None
    if output is not None:
        write_whole(output, page.encode("utf-8"))
    return page


def read_results(path) -> dict:
    """A results file; raises :class:`LabError` or :class:`DataError` for what is none."""
    try:
        results = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    if isinstance(results, dict) and results.get("tokenizers_lab_lm") == 1 and "runs" in results:
        return results
    if not isinstance(results, dict) or results.get("tokenizers_lab") != 1 or "codecs" not in results:
        raise DataError(f"{path}: not a results file of 'tokenizers-lab analyze' or 'lm sweep'")
    return results


def html(results: dict, title: str | None = None) -> str:
    """The page as text. The same results give the same page."""
    import jinja2  # start-up, and an optional dependency

    environment = jinja2.Environment(autoescape=True)
    template = environment.from_string(
        resources.files(__package__).joinpath("page.html.j2").read_text("utf-8")
    )
    if "tokenizers_lab_lm" in results:
        named, summary, parts = of_models(results)
        return template.render(title=title or named, summary=summary, sections=parts, files=[])
    names = [c["name"] for c in results["codecs"]]
    files = results["files"]
    sections: list[dict[str, Any]] = [{"name": "Overview", "tables": [], "plots": []}]
    of_file: dict[str, dict[str, Any]] = {
        f["name"]: {"name": f["name"], "tables": [], "plots": []} for f in files
    }
    across: dict[str, Any] = {"name": "Across files", "tables": [], "plots": []}

    def place(text):
        return next(
            (of_file[n] for n in sorted(of_file, key=len, reverse=True) if text.startswith(f"{n}: ")), across
        )

    for table in tables(results):
        (sections[0] if table.title == "Codecs" else place(table.title))["tables"].append(table)
    for plot in plots(results):
        place(plot[0])["plots"].append(plot)
    sections += [*of_file.values(), *([across] if across["tables"] or across["plots"] else [])]
    size = sum(f["bytes"] for f in files)
    return template.render(
        title=title or f"Tokenizers: {', '.join(names[:4])}{' …' if len(names) > 4 else ''}",
        summary=f"{len(names)} codec{'s' * (len(names) != 1)} on {len(files)} "
        f"file{'s' * (len(files) != 1)}, {size:,} bytes.",
        sections=sections,
        files=files,
    )
