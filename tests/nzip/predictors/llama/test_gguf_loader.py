"""GGUF metadata, cut from the file at once: the same fields as the library's own, and damage is one line."""

import numpy as np
import pytest
import tiny_llama

gguf = pytest.importorskip("gguf")

from hypothesis import given
from hypothesis import strategies as st

from nzip.errors import NzipError
from nzip.predictors.llama import gguf_loader


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gguf")


@pytest.fixture(scope="module")
def path(folder):
    writer = gguf.GGUFWriter(folder / "arrays.gguf", "llama")
    writer.add_array("strings", ["a", "", "zwei", "\N{SNOWMAN}" * 300])
    writer.add_array("numbers", [1, -2, 3])
    writer.add_array("floats", [0.5, -2.25])
    writer.add_array("truths", [True, False, True])
    writer.add_string("text", "one")
    writer.add_uint32("number", 7)
    writer.add_tensor("t", np.arange(64, dtype=np.float32).reshape(2, 32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / "arrays.gguf"


def same(own, theirs):
    # The library counts the header's own numbers as fields, too.
    assert own.fields == {k: f.contents() for k, f in theirs.fields.items() if not k.startswith("GGUF.")}
    for found, tensor in zip(own.tensors, theirs.tensors, strict=True):
        assert (found.name, found.tensor_type.name) == (tensor.name, tensor.tensor_type.name)
        assert found.shape == tuple(tensor.shape.tolist()) and found.numbers == tensor.n_elements
        assert np.array_equal(found.data.view(np.uint8), tensor.data.view(np.uint8))
        assert found.data.shape == tensor.data.shape


def test_fields_and_tensors_are_the_library_s(path, folder):
    same(gguf_loader.open_gguf(path), gguf.GGUFReader(path))
    for kind in tiny_llama.GGUF_KINDS:
        tiny = tiny_llama.write_gguf(folder / "tiny.gguf", kind)
        same(gguf_loader.open_gguf(tiny), gguf.GGUFReader(tiny))


def test_the_types_of_tensors_are_the_library_s():
    from nzip.predictors.llama.gguf_file import TYPES

    theirs = {k.value: (k.name, *gguf.GGML_QUANT_SIZES[k]) for k in gguf.GGMLQuantizationType}
    assert {k: tuple(v) for k, v in TYPES.items()} == {k: theirs[k] for k in TYPES}


@given(cut=st.floats(0, 1), at=st.floats(0, 1), byte=st.integers(0, 255))
def test_damage_is_one_line_or_no_matter(cut, at, byte):
    path, whole = test_damage_is_one_line_or_no_matter.path, test_damage_is_one_line_or_no_matter.whole
    data = bytearray(whole[: max(1, int(cut * len(whole)))])
    data[int(at * (len(data) - 1))] = byte
    path.write_bytes(data)
    try:
        reader = gguf_loader.open_gguf(path)
    except NzipError as error:
        assert "\n" not in str(error) and str(path) in str(error)
    else:
        assert reader.fields


@pytest.fixture(scope="module", autouse=True)
def _whole(path, folder):
    made = (folder / "damaged.gguf", path.read_bytes())
    for test in (
        test_damage_is_one_line_or_no_matter,
        test_damage_is_one_line_or_no_matter.hypothesis.inner_test,
    ):
        test.path, test.whole = made


def test_tables_in_parts_are_the_whole_table(folder, monkeypatch):
    """Whatever the size of the parts that a matrix is converted in."""
    path = tiny_llama.write_gguf(folder / "parts.gguf", "Q8_0")

    def weights():
        made = gguf_loader.load_weights(gguf_loader.open_gguf(path), str(path))
        return [made.embedding, made.embedding_scale, *made.head[1:], *made.qkv[0][1:]]

    whole = weights()

    def rows(tensor):
        for at in range(0, int(tensor.shape[1]), 7):
            part = tensor.data[at : at + 7]
            yield gguf_loader._Rows(tensor.name, tensor.tensor_type, (int(tensor.shape[0]), len(part)), part)

    monkeypatch.setattr(gguf_loader, "_parts", rows)
    assert all(np.array_equal(a, b) for a, b in zip(whole, weights(), strict=True))
