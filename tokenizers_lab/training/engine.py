"""The Python side of the merge engine: builds its arrays from counted pre-tokens, grows them, and speaks of
tokens and merges. What a trainer (plain or compression-aware) drives; the kernels are in ``merger.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokenizers_lab.pretokenize.bytelevel import BYTE_ORDER
from tokenizers_lab.training import merger as m
from tokenizers_lab.training import state as st
from tokenizers_lab.training.counts import CountTable


class Engine:
    """BPE state over a count table. Ids: special tokens, the 256 bytes in GPT-2's order, then merges.
    ``never``: byte strings, one a special token or ``b""``, that no merge may spell."""

    def __init__(
        self,
        table: CountTable,
        special: int = 0,
        max_token_length: int = 0,
        min_frequency: int = 0,
        never: Sequence[bytes] = (),
    ):
        data, ends, counts = table.arrays()
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        lengths = ends - starts
        keep = lengths > 1
        if not keep.all():
            data = data[np.repeat(keep, lengths)]
            lengths, counts = lengths[keep], counts[keep]
        self.special = special
        n = len(data)
        to_id = np.empty(256, dtype=np.int32)
        to_id[BYTE_ORDER] = np.arange(special, special + 256, dtype=np.int32)
        stops = np.cumsum(lengths)
        following = np.arange(1, n + 1, dtype=np.int32)
        previous = np.arange(-1, n - 1, dtype=np.int32)
        if n:
            following[stops - 1] = -1
            previous[stops - lengths] = -1
        taken = b"".join(never)
        tokens, pairs, pool = 1 << 12, 1 << 17, int(1.25 * n) + 1024
        tokens = max(tokens, 2 * (special + 256))
        arena = np.zeros(max(1 << 16, 2 * len(taken)), dtype=np.uint8)
        arena[:256] = BYTE_ORDER
        arena[256 : 256 + len(taken)] = np.frombuffer(taken, dtype=np.uint8)
        token_start = np.zeros(tokens, dtype=np.int64)
        token_size = np.zeros(tokens, dtype=np.int64)
        token_start[special : special + 256] = np.arange(256)
        token_size[special : special + 256] = 1
        # Special tokens stand in the hash of spellings, so that a pair that spells one is found to do so.
        sizes = np.array([len(t) for t in never], dtype=np.int64)
        token_size[: len(never)] = sizes
        token_start[: len(never)] = 256 + np.cumsum(sizes) - sizes
        meta = np.zeros(12, dtype=np.int64)
        meta[st.TOKENS], meta[st.FREE], meta[st.FREE_COUNT] = special + 256, -1, pool
        meta[st.ARENA], meta[st.MAX_LENGTH], meta[st.MIN_COUNT] = (
            256 + len(taken),
            max_token_length,
            max(1, min_frequency),
        )
        meta[st.SPECIAL] = special
        self.state = st.State(
            to_id[data],
            following,
            previous,
            np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
            np.ascontiguousarray(counts),
            np.full(2 * pairs, -1, np.int32),
            np.zeros(pairs, np.int64),
            np.zeros(pairs, np.int64),
            np.zeros(pairs, np.int32),
            np.zeros(pairs, np.int32),
            np.zeros(pairs, np.int64),
            np.zeros(pairs, np.int64),
            np.zeros(pool, np.int32),
            np.zeros(pool, np.int32),
            np.zeros(pairs, np.int64),
            np.zeros(pairs, np.int64),
            np.zeros(pairs, np.int64),
            arena,
            token_start,
            token_size,
            np.full(2 * tokens, -1, np.int32),
            np.zeros(tokens, np.int32),
            np.zeros(tokens, np.int32),
            np.zeros(tokens, np.int32),
            np.zeros(tokens, np.int64),
            meta,
        )
        m.rehash_tokens(self.state)
        at = 0
        while at < n:
            at = m.first_pairs(self.state, at)
            if at < n:
                self._grow(st.GROW_PAIRS)
        while len(self.state.heap_count) < 2 * self.pairs + 64:
            self._grow(st.GROW_HEAP)
        m.first_heap(self.state)

    @property
    def tokens(self) -> int:
        """Ids so far, special tokens included."""
        return int(self.state.meta[st.TOKENS])

    @property
    def pairs(self) -> int:
        return int(self.state.meta[st.PAIRS])

    @property
    def merged(self) -> int:
        """Merges applied so far."""
        return int(self.state.meta[st.MERGES])

    def _grow(self, what: int) -> None:
        s = self.state

        def doubled(*names):
            return {k: np.concatenate([getattr(s, k), np.zeros_like(getattr(s, k))]) for k in names}

        if what == st.GROW_POOL:
            before = len(s.place)
            more = max(before // 2, 1024)
            self.state = s._replace(
                **{k: np.concatenate([getattr(s, k), np.zeros(more, np.int32)]) for k in ("place", "link")}
            )
            s.meta[st.FREE_COUNT] += more
        elif what == st.GROW_PAIRS:
            self.state = s._replace(
                slots=np.full(2 * len(s.slots), -1, np.int32),
                **doubled("key", "count", "head", "tail", "size", "seen", "touched"),
            )
            m.rehash_pairs(self.state)
        elif what == st.GROW_HEAP:
            self.state = s._replace(**doubled("heap_count", "heap_pair"))
        elif what == st.GROW_TOKENS:
            self.state = s._replace(
                token_slots=np.full(2 * len(s.token_slots), -1, np.int32),
                **doubled(
                    "arena", "token_start", "token_size", "merge_a", "merge_b", "merge_id", "merge_count"
                ),
            )
            m.rehash_tokens(self.state)

    def run(self, target_tokens: int, most_merges: int = 1 << 60) -> bool:
        """Merge by frequency; False when no pair is left."""
        goal = self.merged + most_merges
        while True:
            answer = m.run(self.state, target_tokens, goal - self.merged)
            if answer in (st.DONE, st.EXHAUSTED):
                return answer == st.DONE
            self._grow(answer)

    def top(self, most: int) -> list[tuple[int, int, int]]:
        """The most frequent pairs as (a, b, count), best first."""
        found = m.top_pairs(self.state, most)
        keys = self.state.key[found]
        return [(int(k >> 32), int(k & 0xFFFFFFFF), int(c)) for k, c in zip(keys, self.state.count[found])]

    def drop_best(self) -> None:
        """Set the best pair aside for good."""
        m.best(self.state)
        m.drop_best(self.state)

    def apply(self, a: int, b: int) -> int:
        """Merge the pair (a, b) now, whatever its count (0 included); the id of its token, which no special
        one may spell (:meth:`spells_special`)."""
        pair = -1
        while True:
            answer = m.room_for(self.state, pair)
            size = int(self.state.token_size[a] + self.state.token_size[b])
            if answer == st.DONE and self.state.meta[st.ARENA] + size > len(self.state.arena):
                answer = st.GROW_TOKENS
            if answer == st.DONE and pair >= 0:
                break
            if answer != st.DONE:
                self._grow(answer)
            elif pair < 0:
                pair = m._pair(self.state, np.int64(a) << 32 | np.int64(b))
        new = m.token_for(self.state, a, b, True)
        m.apply(self.state, pair, new)
        return int(new)

    def token(self, token: int) -> bytes:
        """The bytes of a token (``b""`` for special ones)."""
        if token < self.special:
            return b""
        o, size = int(self.state.token_start[token]), int(self.state.token_size[token])
        return self.state.arena[o : o + size].tobytes()

    def spells_special(self, a: int, b: int) -> bool:
        """Whether the token spelled a+b would be a special one."""
        return 0 <= self.id_of(a, b) < self.special

    def id_of(self, a: int, b: int) -> int:
        """The id of the token spelled a+b if there is one, else -1."""
        size = int(self.state.token_size[a] + self.state.token_size[b])
        while self.state.meta[st.ARENA] + size > len(self.state.arena):
            self._grow(st.GROW_TOKENS)
        return int(m.token_for(self.state, a, b, False))

    def merges(self) -> np.ndarray:
        """All merges in order, int32 of shape (merges, 3): a, b, the id of the result."""
        s, n = self.state, self.merged
        return np.stack([s.merge_a[:n], s.merge_b[:n], s.merge_id[:n]], axis=1)
