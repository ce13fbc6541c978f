"""Names, and who may give them a meaning."""

from __future__ import annotations

import pytest

from nzip.errors import ModelMismatchError, NzipError
from nzip.predictors import registry
from nzip.predictors.bare import BarePredictor


def test_levels_of_the_mix():
    assert registry.create("mix").spelling == "mix:3"
    assert registry.create("mix:1").spelling == "mix:1"
    for wrong in ("mix:-1", "mix:6", "mix:x", "mix:", "mix:03"):
        with pytest.raises(NzipError, match="levels 0 to 5"):
            registry.create(wrong)


def test_predictors_are_kept_and_their_spellings_canonical(toys):
    assert registry.create("toy:3") is registry.create("toy:3")
    for spelling in ("mix:2", "toy:9", "count"):
        assert (
            registry.create(registry.create(spelling).spelling).spelling == registry.create(spelling).spelling
        )


def test_experts_are_coded_bare_or_fed_to_the_mix(toys):
    bare = registry.create("count")
    assert isinstance(bare, BarePredictor) and bare.spelling == "count"
    mixed = registry.create("mix:1+count")
    assert mixed.spelling == "mix:1+count" and mixed.exact


def test_arguments_reach_factories():
    seen = []

    def predictor(argument, experts):
        seen.append((argument, [expert.spelling for expert in experts]))
        return "a predictor"

    class Expert:
        def __init__(self, argument):
            self.spelling = f"temporary-expert:{argument}"

    registry.register_predictor("temporary", predictor)
    registry.register_expert("temporary-expert", Expert)
    try:
        assert registry.create("temporary:a:b%2B+temporary-expert:1+temporary-expert:2") == "a predictor"
        assert seen == [("a:b+", ["temporary-expert:1", "temporary-expert:2"])]
    finally:
        registry.unregister("temporary")
        registry.unregister("temporary-expert")


def test_unknown_names_are_said_with_the_known_ones(toys):
    with pytest.raises(NzipError, match="nonsense.*mix.*toy"):
        registry.create("nonsense")
    with pytest.raises(NzipError, match="nonsense.*count"):
        registry.create("mix+nonsense")
    with pytest.raises(NzipError, match="toy.*not an expert"):
        registry.create("mix+toy")
    with pytest.raises(NzipError, match="bare"):
        registry.create("count+runs")
    with pytest.raises(ModelMismatchError, match="nonsense:5"):
        registry.create_for_reading("nonsense:5")


def test_a_library_that_is_not_installed_is_a_missing_model():
    registry.register_expert("needs-a-library", lambda argument: __import__("no_such_library"))
    try:
        with pytest.raises(ModelMismatchError, match="no_such_library"):
            registry.create_for_reading("needs-a-library")
    finally:
        registry.unregister("needs-a-library")


def test_a_duplicate_name_is_an_error(toys):
    for name in ("mix", "toy", "count"):
        with pytest.raises(ValueError, match="taken"):
            registry.register_predictor(name, toys.toy_factory)
        with pytest.raises(ValueError, match="taken"):
            registry.register_expert(name, toys.count_factory)
    for name in ("", "Toy", "a b", "a+b", "a:b"):
        with pytest.raises(ValueError, match="name"):
            registry.register_expert(name, toys.count_factory)


class Point:
    """An entry point, as far as the registry looks."""

    dist = None

    def __init__(self, name, target):
        self.name = name
        self.value = f"elsewhere:{target.__name__}"
        self._target = target

    def load(self):
        return self._target


@pytest.fixture
def installed(monkeypatch, toys):
    """``installed({"nzip.experts": {name: factory}})``: pretend that packages with these entry points are
    there."""
    import importlib.metadata

    def install(groups):
        points = {group: [Point(name, target) for name, target in names] for group, names in groups.items()}
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points.get(group, []))

    yield install
    registry.create.cache_clear()


def test_other_packages_add_names(installed, toys, monkeypatch):
    installed(
        {
            "nzip.predictors": [("theirs", toys.toy_factory)],
            "nzip.experts": [("their-expert", toys.count_factory)],
        }
    )
    assert isinstance(registry.create("theirs"), toys.ToyPredictor)
    assert isinstance(registry.create("their-expert"), BarePredictor)
    assert registry.entries()["theirs"].origin == "elsewhere:toy_factory"
    registry.create.cache_clear()
    monkeypatch.setenv("NZIP_NO_PLUGINS", "1")
    with pytest.raises(NzipError, match="no predictor or expert"):
        registry.create("theirs")
    monkeypatch.setenv("NZIP_NO_PLUGINS", "0")
    registry.create("theirs")


def test_other_packages_cannot_claim_a_name_twice_or_ours(installed, toys):
    for names in ([("mix", toys.toy_factory)], [("toy", toys.toy_factory)], [("x", toys.toy_factory)] * 2):
        installed({"nzip.predictors": names})
        with pytest.raises(NzipError, match=f"{names[0][0]!r} is claimed by .* and by"):
            registry.entries()
    assert registry.create("mix:1").spelling == "mix:1"
