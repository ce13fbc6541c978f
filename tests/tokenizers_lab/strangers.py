"""Files of a stranger: one small folder of each kind that the lab reads, damaged and lied about at random.

A *case* is a seed and a number: which kind, which of its files, how it is changed. Half of the changed files
of datasets get their new size and SHA-256 written into the manifest, as a stranger would.
``strangers_runner.py`` reads cases; a slow test reads some hundreds, ``scripts/fuzz_lab.py`` any number.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import random
import shutil
import signal
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

KINDS = (
    "tokenizer",
    "codec",
    "m1",
    "training",
    "nanogpt",
    "megatron",
    "parquet",
    "unfinished",
    "run",
    "resume",
)
WEIGHTS = (4, 4, 2, 2, 2, 1, 1, 1, 1, 0.5)
"""``training``: checkpoints of vocabularies; ``unfinished``: datasets to go on with; ``run``: a language
model to sample from; ``resume``: one to train on."""

RAW = "the <eos> café  日 \x00 12".encode() + b"\xff the"
VALUES: list[Any] = [None, [], {}, "x", "", -1, 0, 10**12, 2**31, 2**64, 1.5, True, [1], [[]], {"a": 1}]
VALUES += [
    "\ud800",
    "/etc/passwd",
    "../x",
    {"type": "Nope"},
    float("nan"),
    float("inf"),
    [0] * 50,
    "a" * 5000,
]


def make(folder: Path, english: bytes) -> None:
    """A small folder of each kind under ``folder``."""
    for kind in KINDS:
        (folder / kind).mkdir()
    _tokenizers(folder / "tokenizer", english)
    _codecs(folder, english)
    _training(folder / "training", english)
    _datasets(folder, english)
    _runs(folder)


def _tokenizers(folder, english) -> None:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    import tokenizers_lab as lab
    from tokenizers_lab.codecs.tiktoken import export, load_tiktoken
    from tokenizers_lab.training.sentencepiece import train_unigram

    ours = lab.train(documents=[english[:5000]], vocab_size=280, special=["<eos>"])
    ours.save(folder / "ours.json")
    export(ours, folder / "ranks.tiktoken")
    load_tiktoken(folder / "ranks.tiktoken").save(folder / "ranked.json")
    entry = json.loads((folder / "ours.json").read_text())
    entry["normalizer"] = {"type": "NFC"}
    (folder / "nfc.json").write_text(json.dumps(entry))
    words = Tokenizer(models.WordPiece({"[UNK]": 0, "the": 1, "##e": 2, "t": 3, "##h": 4}, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(single="[UNK] $A", special_tokens=[("[UNK]", 0)])
    words.decoder = decoders.WordPiece()
    words.save(str(folder / "words.json"))
    pieces = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁the", -1.0), ("t", -2.0), ("▁", -3.0)], 0, False))
    pieces.pre_tokenizer, pieces.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    pieces.save(str(folder / "pieces.json"))
    train_unigram([english[:20_000]], 400).save(folder / "small.model")


def _codecs(folder, english) -> None:
    import tokenizers_lab as lab
    from tokenizers_lab.m1.spelling import load_model

    kept = ["bytes", "gzip", "ac[m1=order-1]", "model-dictionary[n=600,m1=order-1]"]
    kept += ["equal-info[b=16,v=65k,m1=order-1,keep=600]", "equal-info[b=32,v=256,m1=order-1]", "static-ac"]
    for i, spelling in enumerate(kept):
        lab.load(spelling).save(folder / "codec" / f"codec{i}.bin")
    lab.load(str(folder / "tokenizer" / "ours.json")).save(folder / "codec" / "bpe.bin")
    lab.load(str(folder / "tokenizer" / "small.model")).save(folder / "codec" / "pieces.bin")
    load_model("order-1").save(folder / "m1" / "order-1.m1")
    load_model("order-5").save(folder / "m1" / "order-5.m1")


def _training(folder, english) -> None:
    import tokenizers_lab as lab

    (folder / "a.txt").write_bytes(english[:3000])

    def stop(stage, done, total):
        if stage == "merge" and done >= 3:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        lab.train([str(folder / "a.txt")], vocab_size=270, checkpoint=str(folder / "c"), progress=stop)
    assert (folder / "c").exists()


def _datasets(folder, english) -> None:
    from tokenizers_lab.datasets import build

    (folder / "a.txt").write_bytes(english[:6000])
    options: dict = {"workers": 1, "shard_bytes": 2500, "document_bytes": 500, "held_out": 0.3}
    for layout, codec in (
        ("nanogpt", str(folder / "tokenizer" / "ours.json")),
        ("megatron", "gzip"),
        ("parquet", "bytes"),
    ):
        build(codec, [folder / "a.txt"], folder / layout / "d", format=layout, **options)
    lines = [json.dumps({"text": english[i * 90 : i * 90 + 90].decode("latin-1")}) for i in range(60)]
    lines[40] = "{"
    (folder / "unfinished" / "a.jsonl").write_text("\n".join(lines))
    before = os.getcwd()
    os.chdir(folder / "unfinished")
    try:
        build("bytes", ["a.jsonl"], "d", workers=1, shard_bytes=2000)
    except Exception as error:  # noqa: BLE001 - the bad line's
        assert "line 41" in str(error), error
    finally:
        os.chdir(before)


def _runs(folder) -> None:
    from tokenizers_lab.datasets import TokenReader
    from tokenizers_lab.lm.model import Shape
    from tokenizers_lab.lm.runs import Plan
    from tokenizers_lab.lm.training import train

    data = folder / "nanogpt" / "d"
    shape = Shape.named("tiny", TokenReader(data).vocab_size, 16)

    train(data, folder / "run" / "r", shape, Plan(2, batch=2, evaluations=1, eval_bytes=600))

    def stop(figures):
        if figures["step"] == 1:
            signal.raise_signal(signal.SIGINT)  # ends after the step at hand, with a checkpoint

    with contextlib.suppress(KeyboardInterrupt):
        train(data, folder / "resume" / "r", shape, Plan(2, batch=2, evaluations=1, eval_bytes=600), stop)
    shutil.copytree(data, folder / "resume" / "d")


# ---- how files are changed


def changed(rng: random.Random, place: Path) -> str:
    """Change a file of the folder ``place``; what was done, in words."""
    files = sorted(p for p in place.rglob("*") if p.is_file())
    path = rng.choice(files)
    data = path.read_bytes()
    ways = [_cut, _hole, _bytes, _bytes, _other]
    if path.suffix in (".json", "") and data[:1] in (b"{", b"["):
        ways += [_json] * 12
    elif data[:2] == b"PK":
        ways += [_tensors, _pickle, _inside] * 5 if path.suffix == ".pt" else [_arrays] * 12
    elif path.name.endswith(".npy"):
        ways += [_table] * 12
    way = rng.choice(ways)
    try:
        new = way(rng, data, files)
    except Exception:  # noqa: BLE001 - the second change of a file that no library reads any more
        new = _bytes(rng, data, files)
    if new is None:
        path.unlink()
    else:
        path.write_bytes(new)
    known = rng.random() < 0.5 and new is not None and _own_up(place, path)
    return f"{path.relative_to(place)}: {way.__name__[1:]}{', owned up to' if known else ''}"


def _cut(rng, data, files):
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.9 else None


def _hole(rng, data, files):
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 20) :]


def _bytes(rng, data, files):
    out = bytearray(data)
    for _ in range(rng.randrange(1, 5) if out else 0):
        out[rng.randrange(len(out))] = rng.choice([0, 255, 127, rng.randrange(256)])
    return bytes(out)


def _other(rng, data, files):
    return rng.choice(files).read_bytes()


def _json(rng, data, files):
    try:
        entry = json.loads(data)
    except ValueError:
        return _bytes(rng, data, files)
    return json.dumps(_put(rng, entry), ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _put(rng, value):
    """The value with one place of it changed."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        value = value.copy()
        if rng.random() < 0.08:
            del value[key]
        elif isinstance(value, list) and rng.random() < 0.1:
            value.insert(rng.randrange(len(value) + 1), value[key])
        else:
            value[key] = _put(rng, value[key])
        return value
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.5:
        return rng.choice([value + 1, value - 1, -value, value * 1000, value + (1 << 16), float(value)])
    if isinstance(value, str) and rng.random() < 0.2:
        return rng.choice([value[:-1], value + "x", value * 3, value.upper()])
    return rng.choice(VALUES)


