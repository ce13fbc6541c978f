"""The codec of Zarr 3, and what ``import nzip`` does where fsspec is here already: register, and import
nothing."""

import subprocess
import sys

import numpy as np
import pytest
from support import child_output

import nzip


def codec(**options):
    pytest.importorskip("zarr")
    from nzip.plugins.zarr3 import NzipCodec

    return NzipCodec(**options)


@pytest.mark.parametrize("shape,chunks", [((9,), (9,)), ((100, 30), (50, 30)), ((7,), (2,)), ((0,), (1,))])
def test_arrays_come_back(shape, chunks):
    compressor = codec(level=1)
    import zarr

    data = np.arange(int(np.prod(shape)), dtype="u2").reshape(shape)
    store: dict = {}
    zarr.create_array(store, data=data, chunks=chunks, compressors=[compressor])
    from zarr.registry import register_codec

    register_codec("nzip", type(compressor))
    assert (zarr.open_array(store, mode="r")[:] == data).all()


def test_metadata():
    one = codec(predictor="mix:1")
    assert one.to_dict() == {"name": "nzip", "configuration": {"predictor": "mix:1"}}
    assert type(one).from_dict(one.to_dict()) == one
    assert type(one).from_dict({"name": "nzip"}) == codec()
    with pytest.raises(ValueError, match="called 'zstd' is not nzip"):
        type(one).from_dict({"name": "zstd", "configuration": {}})
    with pytest.raises(ValueError, match="levels go from 0"):
        codec(level=77)
    with pytest.raises(nzip.NzipError):
        codec(predictor="nonsense")
    with pytest.raises(ValueError, match="not both"):
        codec(level=1, predictor="mix:1")


def test_a_damaged_chunk_is_told():
    compressor = codec(level=1)
    import zarr

    store: dict = {}
    zarr.create_array(store, data=np.arange(500), compressors=[compressor])
    (key,) = [key for key in store if key.startswith("c/")]
    held = store[key].to_bytes()
    store[key] = type(store[key]).from_bytes(held[:-5])
    from zarr.registry import register_codec

    register_codec("nzip", type(compressor))
    with pytest.raises(nzip.CorruptError):
        zarr.open_array(store, mode="r")[:]


def test_import_registers_where_fsspec_is_here_already():
    pytest.importorskip("fsspec")
    said = child_output(
        "import fsspec, sys\nimport nzip\nfrom fsspec.compression import compr\n"
        "assert 'nzip' in compr and 'numpy' not in sys.modules and 'nzip.file' not in sys.modules\n"
        "import nzip.plugins; nzip.plugins.register_fsspec()\n"  # once more does nothing
        "with fsspec.open('memory://x.nz', 'wb', compression='infer') as f: f.write(b'all work')\n"
        "with fsspec.open('memory://x.nz', 'rb', compression='infer') as f: print(f.read())"
    )
    assert "b'all work'" in said


def test_import_alone_imports_no_fsspec():
    code = "import sys, nzip; sys.exit('fsspec' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
