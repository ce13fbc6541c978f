"""What is counted is what the cache would hold."""

from __future__ import annotations

from bench import snapshots
from nzip import cache
from nzip.predictors.mix import primer_snapshot, warm_start
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.primers import USER, Primer


def test_sizes_are_those_of_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path))
    monkeypatch.setattr(snapshots.primers, "index", lambda: [{"name": "own"}])
    own = Primer(USER, "own", b"to be or not to be, that is the question " * 50, b"hash")
    monkeypatch.setattr(snapshots.primers, "shipped", lambda number: own)
    (found,) = snapshots.sizes([1], "english", lambda line: None)
    primer_snapshot.save(warm_start.taught(1, own)[1], plan(1, own.kind), "x")
    with cache.folders.trusted(tmp_path / "primed") as folder:
        kept = {name: status.st_size for name, status in cache.PRIMED.entries(folder)}
    files = [size - cache.store.HEAD_SIZE for name, size in kept.items() if name.startswith("x")]
    assert len(files) == 2 and found.raw == sum(files) and found.words > 0
    shown = [str(cell) for column in snapshots.table([found]).columns for cell in column.cells]
    assert f"{(found.raw + found.words) / 1e6:.1f} of 1073.7" in shown
