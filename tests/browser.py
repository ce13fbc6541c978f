"""A real browser for tests: Chromium without a window, spoken to in the DevTools protocol over two pipes.

Concession: Chromium alone; where it is not installed :func:`open_page` skips the test."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60  # that an answer may take; machines that run tests are busy


class Page:
    """An open page. :meth:`run` evaluates an expression, promises awaited, and gives its value."""

    def __init__(self, to: int, answers: int, session: str = ""):
        self._to, self._from = to, os.fdopen(answers, "rb")
        self._number = 0
        self.session = session
        self.errors: list[str] = []

    def call(self, method: str, **params: Any) -> dict:
        """A method of the protocol; ValueError with the browser's words where it fails."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._message())
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(answer["params"]["exceptionDetails"]))
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ValueError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _message(self) -> bytes:
        out = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            if not byte:
                raise OSError("the browser is gone")
            out += byte
        return bytes(out)

    def run(self, expression: str) -> Any:
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise ValueError(json.dumps(found["exceptionDetails"]))
        return found["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until ``expression`` is true; TimeoutError."""
        end = time.monotonic() + SECONDS
        while not self.run(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {expression}; {self.errors}")
            time.sleep(0.05)

    def dark(self, wanted: bool) -> None:
        """The colour scheme that the user prefers."""
        value = "dark" if wanted else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def move(self, x: float, y: float) -> None:
        """The mouse, in CSS pixels of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path: Path) -> None:
        """What the window shows, as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextlib.contextmanager
def open_page(url: str, folder: Path, width: int = 1280, height: int = 900) -> Iterator[Page]:
    """``url`` in a new browser, whose profile lies in ``folder``."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium")
    words = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={folder}", "--remote-debugging-pipe", f"--window-size={width},{height}",
    ]  # fmt: skip
    theirs, to = os.pipe()
    answers, gives = os.pipe()

    def place() -> None:
        os.dup2(theirs, 203), os.dup2(gives, 204)
        os.dup2(203, 3), os.dup2(204, 4)

    process = subprocess.Popen(
        words,
        preexec_fn=place,  # noqa: PLW1509  # tests have one thread
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs), os.close(gives)
    page = Page(to, answers)
    try:
        target = page.call("Target.createTarget", url="about:blank")["targetId"]
        page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page.call("Page.enable"), page.call("Runtime.enable")
        page.call("Page.navigate", url=url)
        yield page
    finally:
        process.kill()
        process.wait()
        os.close(to)
        page._from.close()
