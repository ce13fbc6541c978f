"""The verdict and the coloured passages as HTML: the first part of the page, and what a notebook shows."""

from __future__ import annotations

from importlib import resources

from tokenizers_lab.report.cells import number
from tokenizers_lab.report.token_view import as_html
from tokenizers_lab.report.verdict import Verdict, verdict
from tokenizers_lab.report.words import paragraph


def fragment(results: dict) -> str:
    """The verdict and the coloured passages as a piece of HTML with its own style, for notebooks."""
    found = verdict(results)
    if found is None:
        return f"<p>{len(results.get('codecs', ()))} codecs, without a verdict (an old results file)</p>"
    body = verdict_html(results, found) + views_html(
        {**results, "views": results.get("views", ())[:1]}, found
    )
    return f'<div class="tokenizers-lab"><style>{style(".tokenizers-lab")}</style>{body}</div>'


def template(name: str):
    """A template of this folder."""
    import jinja2  # start-up, and an optional dependency

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text(name))


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def style(scope: str = ":root") -> str:
    """The style sheet; ``scope``: the selector that its colours belong to."""
    return _text("page.css").replace(":root", scope)


def verdict_html(results: dict, found: Verdict) -> str:
    """The paragraph, the table and what its columns are."""
    heads = [{"short": goal.short, "title": goal.title} for goal in found.goals]
    lines = []
    for name in found.order:
        cells = []
        for goal in found.goals:
            cell = found.cells[name].get(goal.key)
            cells.append(_cell(goal, cell))
        mean = found.mean_rank.get(name)
        lines.append(
            {
                "name": name,
                "lost": found.lost.get(name),
                "cells": cells,
                "mean": number(mean, 1) if mean else "–",
            }
        )
    shares = [f"{name} {100 * share:.3g}%" for name, share in found.weights.items() if share > 0]
    return template("verdict.html.j2").render(
        paragraph=paragraph(found),
        heads=heads,
        lines=lines,
        shares=", ".join(shares),
        settings=found.settings,
        languages=", ".join(found.languages),
        goals=[goal.key for goal in found.goals],
    )


def _cell(goal, cell) -> dict[str, str]:
    if cell is None:
        return {"value": "–", "half": "", "rank": "", "kind": ""}
    digits = goal.digits if cell.value < 100 else 1
    return {
        "value": number(float(cell.value), digits),
        "half": f"±{cell.half:.{digits}f}" if cell.half else "",
        "rank": "" if cell.rank is None else f"{cell.rank}{'=' if cell.tied else ''}",
        "kind": "best" if cell.rank == 1 else "",
    }


def views_html(results: dict, found: Verdict) -> str:
    """Every passage, under every codec."""
    shown = [
        {
            "file": view["file"],
            "start": view["start"],
            "codecs": [(n, len(view["codecs"][n]["ids"]), as_html(view, n)) for n in found.order],
        }
        for view in results.get("views", ())
    ]
    return template("views.html.j2").render(views=shown)
