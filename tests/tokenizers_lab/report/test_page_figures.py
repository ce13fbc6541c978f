"""Every figure that the page shows is the JSON's: the page is read as a browser would, and each cell of each
table is held against the results file, by paths that are written down here once more and not taken from the
code that made the page."""

import html
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import tokenizers_lab as lab
from tokenizers_lab.codecs.bytes import BytesCodec
from tokenizers_lab.jackknife import student
from tokenizers_lab.report import write_report


class Reader(HTMLParser):
    """``tables``: title → (heads, rows), in order; the title is the heading before it, or the region's
    label."""

    def __init__(self, page: str):
        super().__init__()
        self.tables: dict[str, tuple[list[str], list[list[str]]]] = {}
        self._text, self._title, self._rows, self._heads = "", "", [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "div" and dict(attrs).get("role") == "region":
            self._title = dict(attrs)["aria-label"]
        if tag == "table":
            self._rows, self._heads = [], []
        if tag == "tr":
            self._rows.append([])
        if tag in ("th", "td"):
            self._text = ""
        if tag == "small":
            self._text += "|"

    def handle_data(self, data):
        self._text += data

    def handle_endtag(self, tag):
        if tag == "th":
            self._heads.append(self._text)
        if tag == "td":
            self._rows[-1].append(self._text)
        if tag == "table":
            assert self._title not in self.tables
            self.tables[self._title] = self._heads, [row for row in self._rows if row]


class Losing(BytesCodec):
    """Says what the bytes codec says, and gives back less."""

    spelling = "losing"
    lossless = False
    loss = "the end"

    def decode(self, ids):
        return super().decode(ids)[:-1]


AFF = "SET UTF-8\nSFX 1 Y 1\nSFX 1 0 s .\n"
DIC = "4\nthe/1\nand\nof\nto\n"
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
PO = HEAD + 'msgid "Save the file"\nmsgstr "{}"\n'


@pytest.fixture(scope="module")
def kept(bpe, english, tmp_path_factory):
    """The results file, every family of figures in it, and its page as tables."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "xx_XX.aff").write_text(AFF)
    (folder / "xx_XX.dic").write_text(DIC)
    (folder / "gold.txt").write_text("be+gin+ning\nking+dom\n")
    for language, text in (("tr", "Dosyayı kaydet"), ("de", "Datei speichern")):
        (folder / f"{language}.po").write_text(PO.format(text))
    path = folder / "R.json"
    lab.analyze(
        [bpe, bpe.truncated(400), "gzip", Losing()],
        {
            "en & <b>.txt": english[:12_000],
            "tr.txt": "İstanbul'da ığüşöç, öğrenciler 1234 kez geldiler.\n".encode() * 200,
            "code.py": b"def f(x):\n    return x + 1\n\n\n" * 250,
            "short": b"to be or not to be",
        },
        json_path=path,
        compressors=("gzip", "lzma", "nzip"),
        nzip_level=1,
        labels=["large [x]", "small", "gzip", "losing"],
        weights={"en & <b>.txt": 0.5, "tr": 0.3, "code": 0.2},
        language="xx",
        hunspell=folder,
        gold=folder / "gold.txt",
        aligned={"en": f"source:{folder / 'tr.po'}", "tr": folder / "tr.po", "de": folder / "de.po"},
        domains=True,
        robustness=True,
        sweep="order-1",
        width=512,
    )
    page = write_report(path)
    return json.loads(path.read_text()), Reader(page).tables, page


NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def same(shown: str, value, scale: float = 1.0) -> None:
    """The numbers of a cell are those of a JSON entry: a number, or a value with its interval."""
    if value is None:
        assert shown in ("–", "", "refused"), (shown, value)
        return
    if isinstance(value, bool):
        assert shown == ("yes" if value else "no")
        return
    wanted = [value]
    if isinstance(value, dict):
        wanted = [value["value"]] + ([] if value.get("low") is None else [value["low"], value["high"]])
        if value["value"] is None:
            return same(shown, None)
    # An en dash stands between the ends of an interval.
    found = [m[0].replace(",", "") for m in NUMBER.finditer(shown.replace("–", " "))]
    signs = shown.count("–-") + shown.count("(-")
    assert len(found) == len(wanted), (shown, wanted)
    for text, one in zip(found, wanted):
        digits = len(text.partition(".")[2])
        assert abs(abs(float(text)) - abs(scale * one)) <= 0.5 * 10**-digits + 1e-9, (shown, wanted, signs)
        assert (float(text) < 0) == (scale * one < 0) or abs(scale * one) < 10**-digits, (shown, wanted)


def at(entry, path: str):
    """``"a.b.0"`` of nested dicts and lists; None where it ends early."""
    for key in path.split("/"):
        if entry is None:
            return None
        entry = entry[int(key)] if isinstance(entry, list) else entry.get(key)
    return entry


# Of a file's table: the head of a column → where its figure lies in the codec's entry for the file.
COLUMNS = {
    "length": {
        "tokens": "counts/tokens",
        "bytes a token": "counts/bytes_per_token",
        "characters a token": "counts/characters_per_token",
        "fertility": "counts/fertility",
        "bit ratio": "counts/bit_ratio",
        "NSL": "nsl",
    },
    "bits per byte of the token stream": {
        name: f"stream_bits_per_byte/{name}/bits_per_byte" for name in ("gzip", "lzma", "nzip")
    },
    "use of the vocabulary": {
        "H₁": "efficiency/h1",
        "η": "efficiency/utilisation",
        "η corrected": "efficiency/utilisation/corrected",
        "η held out": "efficiency/utilisation/held_out",
        "redundancy": "efficiency/redundancy",
        "KL": "efficiency/kl_uniform",
        **{f"Rényi {a}": f"efficiency/renyi/{a}" for a in ("2.0", "2.5", "3.0")},
    },
    "UTF-8": {
        "vocabulary complete": "utf8/vocabulary_complete %",
        "stream complete": "utf8/stream_complete",
        "characters split": "utf8/split_characters",
        "split rate": "utf8/split_rate %",
    },
    "morphology": {
        "%TR distinct": "morphology/unique/tr %",
        "%TR running": "morphology/running/tr",
        "%Pure distinct": "morphology/unique/pure %",
        "%Pure running": "morphology/running/pure",
    },
    "common words that are one token": {
        "words": "retention/words",
        "retained": "retention/types %",
        "retained, running": "retention/running %",
    },
    "prefix perturbation": {
        f"{edit}, {key}": f"perturbation/edits/{edit}/{key}"
        for edit in ("change", "insert", "delete")
        for key in ("mean", "median")
    },
}
# Of a table about codecs: where its figure lies in the codec's entry.
OF_CODEC = {
    "Numbers and indentation": {
        "digits a token": "digits/digits_per_token",
        **{f"{k} digit{'s' * (k > 1)}": f"digits/tokens/{k}" for k in (1, 2, 3, 4, 8)},
        **{f"{k} spaces": f"indentation/{k}" for k in (4, 8, 12, 16)},
        "tab": "indentation/tab",
        "2 tabs": "indentation/2 tabs",
    },
    "Gold morphemes": {
        "precision": "gold/precision",
        "recall": "gold/recall",
        "F1": "gold/f1",
        "exact words": "gold/exact %",
        "words": "gold/words",
    },
    "Glitch candidates": {"unreachable": "glitch/unreachable", "unused": "glitch/rare"},
    "Parity over languages": {
        **{k: f"parity/languages/{k}/parity" for k in ("en", "tr", "de")},
        "Gini": "parity/gini",
        "Gini (tokens a byte)": "parity/gini_tokens_per_byte",
    },
    "Codecs": {"used": "used_vocab"},
}
MATRICES = {
    "Vocabulary overlap": "overlap/jaccard",
    "overlap by use": "overlap/weighted/{file}",
    "agreement of borders": "overlap/boundary_f1/{file}",
    "Domain mismatch": "mismatch/excess %",
}


def columns(heads, row, entry, paths) -> int:
    """Check a row against paths; the number of figures held."""
    held = 0
    for head, shown in list(zip(heads, row))[1:]:
        if head in paths:
            path = paths[head]
            same(shown, at(entry, path.removesuffix(" %")), 100 if path.endswith(" %") else 1)
            held += 1
    return held


def test_every_figure_of_every_table(kept):
    results, tables, _ = kept
    codecs = {c["name"]: c for c in results["codecs"]}
    files = [f["name"] for f in results["files"]]
    left, held = dict(tables), 0
    del left["Verdict"]
    for title, (heads, rows) in tables.items():
        file = next((f for f in files if title.startswith(f"{f}: ")), None)
        kind = title.removeprefix(f"{file}: ") if file else title
        if kind in COLUMNS or kind in OF_CODEC:
            paths = COLUMNS.get(kind) or OF_CODEC[kind]
            unknown = set(heads[1:]) - set(paths) - {"bytes", "lossless", "vocabulary", "fingerprint"}
            assert unknown <= {"first unreachable ids"}, (title, unknown)
            for row in rows:
                if row[0] == "(raw bytes)":
                    for head, shown in zip(heads[1:], row[1:]):
                        same(shown, results["baselines"][file][head]["bits_per_byte"])
                        held += 1
                    continue
                codec = codecs[row[0]]
                held += columns(heads, row, codec["files"][file] if file else codec, paths)
                named = dict(zip(heads, row))
                if kind == "length":
                    assert named["bytes"] == codec["files"][file]["accounting"]
                if kind == "Glitch candidates":
                    shown = named["first unreachable ids"].replace("–", "")
                    ids = codec["glitch"]["unreachable_ids"][:8]
                    assert shown == ", ".join(map(str, ids))
                if kind == "Codecs":
                    sizes = [v for v in (codec["vocab"], codec["nominal_vocab"]) if v]
                    found = [int(m.replace(",", "")) for m in NUMBER.findall(named["vocabulary"])]
                    assert found == sizes and named["fingerprint"] == codec["fingerprint"][:12]
                    assert named["lossless"] == ("yes" if codec["lossless"] else f"no: {codec['loss']}")
        elif kind in MATRICES:
            path, _, percent = MATRICES[kind].partition(" ")
            start, *more = path.split("/")
            matrix = results[start]
            for key in more:
                matrix = matrix[key.format(file=file)]
            assert [row[0] for row in rows] == heads[1:] and len(rows) == len(matrix)
            for row, wanted in zip(rows, matrix):
                for shown, value in zip(row[1:], wanted):
                    same(shown, value, 100 if percent else 1)
                    held += 1
        elif kind == "entropies":
            for row in rows:
                entry = codecs[row[0]]["files"][file]["entropies"][int(row[1][1]) - 1]
                keys = ("corrected", "held_out", "coverage", "types", "per_byte")
                same(row[2], entry)
                for shown, key in zip(row[3:], keys):
                    same(shown, entry[key], 100 if key == "coverage" else 1)
                    held += 1
        elif kind.startswith("robustness"):
            for row in rows:
                found = codecs[row[0]]["files"][file]["robustness"]
                for head, shown in zip(heads[1:], row[1:]):
                    entry = found.get(head)
                    if entry is None or "bits" in kind and entry["bits_change"] is None:
                        assert shown in ("–", "refused")
                        continue
                    first, second = shown.split(" (")
                    tokens = (100 * entry["changed"], 100 * (entry["length"] - 1))
                    bits = (entry["bits_per_byte"], 100 * (entry["bits_change"] or 0))
                    same(first, (bits if "bits" in kind else tokens)[0])
                    same(second, (bits if "bits" in kind else tokens)[1])
                    held += 2
        elif kind == "bit n-grams":
            for row in rows:
                data = codecs[row[0]]["files"][file]["bit_ngrams"]
                stream, how = row[1].split(", ")
                curve = data["stream" if stream == "stream" else "control"][how]
                by_n = {f"n = {p['n']}": p["corrected"] for p in curve}
                for head, shown in zip(heads[2:], row[2:]):
                    same(shown, by_n[head])
                    held += 1
        elif kind == "stability of token → text":
            for row in rows:
                places = codecs[row[0]]["files"][file]["stability"]
                entry = next(p for p in places if p["position"] + 1 == int(row[1]))
                for shown, key in zip(row[2:], ("tokens", "bytes", "empty", "stability")):
                    same(shown, entry[key], 100 if key == "empty" else 1)
                    held += 1
        elif kind == "window sweep":
            sweep = results["window_sweep"][file]
            names = {f"b = {w['width']}": w for w in sweep["windows"]}
            names |= {f"b = 16, rule {r['rule']}": r for r in sweep["rules"]}
            for row in rows:
                if row[0] in names:
                    same(row[1], names[row[0]]["bytes_per_window"])
                    held += 1
                if row[0].startswith("b = 16, rule"):
                    same(row[4], names[row[0]]["wrong"], 100)
                    same(row[5], bool(names[row[0]]["lossless"]))
            resets = [row for row in rows if "M1" in row[0]]
            for row, entry in zip(resets, sweep["resets"], strict=True):
                same(row[1], entry["bytes_per_window"])
            ac = next(row for row in rows if row[0].startswith("no windows"))
            same(ac[2], sweep["ac"]["per_token_8"])
            same(ac[3], sweep["ac"]["per_token_16"])
        else:
            continue
        del left[title]
    assert left.keys() <= {"Verdict"}, f"tables that nothing here holds: {list(left)}"
    kinds = {t.split(": ")[-1] for t in tables}
    assert kinds >= {*COLUMNS, *OF_CODEC, *MATRICES, "entropies", "window sweep", "bit n-grams"}
    assert held > 600


def test_every_figure_of_the_verdict(kept):
    """Weighted means of the JSON's goals, intervals by the jackknife's formula, ranks from differences."""
    results, tables, _ = kept
    heads, rows = tables["Verdict"]
    weights = results["settings"]["weights"]
    goals = ("bytes_per_token", "fertility", "parity", "speed", "embedding", "nzip", "xz", "order0", "order2")
    wanted = dict(zip(heads[2:], goals, strict=True))
    better = {"bytes_per_token": 1, "speed": 1}

    def parts(codec, goal):
        """[(weight, value, without)]"""
        if goal == "embedding":
            return [(1.0, codec["vocab"] * results["settings"]["width"] * 2 / 1e6, None)]
        if goal == "parity":
            return [(1.0, codec["parity"]["gini"]["value"], codec["parity"]["gini"].get("without", []))]
        found = [(w, codec["files"][f]["goals"].get(goal)) for f, w in weights.items() if w]
        if not all(g for _, g in found):
            return None
        return [(w, g["value"], g["without"]) for w, g in found]

    def half(terms):
        if any(len(t) < 2 for _, t in terms):
            return None
        total = sum(w * w * (len(t) - 1) / len(t) * np.sum((np.array(t) - np.mean(t)) ** 2) for w, t in terms)
        return student(min(len(t) for _, t in terms) - 1) * float(total) ** 0.5

    codecs = {c["name"]: c for c in results["codecs"]}
    lossy = {
        n
        for n, c in codecs.items()
        if any(c["files"][f]["accounting"] != "ok" for f, w in weights.items() if w)
    }
    assert lossy == {"losing"} and rows[-1][0] == "losing|loses bytes"
    ranks: dict[str, list[int]] = {name: [] for name in codecs}
    for column, (_, goal) in enumerate(wanted.items(), 2):
        cells = {row[0].partition("|")[0]: row[column].split("|") for row in rows}
        known = {n: parts(codecs[n], goal) for n in codecs}
        values = {n: sum(w * v for w, v, _ in p) for n, p in known.items() if p}
        for name, (shown, small) in cells.items():
            if name not in values:
                assert (shown, small) == ("–", "")
                continue
            same(shown, values[name])
            exact = known[name][0][2] is None
            width = 0.0 if exact else half([(w, t) for w, _, t in known[name]])
            spread = re.search(r"±([\d.]+)", small)
            if width:
                same(spread[1], width)
            else:
                assert spread is None
            rank = re.search(r"(?:^| · )(\d+)(=?)$", small)
            if name in lossy:
                assert rank is None
                continue
            ahead, tied = 0, False
            for other in values.keys() - lossy - {name}:
                lead = (values[other] - values[name]) * better.get(goal, -1)
                if exact:
                    apart = 0.0
                elif all(len(a[2]) == len(b[2]) for a, b in zip(known[name], known[other])):
                    pairs = zip(known[name], known[other])
                    apart = half([(a[0], np.subtract(b[2], a[2])) for a, b in pairs])
                else:
                    apart = half([(a[0], a[2]) for a in known[name] + known[other]])
                tied |= apart is None or abs(lead) <= apart
                ahead += apart is not None and lead > apart
            assert (int(rank[1]), bool(rank[2])) == (1 + ahead, tied), (goal, name)
            ranks[name].append(1 + ahead)
    for row in rows:
        name = row[0].partition("|")[0]
        if name in lossy:
            assert row[1] == "–"
        else:
            same(row[1], float(np.mean(ranks[name])))


def test_the_words_and_the_passages(kept):
    """Figures in the paragraph are the table's, the counts over the passages those of their ids."""
    results, tables, page = kept
    answer = re.search(r'<p class="answer">(.*?)</p>', page, re.DOTALL)[1]
    heads, rows = tables["Verdict"]
    units = {"bytes a token": "bytes/tok", "tokens a word": "tok/word", "Gini": "Gini", "MB/s": "MB/s"}
    units |= {"MB": "emb MB"}
    found = re.findall(r"\(([\d.]+) (bytes a token|tokens a word|Gini|MB/s|MB)", answer)
    assert len(found) >= 4
    for text, unit in found:
        column = [row[heads.index(units[unit])].split("|")[0] for row in rows]
        digits = len(text.partition(".")[2])
        assert any(c != "–" and abs(float(c.replace(",", "")) - float(text)) <= 10**-digits for c in column)
    for name, mean in re.findall(r"(?:goals: |, )([^,(]+) \(([\d.]+)\)", answer.split(". ")[0]):
        assert [row[1] for row in rows if row[0] == name] == [mean]
    counts = re.findall(r"<b>([^<]*) <span>(\d+) tokens</span></b>", page)
    views = [(v, n) for v in results["views"] for n in tables_order(rows)]
    assert len(counts) == len(views)
    for (shown, count), (view, name) in zip(counts, views):
        assert html.unescape(shown) == name and int(count) == len(view["codecs"][name]["ids"])


def tables_order(rows) -> list[str]:
    return [row[0].partition("|")[0] for row in rows]
