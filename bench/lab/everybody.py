"""Everybody's tokenizers on everybody's text: what each makes of domains and languages.

    tokenizers-lab fetch NAMES …
    python bench/lab/everybody.py CORPORA -o bench/lab/everybody.json --markdown docs/notes/everybody.md

CORPORA: the folder of the large corpora. Languages are aligned by Django's catalogues, taken from its wheel
(pinned by hash; ``--django WHEEL`` takes one that is here); %TR and %Pure need the Hunspell dictionaries of
Turkish and Hungarian (Debian: hunspell-tr, hunspell-hu). Every figure a byte is of tokens whose bytes add up.
A run that was broken off goes on where it stopped (``everybody.parts``), and several processes may share the
tokenizers (``--only``). ``--markdown`` alone writes the page again from the JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import shutil
import sys
import tempfile
from pathlib import Path

from tokenizers_lab import load
from tokenizers_lab.analysis.aligned import read_passages, source_passages
from tokenizers_lab.analysis.all_metrics import finite
from tokenizers_lab.analysis.digits import digits, indentation
from tokenizers_lab.analysis.efficiency import efficiency
from tokenizers_lab.analysis.entropy import conditional_entropies
from tokenizers_lab.analysis.fairness import parity
from tokenizers_lab.analysis.fertility import counts
from tokenizers_lab.analysis.goals import encoding_speed
from tokenizers_lab.analysis.hunspell import Dictionary
from tokenizers_lab.analysis.morphology import purity
from tokenizers_lab.analysis.retention import retention
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.files import write_json
from tokenizers_lab.names.fetching import download, unpack

TOKENIZERS = (
    "gpt2", "p50k_base", "cl100k_base", "o200k_base", "claude2", "llama2", "llama3", "llama4", "qwen2",
    "deepseek", "gemma3", "mistral", "whisper", "aranizer-bpe", "vnlp",
)  # fmt: skip
DOMAINS = {
    "prose": "dev/moby_dick.txt",
    "wiki": "dev/wiki_en_head.xml",
    "Python": "dev/cpython_stdlib.py.txt",
    "C": "dev/sqlite3.c",
    "JavaScript": "dev/three.core.js",
    "JSON": "dev/iso_639-3.json",
    "CSV": "dev/flights.csv",
    "log": "dev/dpkg.log",
    "DNA": "dev/ecoli_536.fna",
}
LANGUAGES = {
    "en": "train/debian_handbook_en.txt.xz",
    "de": "train/ml_handbook_de-DE.txt.xz",
    "es": "train/ml_handbook_es-ES.txt.xz",
    "fr": "train/ml_handbook_fr-FR.txt.xz",
    "it": "train/ml_handbook_it-IT.txt.xz",
    "pl": "train/ml_handbook_pl-PL.txt.xz",
    "pt": "train/ml_handbook_pt-BR.txt.xz",
    "nl": "train/ml_gnome_nl.txt.xz",
    "sv": "train/ml_gnome_sv.txt.xz",
    "fi": "train/ml_gnome_fi.txt.xz",
    "hu": "train/ml_gnome_hu.txt.xz",
    "cs": "train/ml_gnome_cs.txt.xz",
    "tr": "train/ml_man_tr.txt.xz",
    "ru": "train/ml_gnome_ru.txt.xz",
    "uk": "train/ml_gnome_uk.txt.xz",
    "vi": "train/ml_gnome_vi.txt.xz",
    "ta": "train/ml_gnome_ta.txt.xz",
    "hi": "dev/text_hi.txt",
    "ar": "dev/ui_ar.txt",
    "zh": "train/ml_gnome_zh_CN.txt.xz",
    "ja": "train/ml_gnome_ja.txt.xz",
    "ko": "dev/text_ko.txt",
}
ALIGNED = (
    "de",
    "es",
    "fr",
    "it",
    "nl",
    "sv",
    "fi",
    "hu",
    "cs",
    "tr",
    "ru",
    "uk",
    "ar",
    "zh_Hans",
    "ja",
    "ko",
)
DJANGO = ("Django", "5.2.8", "37e687f7bd73ddf043e2b6b97cfe02fcbb11f2dbb3adccc6a2b18c6daa054d7f")
MORPHOLOGY = ("tr", "hu")
BYTES = 128 << 10


def text(corpora: Path, name: str) -> bytes:
    """The first ``BYTES`` of a text, cut at a line."""
    path = corpora / name
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
        raw = file.read(BYTES)
    return raw[: raw.rfind(b"\n") + 1] or raw


def catalogues(wheel: Path | None) -> dict[str, dict[str, str]]:
    """The same messages in every language of ``ALIGNED``, and in English."""
    with tempfile.TemporaryDirectory() as place:
        archive = wheel or download("pypi", DJANGO[0], DJANGO[1], Path(place))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != DJANGO[2]:
            sys.exit(f"{archive}: not the wheel of {DJANGO[0]} {DJANGO[1]}")
        out: dict[str, dict[str, str]] = {}
        for language in ALIGNED:
            po = Path(place) / f"{language}.po"
            po.write_bytes(unpack(archive, f"django/conf/locale/{language}/LC_MESSAGES/django.po"))
            out[language] = read_passages(po)
    return {"en": source_passages(out["tr"]), **out}


def of_text(codec, raw: bytes, dictionary=None) -> dict:
    """What one tokenizer makes of one text."""
    stream = tokenise(codec, raw)
    use = efficiency(stream.ids, codec.vocab_size, codec.used_vocab_size())
    entropies = conditional_entropies(stream.ids, codec.vocab_size, len(raw) / len(stream.ids), 3)
    out = {
        "accounting": stream.problem or "ok",
        "bytes_per_token": counts(stream)["bytes_per_token"],
        "fertility": counts(stream)["fertility"]["value"],
        "utilisation": use["utilisation"]["value"],
        "renyi2": use["renyi"]["2.0"]["value"],
        "h1": entropies[0]["value"],
        "held_out": [e["held_out"] for e in entropies],
        "retention": retention(codec, raw),
    }
    if dictionary is not None:
        out["morphology"] = purity(stream, dictionary)
    return out


def measure(corpora: Path, wheel: Path | None, kept: Path, chosen, say) -> None:
    """All figures, each tokenizer's as ``NAME.json`` in the folder ``kept``; what is there is left."""
    dictionaries = {language: Dictionary.find(language, None) for language in MORPHOLOGY}
    passages = catalogues(wheel)
    domains = {name: text(corpora, file) for name, file in DOMAINS.items()}
    languages = {name: text(corpora, file) for name, file in LANGUAGES.items()}
    kept.mkdir(exist_ok=True)
    for name in chosen:
        path = kept / f"{name}.json"
        if path.exists():
            continue
        say(name)
        codec = load(name)
        found = {
            "vocab": codec.vocab_size,
            "fingerprint": codec.fingerprint(),
            "lossless": codec.lossless,
            "domains": {k: of_text(codec, raw) for k, raw in domains.items()},
            "languages": {k: of_text(codec, raw, dictionaries.get(k)) for k, raw in languages.items()},
            "parity": parity(codec, passages, "en"),
            "digits": digits(codec),
            "indentation": indentation(codec),
            "speed": {k: encoding_speed(codec, languages[k]) for k in ("en", "zh")},
        }
        write_json(path, finite(found))


