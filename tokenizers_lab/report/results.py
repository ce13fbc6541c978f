"""What an analysis gives back: a dict as before, that shows its verdict where it is looked at and writes
itself as tables for other programs.

In a notebook it is the verdict's table and paragraph (``_repr_html_``), ``print(results)`` gives the same as
text. ``rows()`` are the figures, one a line: of every codec and goal, for every file and for their weighted
mean (file ``""``); :func:`write_csv` and :func:`write_parquet` write them, each line with the schema's
version."""

from __future__ import annotations

import csv
import io

from tokenizers_lab.files import write_whole
from tokenizers_lab.report.goals import GOALS, VERSION, figure
from tokenizers_lab.report.verdict import Verdict, verdict

COLUMNS = (
    "schema",
    "codec",
    "spelling",
    "fingerprint",
    "file",
    "weight",
    "goal",
    "more_is_better",
    "value",
    "low",
    "high",
    "rank",
    "tied",
    "loses_bytes",
)


class Results(dict):
    """The results of :func:`tokenizers_lab.analyze` and :func:`tokenizers_lab.compare`."""

    def verdict(self, weights: dict[str, float] | None = None) -> Verdict | None:
        """Codecs against goals, with other ``weights`` of the files if given."""
        return verdict(self, weights)

    def rows(self, weights: dict[str, float] | None = None) -> list[dict]:
        """One dict a figure, with the keys :data:`COLUMNS`; what is missing is None."""
        return rows(self, weights)

    def _repr_html_(self) -> str:
        from tokenizers_lab.report.verdict_html import fragment  # start-up: jinja2

        return fragment(self)

    def __str__(self) -> str:
        from tokenizers_lab.report.terminal import verdict_text  # start-up: rich

        return verdict_text(self)

    def __repr__(self) -> str:
        return f"<Results: {len(self.get('codecs', ()))} codecs on {len(self.get('files', ()))} files>"


def rows(results: dict, weights: dict[str, float] | None = None) -> list[dict]:
    """See :meth:`Results.rows`."""
    found = verdict(results, weights)
    if found is None:
        return []
    out = []
    for codec in results["codecs"]:
        name = codec["name"]
        base = {
            "schema": VERSION,
            "codec": name,
            "spelling": codec["spelling"].encode("utf-8", "replace").decode(),  # a path may be no text
            "fingerprint": codec["fingerprint"],
            "loses_bytes": found.lost.get(name),
        }
        for goal in GOALS:
            cell = found.cells[name].get(goal.key)
            if cell is not None:
                low, high = (
                    (None, None) if cell.half is None else (cell.value - cell.half, cell.value + cell.half)
                )
                mean = {"file": "", "weight": 1.0, "value": cell.value, "low": low, "high": high}
                out.append({**base, **mean, **_goal(goal), "rank": cell.rank, "tied": cell.tied})
            for file in (f["name"] for f in results["files"]):
                one = figure(results, codec, file, goal.key)
                if one is None or goal.key in ("parity", "embedding"):
                    continue
                single = {"file": file, "weight": found.weights[file], "value": one["value"]}
                ends = {"low": one.get("low"), "high": one.get("high"), "rank": None, "tied": None}
                out.append({**base, **single, **ends, **_goal(goal)})
    return [{key: row[key] for key in COLUMNS} for row in out]


def _goal(goal) -> dict:
    return {"goal": goal.key, "more_is_better": goal.more}


def write_csv(results: dict, path, weights: dict[str, float] | None = None) -> None:
    """The rows as CSV in UTF-8, with a head; whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(results, weights))
    write_whole(path, text.getvalue().encode("utf-8"))


def write_parquet(results: dict, path, weights: dict[str, float] | None = None) -> None:
    """The rows as Parquet, typed; the schema's version also stands in the file's metadata
    (``tokenizers_lab``)."""
    import pyarrow  # an optional dependency
    import pyarrow.parquet  # an optional dependency

    kinds = {
        **dict.fromkeys(COLUMNS, pyarrow.string()),
        **dict.fromkeys(("weight", "value", "low", "high"), pyarrow.float64()),
        **dict.fromkeys(("more_is_better", "tied"), pyarrow.bool_()),
        **dict.fromkeys(("schema", "rank"), pyarrow.int32()),
    }
    schema = pyarrow.schema(list(kinds.items()), metadata={"tokenizers_lab": str(VERSION)})
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows(results, weights), schema), out)
    write_whole(path, out.getvalue())