def _members(data) -> dict[str, bytes] | None:
    """What a zip holds; None where it was damaged already."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {m.filename: archive.read(m) for m in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, ValueError, LookupError, OSError, EOFError, RuntimeError):
        return None


def _arrays(rng, data, files):
    """One of the arrays of a file of the lab, or its head, written anew with a right CRC."""
    members = _members(data)
    if members is None:
        return _bytes(rng, data, files)
    name = rng.choice([*members, "head.npy", "head.npy"])
    if name == "head.npy":
        try:
            head = json.loads(np.load(io.BytesIO(members[name])).tobytes())
        except (ValueError, LookupError, EOFError):
            return _bytes(rng, data, files)
        members[name] = _npy(np.frombuffer(json.dumps(_put(rng, head)).encode("utf-8", "replace"), np.uint8))
    elif rng.random() < 0.1:
        del members[name]
    else:
        members[name] = _table(rng, members[name], files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, raw in members.items():
            archive.writestr(each, raw)
    return out.getvalue()


def _npy(array) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=True)
    return out.getvalue()


def _table(rng, data, files):
    """An ``.npy`` with other numbers, another shape or type, or a header that lies."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError, OSError, MemoryError):
        return _bytes(rng, data, files)
    if not isinstance(array, np.ndarray):
        return _bytes(rng, data, files)
    how = rng.randrange(9)
    if how == 0:
        return _npy(array[:-1] if array.ndim and len(array) else array)
    if how == 1:
        return _npy(np.concatenate([array, array]) if array.ndim else array)
    if how == 2:
        return _npy(array.reshape(rng.choice([(1, -1), (-1, 1), (-1,)])))
    if how == 3:
        return _npy(array.astype(rng.choice(["<f8", "<i2", "<u8", "|b1", "<U3", "<c16"])))
    if how == 4:
        return _npy(np.array([Evil(), *array.ravel()[:3].tolist()], dtype=object))
    if how == 5:
        shape = rng.choice([(10**12,), (1 << 62, 1 << 62), (-1,), (1 << 31, 4), ()])
        text = repr(
            {"descr": rng.choice(["<i8", "|u1", "<U500000000"]), "fortran_order": False, "shape": shape}
        )
        text += " " * (-(len(text) + 11) % 64) + "\n"
        return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text.encode() + data[128:]
    array = array.copy()
    flat = array.reshape(-1)
    for _ in range(rng.randrange(1, 4) if len(flat) else 0):
        info = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
        new = [info.min, info.max, 0, 1, flat[0], rng.randrange(100)] if info else [np.nan, np.inf, -1, 0]
        flat[rng.randrange(len(flat))] = rng.choice(new)
    return _npy(array)


