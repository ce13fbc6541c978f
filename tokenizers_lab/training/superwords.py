"""Superwords (SuperBPE, arXiv 2503.13423; BoundlessBPE, 2504.00178): from the *transition* on, merges may
cross words. They cross no line end (pre-tokenizer ``lines``), so the vocabulary is plain byte-level BPE that
any library runs.

``bpe.train_full`` learns the first stage; then the text is written as its tokens to a file
(:func:`cells_of`), and merged there, round by round (:class:`Grower` over ``superword_kernel.py``). What that
holds in memory is chosen by
``max_memory`` and never by the text: a sketch of pair counts says which pairs can reach the round's floor,
those are counted exactly and merged, then the floor falls. Merges are those of plain BPE over the whole text
(most frequent first, ties to the smaller pair of ids), whatever the memory, the workers, the blocks.

Concessions: the text is read twice, so standard input is refused; its tokens take four bytes each on disk, in
the folder of the checkpoint, else where temporary files go. Counts are true ones: a pair that was merged and
forms again starts from 0, where Hugging Face's trainer starts from what it had.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.training import merger
from tokenizers_lab.training import state as st
from tokenizers_lab.training import superword_kernel as k
from tokenizers_lab.training.counts import CorpusCounts, CountTable, _groups

PAIR_BYTES = 88  # of a pair: its slots, its row, its places in the heap
NO_PAIR = -5


class Cells:
    """The text as cells in a file: ``array`` (int32, mapped) of which ``n`` count."""

    def __init__(self, folder=None):
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self.file.write(np.array([k.BORDER], np.int32).tobytes())
        self.n = 1
        self.array = np.zeros(0, np.int32)

    def add(self, cells: np.ndarray) -> None:
        self.file.write(cells.tobytes())
        self.n += len(cells)

    def map(self) -> None:
        """No more is added; the array may be changed."""
        self.file.write(np.full(2, k.BORDER, np.int32).tobytes())
        self.file.flush()
        self.array = np.memmap(self.file, dtype=np.int32, mode="r+", shape=(self.n + 2,))

    def shrink(self, n: int) -> None:
        self.n = n
        self.array[n : n + 2] = k.BORDER

    def close(self) -> None:
        self.array = np.zeros(0, np.int32)
        self.file.close()


def cells_of(codec: BpeCodec, documents, workers: int, cells: Cells, progress=None) -> int:
    """Write ``documents`` (as ``counts.count_corpus`` takes them) as tokens of ``codec``, whose pre-tokenizer
    is ``lines``, to ``cells``; returns the bytes read."""
    pending: deque = deque()
    spare = deque([codec] + [codec.truncated(codec.vocab_size) for _ in range(workers - 1)])  # one a thread
    read = 0

    def encode(group):
        own = spare.pop()
        try:
            return [_lines(own, piece) for piece in group]
        finally:
            spare.append(own)

    def take():
        nonlocal read
        size, future = pending.popleft()
        for some in future.result():
            cells.add(some)
        read += size
        if progress:
            progress(size)

    with ThreadPoolExecutor(workers) as pool:
        for group in _groups(documents, codec.pre, CorpusCounts(CountTable())):
            pending.append((sum(map(len, group)), pool.submit(encode, group)))
            if len(pending) >= workers:
                take()
        while pending:
            take()
    return read


def _lines(codec: BpeCodec, piece: np.ndarray) -> np.ndarray:
    ids, ends = codec.encode(piece).view(np.int32), codec.pre.ends(piece)
    out = np.empty(len(ids) + len(ends), np.int32)
    return out[: k.lines(ids, codec.token_lengths(), ends, out)]


class Vocabulary(Protocol):
    """What merges begin from: the bytes of each id, special tokens (without bytes) first."""

    tokens: list[bytes]
    special: dict[str, int]


class Grower:
    """Merges across words over ``cells`` (mapped), beginning with the vocabulary ``codec``. ``max_memory``:
    bytes of all that grows with the pairs; ``never``: what special tokens would be spelled as. Raises
    :class:`LabError` where that is too little for ``most_tokens``."""

    def __init__(
        self,
        codec: Vocabulary,
        cells: Cells,
        most_tokens: int,
        max_memory: int,
        max_token_length: int = 0,
        min_frequency: int = 0,
        never=(),
    ):
        self.cells, self.special, self.never = cells, len(codec.special), {t for t in never if t}
        self.least, self.rounds = max(1, min_frequency), 0
        # A merge makes at most two pairs a token, and visits no place twice.
        needed = 4 * most_tokens + 64
        enough = 1 << (2 * cells.n + needed).bit_length()
        pairs = min(_power(max(1, max_memory * 3 // 8 // PAIR_BYTES)), enough)
        self.bits = max(10, min(_power(max(1, max_memory // 32)), enough).bit_length() - 1)
        place = np.int32 if cells.n < 2**31 - 2 else np.int64
        node = np.dtype(place).itemsize + 4
        nodes = min((max_memory - pairs * PAIR_BYTES - (4 << self.bits)) // node, 4 * enough)
        if pairs < needed:
            least = -(-8 * PAIR_BYTES * _power(2 * needed) // 3 >> 20)
            raise LabError(
                f"a vocabulary of {most_tokens:,} with superwords needs a --max-memory of {least} MiB or more"
            )
        spelled = [*never, *codec.tokens[self.special :]]
        sizes = np.array([len(t) for t in spelled], np.int64)
        arena = np.frombuffer(b"".join(spelled), np.uint8)
        room = 2 * most_tokens + 512
        token_start, token_size = np.zeros(room, np.int64), np.zeros(room, np.int64)
        token_size[: len(sizes)] = sizes
        token_start[: len(sizes)] = np.cumsum(sizes) - sizes
        meta = np.zeros(14, np.int64)
        meta[st.TOKENS], meta[st.ARENA], meta[st.SPECIAL] = len(spelled), len(arena), self.special
        meta[st.MAX_LENGTH] = max_token_length
        none = np.zeros(0, np.int32)
        self.state = st.State._make(
            [
                *(cells.array, none, none, none, np.zeros(0, np.int64)),
                np.empty(2 * pairs, np.int32),
                *(np.empty(pairs, t) for t in (np.int64, np.int64, np.int32, np.int32, np.int64, np.int64)),
                *(np.empty(nodes, place), np.empty(nodes, np.int32)),
                *(np.empty(2 * pairs, np.int64), np.empty(2 * pairs, np.int64), np.empty(pairs, np.int64)),
                np.concatenate([arena, np.zeros(len(arena) + (1 << 16), np.uint8)]),
                *(token_start, token_size, np.full(4 * _power(room), -1, np.int32)),
                *(np.zeros(room, np.int32) for _ in range(3)),
                *(np.zeros(room, np.int64), meta),
            ]
        )
        self.sketch = np.zeros(1 << self.bits, np.uint32)
        merger.rehash_tokens(self.state)

    @property
    def tokens(self) -> int:
        return int(self.state.meta[st.TOKENS])

    @property
    def merged(self) -> int:
        return int(self.state.meta[st.MERGES])

    @property
    def nbytes(self) -> int:
        """Bytes of all that grows with the pairs."""
        s = self.state
        pairs = (
            "slots",
            "key",
            "count",
            "head",
            "tail",
            "size",
            "seen",
            "heap_count",
            "heap_pair",
            "touched",
        )
        return sum(getattr(s, name).nbytes for name in (*pairs, "place", "link")) + self.sketch.nbytes

    def merges(self) -> np.ndarray:
        """The merges made, int32 of shape (merges, 3)."""
        s, n = self.state, self.merged
        return np.stack([s.merge_a[:n], s.merge_b[:n], s.merge_id[:n]], axis=1)

    def token(self, token: int) -> bytes:
        s = self.state
        if token < self.special:
            return b""
        return s.arena[s.token_start[token] : s.token_start[token] + s.token_size[token]].tobytes()

    def replay(self, merges: np.ndarray) -> None:
        """Name the tokens of merges that ``cells`` have behind them."""
        for a, b, new in merges.tolist():
            known = max(a, b) < self.tokens
            if not known or self._name(a, b) != new:
                raise DataError("the checkpoint's merges contradict each other; remove it to begin anew")

    def _name(self, a: int, b: int) -> int:
        while k.short_of_tokens(self.state, a, b):
            self._grow_tokens()
        s = self.state
        new = int(merger.token_for(s, a, b, True))
        if new >= self.special:
            n = self.merged
            s.merge_a[n], s.merge_b[n], s.merge_id[n] = a, b, new
            s.meta[st.MERGES] = n + 1
        return new

    def _grow_tokens(self) -> None:
        s = self.state
        names = ("arena", "token_start", "token_size", "merge_a", "merge_b", "merge_id", "merge_count")
        self.state = s._replace(
            token_slots=np.full(2 * len(s.token_slots), -1, np.int32),
            **{x: np.concatenate([getattr(s, x), np.zeros_like(getattr(s, x))]) for x in names},
        )
        merger.rehash_tokens(self.state)

    def grow(self, vocab_size: int, vetoed=None, at_round=None, step=None) -> bool:
        """Merge until there are ``vocab_size`` tokens; False where no pair is left. ``vetoed(bytes)`` forbids
        tokens; ``at_round()`` is called where the cells are compact, ``step()`` between merges."""
        while self.tokens < vocab_size:
            if at_round:
                at_round()
            if not self._round(vocab_size, vetoed, step):
                return False
            self.rounds += 1
        return True

    def _round(self, vocab_size: int, vetoed, step) -> bool:
        self.sketch[:] = 0
        cells, s = self.cells, self.state
        k.sketch_pairs(cells.array, cells.n, s.token_size, s.meta[st.MAX_LENGTH], self.sketch, self.bits)
        top, before = int(self.sketch.max()), self.merged
        if top < self.least:
            return False
        floor, chained = self._floor(top)
        while True:
            while not self._count(floor, chained):  # a counter that reaches the floor may hold many pairs
                if floor == top:
                    raise self._too_small()
                floor = min(top, floor + floor // 4 + 1)
            if not chained:
                self._one_merge(floor, vetoed)
                return True
            answer = self._merge(vocab_size, vetoed, step)
            self.compact()
            if self.merged > before:
                return True
            if answer == k.NO_ROOM:
                raise self._too_small()
            if floor <= self.least:
                return False
            floor = max(
                self.least, floor * 3 // 4
            )  # all that is so frequent is forbidden, or shares counters

    def compact(self) -> None:
        """Bring the cells to one a token, as after an interruption; the next round begins from them."""
        self.cells.shrink(int(k.compact(self.cells.array, self.cells.n, NO_PAIR, NO_PAIR, NO_PAIR)))

    def _floor(self, top: int) -> tuple[int, bool]:
        """The least floor that leaves room to work, and whether there is room for the places, too; else for
        one merge, without."""
        pairs, places = len(self.state.key) // 2, len(self.state.place) // 3
        chained = k.reaching(self.sketch, top)[1] <= places
        low, high = self.least, top
        while low < high:
            middle = (low + high) // 2
            n, total = k.reaching(self.sketch, middle)
            if n <= pairs and (total <= places or not chained):
                high = middle
            else:
                low = middle + 1
        return low, chained

    def _count(self, floor: int, chained: bool) -> bool:
        s = self.state
        s.slots[:] = -1
        s.merge_count[:] = 0
        meta = s.meta
        meta[st.PAIRS] = meta[st.POOL] = meta[st.HEAP] = 0
        meta[st.FREE], meta[st.FREE_COUNT] = -1, len(s.place)
        meta[k.FLOOR], meta[k.UNSURE] = floor, floor - 1
        if not k.count_pairs(s, self.cells.n, self.sketch, self.bits, chained):
            return False
        if chained:
            k.heap_of_pairs(s)
        return True

    def _merge(self, vocab_size: int, vetoed, step) -> int:
        """Merge what the round knows; why it ended."""
        answer = k.DONE
        while self.tokens < vocab_size:
            answer = k.run(self.state, vocab_size, 256) if vetoed is None else self._careful(vetoed)
            if answer == k.GROW_TOKENS:
                self._grow_tokens()
            elif answer != k.DONE:
                break
            if step:
                step()
        return answer

    def _careful(self, vetoed) -> int:
        """One merge, or one pair set aside."""
        p = int(k.best(self.state))
        if p < 0:
            return k.ROUND_OVER
        token = self.token(int(self.state.key[p] >> 32)) + self.token(int(self.state.key[p] & 0xFFFFFFFF))
        if token in self.never or vetoed(token):
            merger.drop_best(self.state)
            return k.DONE
        return k.run(self.state, 1 << 40, 1)

    def _one_merge(self, floor: int, vetoed) -> None:
        """Merge the most frequent pair, which has more places than there is room for, in one pass."""
        s, n = self.state, int(self.state.meta[st.PAIRS])
        for p in np.lexsort((s.key[:n], -s.count[:n])).tolist():
            a, b = int(s.key[p] >> 32), int(s.key[p] & 0xFFFFFFFF)
            if s.count[p] < floor:
                break
            if vetoed is not None and vetoed(self.token(a) + self.token(b)):
                continue
            new = self._name(a, b)
            if new >= self.special:
                self.cells.shrink(int(k.compact(self.cells.array, self.cells.n, a, b, new)))
                return
        raise self._too_small()

    def _too_small(self) -> LabError:
        return LabError(
            f"after {self.tokens:,} tokens --max-memory is too small to tell this text's pairs apart; give "
            "more"
        )


def twin_grow(
    lines: list[list[int]], tokens: list[bytes], vocab_size: int, longest: int = 0, least: int = 1, never=()
):
    """What :meth:`Grower.grow` does, as one would explain it: the merges as (a, b, result). ``lines`` and
    ``tokens`` are changed. Slow; the test of the kernel."""
    merges: list[tuple[int, int, int]] = []
    while len(tokens) < vocab_size:
        counts: Counter[tuple[int, int]] = Counter()
        for line in lines:
            counts.update(itertools.pairwise(line))
        good = [
            (-count, pair)
            for pair, count in counts.items()
            if count >= least
            and (not longest or len(tokens[pair[0]]) + len(tokens[pair[1]]) < longest)
            and tokens[pair[0]] + tokens[pair[1]] not in never
        ]
        if not good:
            break
        a, b = min(good)[1]
        token = tokens[a] + tokens[b]
        if token not in tokens:
            tokens.append(token)
        new = tokens.index(token)
        merges.append((a, b, new))
        for line in lines:
            i = 0
            while i + 1 < len(line):
                if line[i] == a and line[i + 1] == b:
                    line[i : i + 2] = [new]
                i += 1
    return merges


def _power(n: int) -> int:
    """The largest power of two that is no more than ``n`` > 0."""
    return 1 << n.bit_length() - 1