def together(kept: Path) -> dict:
    """The results of every tokenizer that is measured."""
    found = {
        n: json.loads((kept / f"{n}.json").read_text("utf-8"))
        for n in TOKENIZERS
        if (kept / f"{n}.json").exists()
    }
    return {
        "bytes": BYTES,
        "languages": list(LANGUAGES),
        "domains": list(DOMAINS),
        "tokenizers": found,
    }


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _best(values: dict[str, float | None], more: bool = True) -> set[str]:
    """Who shows the best figure, as it is printed."""
    shown = {n: round(v, 2) for n, v in values.items() if v is not None}
    if not shown:
        return set()
    top = (max if more else min)(shown.values())
    return {n for n, v in shown.items() if v == top}


def _columns(results: dict, columns: dict[str, tuple]) -> str:
    """A table: ``columns[head] = (value of a tokenizer, whether more is better or None, digits)``."""
    tokenizers = results["tokenizers"]
    cells: dict[str, list[str]] = {name: [f"`{name}`"] for name in tokenizers}
    for value, more, number in columns.values():
        values = {n: value(t) for n, t in tokenizers.items()}
        able = {n: v for n, v in values.items() if not _lost(tokenizers[n])}
        best = set() if more is None or not able else _best(able, more)
        for n, v in values.items():
            one = "–" if v is None else f"{v:.{number}f}"
            cells[n].append(f"**{one}**" if n in best else one)
    return _table(["tokenizer", *columns], list(cells.values()))


