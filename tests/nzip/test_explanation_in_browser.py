"""The page of an explanation in a real browser: it draws, scrolls and tells, in light and dark, and stays
quick over a megabyte. Skipped where there is no Chromium."""

from __future__ import annotations

import re

import pytest
from browser import open_page

import nzip
from nzip.explanation import Explanation
from nzip.explanation.tables import joined
from nzip.predictors.pricing import Guesses, PricedStream, Worth
from nzip.pricing import BlockCosts

pytestmark = pytest.mark.slow
READY = 'document.documentElement?.dataset.ready === "1"'
# Draws 120 places all over the page, and gives the median milliseconds of script and layout that one takes.
SCROLL = """(() => {
  const pane = panes[0], whole = pane.scroll.scrollHeight - pane.scroll.clientHeight, times = []
  for (let i = 0; i < 120; i++) {
    const begin = performance.now()
    pane.scroll.scrollTop = whole * i / 119
    pane.draw()
    pane.drawMap()
    void pane.rows.offsetHeight
    times.push(performance.now() - begin)
  }
  return times.sort((a, b) => a - b)[60]
})()"""


@pytest.fixture
def saved(tmp_path):
    def save(html: str) -> str:
        path = tmp_path / "page.html"
        path.write_text(html, "utf-8")
        return path.as_uri()

    return save


def test_it_draws_and_tells(toys, saved, tmp_path):
    data = b"To be, or <i>not</i> to be:\nthat is 42.\n" * 40
    found = nzip.explain(data, predictor="count", name="play")
    with open_page(saved(found.html()), tmp_path / "profile") as page:
        page.wait_for(READY)
        row = 'document.querySelectorAll(".row")[1]'
        assert page.run(f"{row}.textContent") == "that is 42.⏎" and page.run(f"{row}.dataset.n") == "2"
        x, y = page.run(
            "(() => { document.querySelector('.scroll').scrollIntoView({block: 'center'}); "
            f"const b = {row}.querySelector('span').getBoundingClientRect(); "
            "return [b.left + 4, b.top + 9] })()"
        )
        page.move(x - 1, y)
        page.move(x, y)
        page.wait_for('document.querySelector("#tip").style.display === "block"')
        tip = page.run('document.querySelector("#tip").innerText')
        bits = float(re.match(r"t at 28: ([0-9.]+) bits", tip)[1])
        assert bits == pytest.approx(found.bits[28], abs=0.02) and "expected" in tip
        # the end of the data, where there is no more
        page.run('const s = document.querySelector(".scroll"); s.scrollTop = s.scrollHeight')
        page.wait_for('[...document.querySelectorAll(".row")].some(row => row.dataset.n === "80")')
        grounds = []
        for dark in (False, True):
            page.dark(dark)
            page.wait_for(f'matchMedia("(prefers-color-scheme: dark)").matches === {str(dark).lower()}')
            grounds.append(page.run("getComputedStyle(document.body).backgroundColor"))
        assert grounds == ["rgb(255, 255, 255)", "rgb(15, 23, 42)"]
        assert page.errors == []


def test_two_panes_scroll_together(toys, saved, tmp_path):
    data = b"To be, or not to be:\nthat is 42.\n" * 200
    both = [nzip.explain(data, predictor=name, name="play") for name in ("count", "runs")]
    with open_page(saved(both[0].html(both[1])), tmp_path / "profile") as page:
        page.wait_for(READY)
        page.run("panes[0].scroll.scrollTop = 1800")
        page.wait_for("panes[1].scroll.scrollTop === 1800")
        page.run('document.querySelector("#mode").value = "difference"')
        page.run('document.querySelector("#mode").dispatchEvent(new Event("change"))')
        assert "less here" in page.run('document.querySelector("#legend").innerText')
        assert page.errors == []


def megabyte() -> Explanation:
    """Words as symbols, as many as a text of that size has, with guesses and inputs."""
    import numpy as np

    rng = np.random.default_rng(5)
    lengths = rng.integers(1, 8, 250_000).astype(np.int32)
    lengths[-1] += 1_000_000 - int(lengths.sum()) if lengths.sum() < 1_000_000 else 1
    size = int(lengths.sum())
    text = rng.integers(97, 123, size, dtype=np.uint8)
    text[rng.random(size) < 0.16], text[::61] = 32, 10
    n = len(lengths)
    groups = ("words", "match model", "bias")
    kind = rng.integers(0, 3, (2, n)).astype(np.uint8)
    few = rng.exponential(0.5, (2, n)).astype(np.float32)
    worth = Worth(groups, np.ones(3), kind[0], few[0], kind[1], -few[1])
    names = [f"word{i}".encode() for i in range(200)]
    guesses = Guesses(rng.integers(0, 200, (n, 3), dtype=np.int32), np.full((n, 3), 0.2, np.float32), names)
    bits = rng.exponential(4, n)
    stream = PricedStream(
        "text", "words", "prose", size, size // 4, np.cumsum(lengths) - lengths, lengths, bits, worth, guesses
    )
    found = joined([BlockCosts(0, size, size // 4, "coded", (stream,))], 3)
    return Explanation(name="megabyte", predictor="made up", data=text.tobytes(), **found)


def test_a_megabyte_is_smooth(saved, tmp_path):
    found = megabyte()
    assert found.size >= 1_000_000
    html = found.html()
    assert len(html) < 20_000_000 and "bytes are drawn" not in html
    with open_page(saved(html), tmp_path / "profile") as page:
        page.wait_for(READY)
        median = page.run(SCROLL)
        assert median < 60, f"{median:.0f} ms a step"  # 4 where nothing else runs
        assert page.run('document.querySelectorAll(".row").length') < 120
        assert page.errors == []
