"""File objects of every manner, for tests: they have nothing yet, take less than they get, fail once."""

from __future__ import annotations

import fcntl
import io
import os

import toys


class Raw(io.RawIOBase):
    """A raw file that answers from a script: bytes, None (nothing yet) or an error to raise; then the end."""

    def __init__(self, script, descriptor=None):
        self.script = list(script)
        self.descriptor = descriptor

    def readable(self):
        return True

    def fileno(self):
        if self.descriptor is None:
            raise io.UnsupportedOperation("no descriptor")
        return self.descriptor

    def readinto(self, buffer):
        answer = self.script.pop(0) if self.script else b""
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            return None
        if len(answer) > len(buffer):
            self.script.insert(0, answer[len(buffer) :])
        part = answer[: len(buffer)]
        buffer[: len(part)] = part
        return len(part)


class Duck:
    """A file object that has `read` alone, and raises what is an error in its script."""

    def __init__(self, script, descriptor=None):
        self.script = list(script)
        if descriptor is not None:
            self.fileno = lambda: descriptor

    def read(self, n):
        answer = self.script.pop(0) if self.script else b""
        if isinstance(answer, BaseException):
            raise answer
        return answer


def unready(descriptor):
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_NONBLOCK)


class RawSink(io.RawIOBase):
    """A raw file that takes what its script says: so many bytes, None or an error; then three at a time."""

    def __init__(self, script=(), descriptor=None):
        self.taken = bytearray()
        self.script = list(script)
        self.descriptor = descriptor

    def writable(self):
        return True

    def fileno(self):
        if self.descriptor is None:
            raise io.UnsupportedOperation("no descriptor")
        return self.descriptor

    def write(self, data):
        answer = self.script.pop(0) if self.script else 3
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            return None
        part = bytes(data)[:answer]
        self.taken += part
        return len(part)


class Sink:
    """A sink of no class: `write` takes all and answers as told."""

    def __init__(self, answer):
        self.answer = answer
        self.taken = []

    def write(self, data):
        self.taken.append(data)
        return self.answer


class NoSeek(io.RawIOBase):
    def __init__(self, data):
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._data.readinto(buffer)


class Flaky(io.RawIOBase):
    """A file whose read number ``at`` raises ``error``."""

    def __init__(self, data, at, error, seekable=True):
        self._data, self._at, self._error, self._seekable = io.BytesIO(data), at, error, seekable

    def readable(self):
        return True

    def seekable(self):
        return self._seekable

    def seek(self, *where):
        return self._data.seek(*where)

    def tell(self):
        return self._data.tell()

    def readinto(self, buffer):
        self._at -= 1
        if self._at == -1:
            raise self._error
        return self._data.readinto(memoryview(buffer)[:300])


class Failing(toys.ToyPredictor):
    """Fails at its second block, with ``error``."""

    def __init__(self, error):
        super().__init__()
        self.error, self.blocks = error, 0

    def encode(self, data):
        self.blocks += 1
        if self.blocks == 2:
            raise self.error
        return super().encode(data)