def canary() -> str:
    """A folder that exists once a pickle of ours was run."""
    return os.environ["STRANGERS_CANARY"]


class Evil:
    """What a pickle may do to who loads it."""

    def __reduce__(self):
        return os.mkdir, (canary(),)


def _tensors(rng, data, files):
    """A checkpoint whose tensors and numbers are others."""
    import torch

    try:
        state = torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # noqa: BLE001 - one that was changed already
        return _bytes(rng, data, files)
    out = io.BytesIO()
    torch.save(_other_tensor(rng, state), out)
    return out.getvalue()


def _other_tensor(rng, value):
    import torch

    if isinstance(value, (dict, list)) and value and rng.random() < 0.9:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        value = value.copy()
        if rng.random() < 0.08:
            del value[key]
        else:
            value[key] = _other_tensor(rng, value[key])
        return value
    one = torch.zeros(1)
    tensors = [one, one.expand(10**6, 10**6), torch.zeros(0), torch.zeros(3, 3), torch.tensor(float("nan"))]
    tensors += [
        torch.empty(10**7, 10**7, device="meta"),
        torch.zeros(2, 2).to_sparse(),
        torch.zeros(4).long(),
    ]
    tensors += [one.to(torch.complex64), torch.full((64, 32), float("inf"))]
    if isinstance(value, torch.Tensor) and rng.random() < 0.7:
        tensors += [
            value[:-1] if value.dim() else value,
            value.double(),
            value.half(),
            value.expand(2, *value.shape),
        ]
        tensors += [
            value.new_zeros(1).expand(value.shape),
            torch.full_like(value, float("nan")),
            value.T,
            value.long(),
        ]
        return rng.choice(tensors)
    return rng.choice([*tensors, *VALUES])


def _pickle(rng, data, files):
    """A pickle that does something, in torch's ways of keeping one."""
    evil = rng.choice([Evil(), {"step": Evil()}, {"model": {}, "x": [Evil()]}])
    raw = pickle.dumps(evil, protocol=rng.choice([0, 2, 4]))
    if rng.random() < 0.4:
        return raw
    members = _members(data)
    if members is None:
        return raw
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, held in members.items():
            archive.writestr(name, raw if name.endswith("data.pkl") else held)
    return out.getvalue()


def _inside(rng, data, files):
    """Bytes of one member of a zip changed, its CRC right."""
    members = _members(data)
    if members is None:
        return _bytes(rng, data, files)
    names = list(members)
    name = rng.choice([*names, *[n for n in names if n.endswith("data.pkl")] * len(names)])
    members[name] = rng.choice([_cut, _hole, _bytes, _bytes])(rng, members[name], files) or b""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for each, held in members.items():
            archive.writestr(each, held)
    return out.getvalue()


def _own_up(place: Path, path: Path) -> bool:
    """Write the changed file's size and hash into its dataset's manifest."""
    manifest = path.parent / "manifest.json"
    if path == manifest or not manifest.exists():
        return False
    try:
        data = json.loads(manifest.read_text())
        raw, known = path.read_bytes(), False
        for shard in data["shards"]:
            for part in shard.get("splits", {}).values():
                if path.name in part["files"]:
                    part["files"][path.name] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
                    known = True
        manifest.write_text(json.dumps(data))
        return known
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