def tables(results: dict) -> dict[str, str]:
    """The tables of the page, by name."""

    def held(part, key):
        def value(t):
            entry = t[part][key]
            return entry["bytes_per_token"]["value"] if entry["accounting"] == "ok" else None

        return value

    def mean(part, key):
        return lambda t: sum(e[key] for e in t[part].values()) / len(t[part])

    def kept(language):
        return lambda t: 100 * t["languages"][language]["retention"]["types"]

    spaced = [k for k in results["languages"] if k not in ("zh", "ja")]
    morphology = {
        f"{kind} {language}": (
            lambda t, language=language, key=key: (
                (t["languages"][language].get("morphology") or {})
                .get("running", {})
                .get(key, {})
                .get("value")
            ),
            True,
            2,
        )
        for language in MORPHOLOGY
        for kind, key in (("%TR", "tr"), ("%Pure", "pure"))
    }
    return {
        "domains": _columns(results, {k: (held("domains", k), True, 2) for k in results["domains"]}),
        "languages": _columns(results, {k: (held("languages", k), True, 2) for k in results["languages"]}),
        "parity": _columns(
            results,
            {
                **{
                    k: (lambda t, k=k: t["parity"]["languages"][k]["parity"]["value"], False, 2)
                    for k in ALIGNED
                },
                "Gini": (lambda t: t["parity"]["gini"]["value"], False, 3),
            },
        ),
        "words": _columns(results, {k: (kept(k), True, 0) for k in spaced}),
        "use": _columns(
            results,
            {
                "vocabulary": (lambda t: t["vocab"], None, 0),
                "η": (mean("languages", "utilisation"), True, 3),
                "Rényi 2": (mean("languages", "renyi2"), True, 3),
                "H₁, en": (lambda t: t["languages"]["en"]["h1"], None, 2),
                "order 2, en": (_order2("en"), False, 3),
                "order 2, tr": (_order2("tr"), False, 3),
                **morphology,
            },
        ),
        "probes": _columns(
            results,
            {
                "digits a token": (lambda t: t["digits"]["digits_per_token"], None, 2),
                "8 digits": (lambda t: t["digits"]["tokens"]["8"], None, 2),
                "4 spaces": (lambda t: t["indentation"]["4"], False, 0),
                "16 spaces": (lambda t: t["indentation"]["16"], False, 0),
                "2 tabs": (lambda t: t["indentation"]["2 tabs"], False, 0),
                "MB/s, en": (lambda t: t["speed"]["en"]["value"], True, 1),
                "MB/s, zh": (lambda t: t["speed"]["zh"]["value"], True, 1),
            },
        ),
    }


def _order2(language: str):
    def value(t):
        entry = t["languages"][language]
        if entry["accounting"] != "ok":
            return None
        return entry["held_out"][2] / entry["bytes_per_token"]["value"]

    return value


def _lost(t: dict) -> list[str]:
    """The texts whose bytes a tokenizer's tokens do not add up to."""
    return [k for part in ("domains", "languages") for k, e in t[part].items() if e["accounting"] != "ok"]


def accounting(results: dict) -> list[str]:
    """Where bytes do not add up: "``name`` on text: why"."""
    out = []
    for name, t in results["tokenizers"].items():
        bad = _lost(t)
        if bad:
            every = len(bad) == len(t["domains"]) + len(t["languages"])
            out.append(f"`{name}`: {'every text' if every else ', '.join(bad)}")
    return out


MARKS = ("<!-- {}: written by bench/lab/everybody.py -->", "<!-- end of {} -->")


def write(page: Path, results: dict) -> None:
    """Put the tables between their marks, leave the words around them."""
    content = page.read_text("utf-8")
    parts = {
        **tables(results),
        "size": f"{len(results['tokenizers'])} tokenizers of others, {len(results['domains'])} domains, "
        f"{len(results['languages'])} languages, {results['bytes'] >> 10} KiB of each text, cut at a line.",
        "accounting": "; ".join(accounting(results)) or "none",
    }
    for name, table in parts.items():
        begin, end = (mark.format(name) for mark in MARKS)
        before, found, rest = content.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            sys.exit(f"{page}: has no {begin} … {end}")
        content = f"{before}{begin}\n{table}\n{end}{after}"
    page.write_text(content, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path, nargs="?")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--django", type=Path, help="the wheel, if it is here")
    parser.add_argument(
        "--only", nargs="+", choices=TOKENIZERS, help="measure these; another process the rest"
    )
    args = parser.parse_args()
    if args.corpora:
        kept = args.output.with_suffix(".parts")
        measure(args.corpora, args.django, kept, args.only or TOKENIZERS, lambda n: print(n, file=sys.stderr))
        results = together(kept)
        args.output.write_text(json.dumps(results) + "\n", "utf-8")
        if set(results["tokenizers"]) == set(TOKENIZERS):
            shutil.rmtree(kept)
    if args.markdown:
        write(args.markdown, json.loads(args.output.read_text("utf-8")))


if __name__ == "__main__":
    main()
