"""Files of a stranger, of every kind that the lab reads: refused in one line, or read; no crash, no hang, no
memory by what they claim, nothing unpickled. ``scripts/fuzz_lab.py`` reads many more."""

import importlib.util
import json
import os
import pickle

import pytest
import strangers
from support import ROOT

import tokenizers_lab as lab
from tokenizers_lab.datasets import TokenReader, build, verify
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import pack_arrays, unpack_arrays

spec = importlib.util.spec_from_file_location("fuzz_lab", ROOT / "scripts" / "fuzz_lab.py")
fuzz_lab = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz_lab)


@pytest.mark.slow
def test_whatever_is_changed_ends_cleanly(tmp_path, english):
    pytest.importorskip("torch")
    strangers.make(tmp_path, english)
    cases: list[dict] = []
    fuzz_lab.run(tmp_path, 7, 0, 400, cases)
    found = fuzz_lab.tally(cases)
    assert len(cases) == 400 and not found["unclean"], found["unclean"]
    assert found["largest_mib"] < 512 and set(found["kinds"]) == set(strangers.KINDS)
    # Of some kinds nearly every change is noticed, so that forty cases may all be refused.
    assert all(counts["refused"] for counts in found["kinds"].values()), found["kinds"]
    assert sum(counts["read"] > 0 for counts in found["kinds"].values()) > len(strangers.KINDS) // 2


@pytest.fixture
def dataset(tmp_path, english):
    (tmp_path / "a.txt").write_bytes(english[:2000])
    build("bytes", [tmp_path / "a.txt"], tmp_path / "d", workers=1)
    return tmp_path / "d"


@pytest.mark.parametrize(
    "places,value,match",
    [
        (["vocab_size"], 10**12, "vocab_size"),
        (["vocab_size"], 10**9, "ids"),
        (["totals", "train", "tokens"], 10**15, "sums of the shards"),
        (["shards", 0, "splits", "train", "tokens"], None, "tokens"),
        (["shards", 0, "splits", "train", "files"], {"/etc/passwd": {}}, "other names"),
        (["shards", 0, "segments", 0, 0], 5, "a segment"),
        (["dtype"], "O", "dtype"),
        (["eos"], "x", "eos"),
        (["sources", 0, "path"], 3, "path"),
    ],
)
def test_a_manifest_that_lies_is_refused_before_anything_is_opened(dataset, places, value, match):
    data = json.loads((dataset / "manifest.json").read_text())
    inside = data
    for place in places[:-1]:
        inside = inside[place]
    inside[places[-1]] = value
    (dataset / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=match) as error:
        assert TokenReader(dataset).codec
    assert "manifest.json" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("shape", ["(10**12, 4)", "(1000000000000, 4)", "(2, 4"])
def test_a_table_of_documents_that_lies_allocates_nothing(dataset, shape):
    path = dataset / "train-00000.docs.npy"
    head = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(path.read_bytes()[:10] + head.encode() + path.read_bytes()[128:])
    with pytest.raises(DataError, match="not a NumPy array, or damaged"):
        assert TokenReader(dataset).docs
    assert "damaged" in verify(dataset)[0]


@pytest.mark.parametrize("key,value", [("width", 32.0), ("reset", 1 << 64), ("token_bits", True)])
def test_windows_of_a_stranger_are_of_whole_numbers(tmp_path, key, value):
    lab.load("equal-info[b=32,v=256,m1=order-1]").save(tmp_path / "c.bin")
    head, arrays = unpack_arrays(tmp_path / "c.bin")
    (tmp_path / "c.bin").write_bytes(pack_arrays({**head, key: value}, arrays))
    with pytest.raises(DataError, match=r"c\.bin"):
        lab.load(tmp_path / "c.bin")


class Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_checkpoint_is_weights_only(tmp_path):
    torch = pytest.importorskip("torch")
    from tokenizers_lab.lm.model import Llama, Shape
    from tokenizers_lab.lm.runs import Plan, Run

    shape = Shape.named("tiny", 300, 16)
    run = Run(tmp_path, {"shape": shape.json(), "plan": Plan(3).json()})
    path, whole = tmp_path / "checkpoint.pt", {"step": 0, "losses": [], "curve": []}
    model = Llama(shape).state_dict()
    assert {k: tuple(v.shape) for k, v in model.items()} == shape.weights()
    torch.save({**whole, "model": model}, path)
    assert run.model().shape == shape
    for bad in (
        {**whole, "model": model, "x": Evil(tmp_path / "canary")},
        Evil(tmp_path / "canary"),
    ):
        torch.save(bad, path)
        with pytest.raises(DataError, match="cannot be read"):
            run.checkpoint()
        path.write_bytes(pickle.dumps(bad))
        with pytest.raises(DataError, match="cannot be read"):
            run.checkpoint()
    assert not (tmp_path / "canary").exists()
    huge = torch.zeros(1).expand(10**6, 10**6)  # four bytes that claim four terabytes
    for lie in (
        {**whole, "model": {**model, "head.weight": huge}},
        {**whole, "model": {**model, "head.weight": torch.zeros(1).expand(300, 32)}},
        {**whole, "model": {**model, "more": huge}},
        {**whole, "model": {**model, "head.weight": torch.empty(300, 32, device="meta")}},
        {**whole, "model": model, "step": 1},
        {**whole, "model": model, "step": 10**12},
        {"model": model},
        [model],
    ):
        torch.save(lie, path)
        with pytest.raises(DataError, match="damaged, or of another run"):
            run.model()
    lies = {**shape.json(), "layers": 10**9}
    (tmp_path / "run.json").write_text(json.dumps({**_run(shape, Plan(3)), "shape": lies}))
    torch.save({**whole, "model": model}, path)
    with pytest.raises(DataError, match="another shape"):
        Run.read(tmp_path).model()


def _run(shape, plan) -> dict:
    codec = {"fingerprint": "x"}
    return {"tokenizers_lab_run": 1, "shape": shape.json(), "plan": plan.json(), "codec": codec, "eos": None}


def test_the_recorded_run_is_in_the_docs():
    kept = json.loads((ROOT / "bench" / "results" / "fuzz-lab.json").read_text())
    assert kept["count"] == kept["asked"] >= 20_000 and not kept["unclean"]
    assert set(kept["kinds"]) == set(strangers.KINDS)
    assert fuzz_lab.table(kept) in (ROOT / "docs" / "SECURITY.md").read_text("utf-8")
