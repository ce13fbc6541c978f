"""One HTML page from one results file: tables and pictures, no network, light and dark.

The same tables go to the terminal (``terminal.py``); both are made in ``tables.py``, so they cannot disagree.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_whole
from tokenizers_lab.report.goals import READ
from tokenizers_lab.report.lm_page import sections as of_models
from tokenizers_lab.report.plots import plots
from tokenizers_lab.report.results import Results
from tokenizers_lab.report.tables import tables
from tokenizers_lab.report.verdict import verdict
from tokenizers_lab.report.verdict_html import style, template, verdict_html, views_html


def write_report(
    results,
    output=None,
    title: str | None = None,
    *,
    weights: dict[str, float] | None = None,
    live: str = "",
) -> str:
    """The page of ``results`` (what :func:`tokenizers_lab.analyze` gives, or the path of its JSON), written
    to ``output`` if given. ``weights``: of the files, instead of those of the results. ``live``: the
    playground's part of the page (:func:`.playground.section`)."""
    if isinstance(results, dict):
        page = html(results, title, weights, live)
    else:
        path = results
        try:
            page = html(read_results(path), title, weights, live)
        except LabError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            # A file may be anybody's; results that a program hands over are its own, and show their trace.
            raise DataError(f"{path}: damaged results: {type(error).__name__}: {error}") from None
    if output is not None:
        write_whole(output, page.encode("utf-8", "replace"))
    return page


def read_results(path) -> dict:
    """A results file; raises :class:`LabError` or :class:`DataError` for what is none."""
    try:
        results = json.loads(Path(path).read_text("utf-8"))
        whole = json.dumps(results, ensure_ascii=False)
        if not whole.isascii():  # half of a character, which no page can hold
            results = json.loads(whole.encode("utf-8", "replace"))
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    if isinstance(results, dict) and results.get("tokenizers_lab_lm") == 1 and "runs" in results:
        return results
    if not isinstance(results, dict) or results.get("tokenizers_lab") not in READ or "codecs" not in results:
        raise DataError(f"{path}: not a results file of 'tokenizers-lab analyze' or 'lm sweep'")
    return Results(results)


def html(
    results: dict, title: str | None = None, weights: dict[str, float] | None = None, live: str = ""
) -> str:
    """The page as text. The same results give the same page."""
    if "tokenizers_lab_lm" in results:
        named, summary, parts = of_models(results)
        return template("page.html.j2").render(
            title=title or named, summary=summary, sections=parts, files=[], style=style()
        )
    names = [c["name"] for c in results["codecs"]]
    files = results["files"]
    found = verdict(results, weights)
    sections: list[dict[str, Any]] = [_section("All codecs")]
    of_file: dict[str, dict[str, Any]] = {f["name"]: _section(f["name"], found is not None) for f in files}
    across = _section("Across files", found is not None)

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
    return template("page.html.j2").render(
        title=title or f"Tokenizers: {', '.join(names[:4])}{' …' if len(names) > 4 else ''}",
        summary=f"{len(names)} codec{'s' * (len(names) != 1)} on {len(files)} "
        f"file{'s' * (len(files) != 1)}, {size:,} bytes.",
        verdict=verdict_html(results, found) if found else "",
        views=views_html(results, found) if found else "",
        live=live,
        sections=sections,
        files=files,
        style=style(),
    )


def _section(name: str, closed: bool = False) -> dict[str, Any]:
    return {"name": name, "tables": [], "plots": [], "closed": closed}
