"""A team's threads share every product and meet between steps: the bits are those of one thread, and nobody
is left waiting."""

import threading

import numpy as np
import pytest
import tiny_llama

pytest.importorskip("gguf")

from nzip.exact.jit import njit
from nzip.predictors.llama import gguf_loader
from nzip.predictors.llama import team as team_module
from nzip.predictors.llama.engine import Engine
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.llama.team import MOST, Team, default_threads, meet, share


@pytest.fixture(scope="module", params=["Q4_1", "Q8_0"])
def engine(request, tmp_path_factory):
    path = tiny_llama.write_gguf(tmp_path_factory.mktemp("team") / "tiny.gguf", request.param)
    return Engine(gguf_loader.load_weights(gguf_loader.open_gguf(path), str(path)))


@pytest.fixture(params=[2, 3, 5])
def team(request):
    made = Team(request.param)
    yield made
    made.close()


def decode(engine, texts, team):
    """All lanes in step, then their logits."""
    cache = Cache(engine.shape, len(texts), 16)
    lanes = np.arange(len(texts))
    hidden = [engine.forward(cache, lanes, [t[i] for t in texts], team=team) for i in range(len(texts[0]))]
    return b"".join(h.tobytes() + engine.logits(h, team=team).tobytes() for h in hidden)


@pytest.mark.parametrize("lanes", [1, 2, 7])
def test_a_decoder_s_steps_are_those_of_one_thread(engine, team, lanes):
    texts = np.random.default_rng(lanes).integers(0, engine.vocabulary, (lanes, 20))
    assert decode(engine, texts, team) == decode(engine, texts, Team(1))


def test_reading_ahead_and_mixed_batches_are_those_of_one_thread(engine, team):
    rng = np.random.default_rng(1)
    outs = []
    for who in (Team(1), team):
        cache = Cache(engine.shape, 3, 16, 11)
        lanes = np.repeat([2, 0, 1], [11, 1, 9])
        rng = np.random.default_rng(2)
        outs.append(
            [
                engine.forward(cache, lanes, rng.integers(0, engine.vocabulary, 21), team=who).tobytes()
                for _ in range(4)
            ]
        )
    assert outs[0] == outs[1]


@njit(nogil=True)
def _pass_on(point, member, members, counts, rounds):
    """Each round every member checks that all have done the one before."""
    for k in range(rounds):
        for other in range(members):
            if counts[other * 8] != k:
                counts[member * 8 + 1] = 1
        meet(point, members)
        counts[member * 8] += 1
        meet(point, members)


def test_nobody_goes_on_before_all_have_come(team):
    counts = np.zeros(8 * team.members, np.int64)
    team.run((_pass_on, (counts, 3000)))
    assert (counts[::8] == 3000).all() and not counts[1::8].any()


def test_jobs_follow_one_another_in_all_members(team):
    done, lock = [], threading.Lock()

    def work(point, member, members, name):
        with lock:
            done.append((name, member))

    team.run((work, ("a",)), (work, ("b",)))
    team.run()
    assert sorted(done[: team.members]) == [("a", m) for m in range(team.members)]
    assert sorted(done[team.members :]) == [("b", m) for m in range(team.members)]


@pytest.mark.parametrize("who", [0, 1])
def test_a_member_that_fails_leaves_none_waiting(team, who):
    def work(point, member, members):
        if member == who:
            raise ZeroDivisionError("by a test")

    counts = np.zeros(8 * team.members, np.int64)
    with pytest.raises(ZeroDivisionError, match="by a test"):
        team.run((work, ()), (_pass_on, (counts, 10)))
    again = np.zeros(8 * team.members, np.int64)
    team.run((_pass_on, (again, 10)))
    assert (again[::8] == 10).all()


def test_a_thread_that_cannot_begin_leaves_none_waiting(monkeypatch):
    team = Team(3)
    submit, asked = team._pool.submit, []

    def fails(*args):
        asked.append(args)
        if len(asked) == 2:
            raise RuntimeError("can't start new thread")
        return submit(*args)

    monkeypatch.setattr(team._pool, "submit", fails)
    with pytest.raises(RuntimeError, match="can't start"):
        team.run((_pass_on, (np.zeros(24, np.int64), 10)))
    team.close()


def test_shares_cover_everything_once():
    for count in (0, 1, 5, 16, 37):
        for members in (1, 2, 3, 16):
            parts = [share(count, m, members) for m in range(members)]
            assert [i for a, b in parts for i in range(a, b)] == list(range(count))


def test_a_team_has_bounds_and_closes_twice():
    assert Team(0).members == 1
    made = Team(1000)
    assert made.members == MOST
    made.close()
    made.close()
    assert made.members == 1


@pytest.mark.parametrize(
    ("limit", "threads"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1), ("", 8), (None, 8)],
)
def test_a_container_s_quota_bounds_a_team(tmp_path, monkeypatch, limit, threads):
    monkeypatch.setattr(team_module.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(team_module, "_QUOTA", tmp_path / "cpu.max")
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit + "\n")
    assert default_threads() == threads
