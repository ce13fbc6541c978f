"""Streams whose every hash is right and whose contents lie: what a writer makes who wants to break a reader.

Random damage dies at the first hash. Here each lie is told before the hashes are made: in the passport
(spellings that name files, configs that are deep or huge), in embedded models (sizes, names, bombs, weights
that are none), in blocks (sizes, params, payloads, primers, streams), in the index, and in what lies between
streams.
A case is a function of a seed and a number alone, so that what a run finds can be made again.

Everything is packed by the package's own functions, so the writer follows the format. Concession: what needs
a lie in two places that support each other is found by chance only.
"""

from __future__ import annotations

import functools
import io
import itertools
import json
import lzma
import random
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

import small_experts
import toys
import xxhash

from nzip.codec import CODED, STORED, CodedBlock
from nzip.container import check_points, config, embedded_models, framing, heads
from nzip.container.passport import FLAG_CONFIG, Passport
from nzip.container.writer import HashedBlock, StreamWriter, code_block
from nzip.errors import NzipError
from nzip.hashes import hash32, text_hash
from nzip.predictors import registry
from nzip.predictors.kinds import STORED as STORED_STREAM
from nzip.predictors.own_primer import OwnPrimer
from nzip.primer import file as primer_file
from nzip.varint import u32, varint

TEXT = (b"The rain in Spain stays mainly in the plain, and the plain lies in the rain. " * 9)[:600]
# Bytes that a check point proves while these streams are written and read: blocks of DATA have some.
CHECK_POINT = 64
# Heads, likewise: blocks of DATA have one.
HEAD, HEAD_LEAST = 2 * CHECK_POINT, 100
DATA = TEXT[:330] + random.Random(7).randbytes(40) + TEXT[:100]
WORDS = "éÉßß\nthe\nrain\né\nß\nin\nspain\nplain".encode()
PRIMER = b"the plain, the rain, and what stays in Spain; " * 40
OWN = OwnPrimer(PRIMER, WORDS)
ODD_WORDS = [
    b"a", b"zz", b"The", b"in", b"q" * 40, b"q" * 41, b"", b"\r", b"\xff", b"\0", b"\xc3", "É".encode(),
    "аА".encode(), "éé".encode(), "éÉаÉ".encode(), "€".encode(), b" ",
]  # fmt: skip

# How often each predictor's streams are drawn: reading the toy's takes a fraction of a millisecond.
WEIGHTS = {
    "toy": 800, "toy:3": 150, "count": 8, "runs": 4, "mix:1": 30, "mix:2": 3, "mix:3": 3, "mix:4": 2,
    "mix:5": 2, "mix:1+ssm": 3, "mix:1+ssm:own.expert": 4, "mix:1+online:own.expert": 2, "ssm:own.expert": 1,
    "mix:1 primed": 4, "mix:5+ssm": 1, "mix:5+online:ssm+ssm": 1, "mix:5+online:ssm+ssm+online": 1,
}  # fmt: skip
FAST = ("toy", "toy:3", "count", "runs", "mix:1", "mix:1+ssm:own.expert", "ssm:own.expert", "mix:1 primed")
PATHS = (
    "/dev/zero", "/dev/stdin", "/dev/full", "/etc/passwd", "/proc/self/mem", "/proc/self/fd/0", "/tmp",
    "/var/log", "../../../etc/passwd", "..", ".", "/", "", "~", "own.expert", "/dev/fd/0", "a" * 300,
    "a/" * 150,
    "\0", "x\0y", "file:///etc/passwd", "http://localhost:1/x", "C:\\x", "\\\\host\\share", "-", "--", "|id",
    "$(id)", "\N{SNOWMAN}" * 60, "x\u202ey", "owner/name", "smollm2-135m", "/dev/tty", "/dev/random",
)  # fmt: skip


class Case(NamedTuple):
    """A stream to be read. ``told``: its lies, in words. ``free``: its hashes say that other bytes than DATA
    are right, so that whatever has these hashes may come out; else DATA, or what comes before a lie in it."""

    stream: bytes
    told: str
    free: bool = False
    primer: OwnPrimer | None = None


class Parts(NamedTuple):
    """A stream taken apart: what lies are told of. ``blocks``: each with its header's fields and payload."""

    passport: Passport
    models: tuple[embedded_models.Model, ...]
    blocks: tuple[tuple[framing.BlockHeader, bytes], ...]
    data: bytes


@functools.cache
def _own_expert() -> tuple[bytes, embedded_models.Model]:
    weights = small_experts.sparse_file()
    return weights, embedded_models.pack("own.expert", weights)


@functools.cache
def honest(name: str, block_size: int) -> Parts:
    """DATA as a stream of the predictor ``name``, with nothing wrong in it."""
    spelling, _, primed = name.partition(" ")
    models: tuple[embedded_models.Model, ...] = ()
    found = {}
    if "own.expert" in spelling:
        weights, packed = _own_expert()
        models = (packed,)
        found = {"own.expert": weights}
    pinned = {}
    if found:
        own = {"weights": _digest(found["own.expert"])}
        pinned = own if "+" not in spelling else {spelling.partition("+")[2]: own}
    predictor = (
        registry.create_for_reading(spelling, found, config=pinned) if found else registry.create(spelling)
    )
    if primed:
        predictor = predictor.with_primer(OWN)
    blocks, coder = [], predictor
    for at in range(0, len(DATA), block_size):
        piece = DATA[at : at + block_size]
        made = code_block(coder, piece, verify=False)
        head = heads.of(piece) if predictor.takes_head and not at else b""
        if head:
            coder = predictor.with_head(head)
        header = framing.BlockHeader(
            made.coded.method, made.size, made.coded.params, len(made.coded.payload), made.stored_hash,
            made.decoded_hash, made.check_points,
        )  # fmt: skip
        blocks.append((header, bytes(made.coded.payload)))
    return Parts(Passport.of(predictor), models, tuple(blocks), DATA)


def put_together(
    parts: Parts, header: bytes | None = None, end: Callable[[bytes], bytes] | None = None
) -> bytes:
    """A stream of parts, hashes made anew. ``header``: another one than the passport's; ``end``: makes other
    bytes of the end frame."""
    own = header if header is not None else parts.passport.pack(bool(parts.models))
    chain = int.from_bytes(own[-4:], "little")
    frames, chain = embedded_models.pack_frames(parts.models, chain)
    out = bytearray(own + frames)
    size, count, first, entries = len(out), 0, 0, bytearray()
    digest = xxhash.xxh3_64(parts.data)
    for block, payload in parts.blocks:
        head, packed = framing.pack_block(block, chain)
        chain, count = packed.chain, count + 1
        first = first or packed.frame_size
        entries += framing.pack_index_entry(packed)
        out += head + payload
    last = framing.pack_end(size, count, first, bytes(entries), digest.intdigest()).data
    return bytes(out) + (end(last) if end is not None else last)


def raw_config(parts: Parts, text: bytes) -> bytes:
    """The stream's header with any bytes for its config, the header's hash right."""
    mark = {"placeholder": 123456789}
    header = parts.passport._replace(config=mark).pack(bool(parts.models))
    packed = config.pack(mark, parts.passport.spelling)
    old = varint(len(packed)) + packed
    body = header[:-4]
    assert body.count(old) == 1
    body = body.replace(old, varint(len(text)) + text if text else b"")
    if not text:
        body = body[:8] + bytes([body[8] & ~FLAG_CONFIG]) + body[9:]
    return body + u32(hash32(body))


# Lies ------------------------------------------------------------------------------------------------------


def _number(chance: random.Random) -> int:
    return chance.choice(
        [0, 1, 2, 255, 1 << 16, (1 << 30) - 1, 1 << 30, (1 << 31) - 1, 1 << 40, 1 << 60, (1 << 63) - 1]
    ) + chance.choice([0, 0, 1])


def _mutated(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(out) + 1)
        how = chance.randrange(6)
        if how == 0 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            del out[at : at + chance.randint(1, 16)]
        elif how == 2:
            out[at:at] = chance.randbytes(chance.randint(1, 16))
        elif how == 3:
            out[at : at + 8] = bytes(len(out[at : at + 8]))
        elif how == 4:
            del out[at:]
        else:
            out[at : at + 8] = b"\xff" * len(out[at : at + 8])
    return bytes(out)


def _spelling(chance: random.Random) -> str:
    expert = chance.choice(
        ["ssm", "online", "transformer", "lm", "hf", "count", "toy", "stranger", "mix", "nobody"]
    )
    path = chance.choice(PATHS)
    argument = chance.choice(
        [path, quote(path, safe=""), quote(path, safe="/"), f"{path},window=16", path[:9]]
    )
    term = f"{expert}:{argument}"
    how = chance.randrange(7)
    if how == 0:
        return term
    if how == 1:
        return "+".join(["mix:1"] + ["ssm"] * chance.choice([6, 7, 32, 200]))
    if how == 2:
        return "+".join(["mix:1"] + [term] * chance.choice([1, 2, 6, 7]))
    if how == 3:
        return "+".join(
            [f"mix:{chance.choice(['0', '6', '99999999999999999999', '1e3', '', '-1', '١'])}", term]
        )
    if how == 4:
        return chance.choice(
            ["+", "mix:1+", "+mix:1", "mix:1++ssm", ":", "mix::", "MIX:1", "mix:1+mix:1", "a" * 1000]
        )
    if how == 5:
        return f"lm:{argument},lanes={_number(chance)}"
    return f"mix:1+{term}"


def _json(chance: random.Random) -> bytes:
    how = chance.randrange(10)
    depth = chance.choice([9, 9, 40, 40, 40, 900, 900, 20000])
    return [
        b"[" * depth + b"]" * depth,
        b'{"a":' * depth + b"1" + b"}" * depth,
        b'{"a":' + b"9" * chance.choice([20, 70, 5000]) + b"}",
        b'{"a":1,"a":2}',
        b'{"a":NaN,"b":Infinity,"c":1e999}',
        b'{"weights":' + chance.choice([b"1", b"[]", b"null", b'""', b'"' + b"x" * 40 + b'"']) + b"}",
        bytes([chance.choice([0x01, 0x80, 0x83, 0x84, 0xBF, 0xC0, 0xC1, 0xFF])])
        + chance.randbytes(chance.randrange(20)),
        b'{"a":"\xff\xfe"}',
        json.dumps({"x" * chance.choice([1, 1000]): [{}] * chance.choice([1, 1, 1, 9000])}).encode(),
        b'{"primer":"' + OWN.hash.hex().encode() + b'"}',
    ][how]


def lie_about_the_predictor(parts: Parts, chance: random.Random) -> tuple[bytes, str]:
    """Another spelling, config, environment, probe or promise."""
    how = chance.randrange(7)
    own = parts.passport
    if how <= 1:
        spelling = _spelling(chance)
        pinned = {"weights": chance.choice(["0" * 32, "", "x" * 500, own.spelling])}
        tree = {term: pinned for term in spelling.split("+")[1:9]} if "+" in spelling else pinned
        own = own._replace(spelling=spelling[:1024], config=chance.choice([own.config, pinned, tree, {}]))
        header = _header(own, bool(parts.models))
        return put_together(parts, header), f"spelled {spelling[:60]!r}"
    if how <= 3:
        return put_together(
            parts, raw_config(parts, _json(chance)[: config.MAX_JSON])
        ), "a config of other bytes"
    if how == 4:
        environment = chance.choice([{}, {"machine": "x" * 5000}, {"a": {"b": [1] * 500}}, {"python": 1}])
        own = own._replace(exact=False, environment=environment)
        return put_together(parts._replace(passport=own)), "not exact"
    if how == 5:
        return put_together(parts._replace(passport=own._replace(head=not own.head))), "another head flag"
    return put_together(parts._replace(passport=own._replace(probe=chance.randbytes(8)))), "another probe"


def _header(own: Passport, models: bool) -> bytes:
    try:
        return own.pack(models)
    except (ValueError, UnicodeEncodeError):
        return own._replace(config={}, spelling="mix:1").pack(models)


def lie_about_the_models(parts: Parts, chance: random.Random) -> tuple[bytes, str]:
    """Models that are not asked for, that are others, larger, smaller, bombs, or no weights."""
    weights, good = _own_expert()
    how = chance.randrange(9)
    if how == 0:
        other = (good._replace(size=chance.choice([0, 1, good.size - 1, good.size + 1, 1 << 26])),)
    elif how == 1:
        other = (
            good._replace(name=chance.choice([p for p in PATHS if len(p.encode()) < 250] + ["x" * 255])),
        )
    elif how == 2:
        other = (good._replace(payload=_mutated(good.payload, chance)),)
    elif how == 3:
        size = chance.choice([1 << 20, 1 << 24])
        other = (embedded_models.Model("own.expert", chance.choice([size, 10]), _bomb(size)),)
    elif how == 4:
        other = tuple(good._replace(name=f"n{i}") for i in range(chance.choice([2, 8])))
    elif how == 5:
        lies = _mutated(weights[: chance.choice([200, len(weights)])], chance)
        other = (embedded_models.Model("own.expert", len(lies), lzma.compress(lies, preset=0)),)
        spelling = parts.passport.spelling
        if "own.expert" in spelling:
            pinned = {"weights": _digest(lies)}
            tree = pinned if "+" not in spelling else {spelling.partition("+")[2]: pinned}
            parts = parts._replace(passport=parts.passport._replace(config=tree))
    elif how == 6:
        other = (good, good)
    elif how == 7:
        other = (good._replace(payload=good.payload + chance.choice([good.payload, b"\0" * 4, b"x"])),)
    else:
        other = ()
    return put_together(parts._replace(models=other)), "other models"


@functools.cache
def _bomb(size: int) -> bytes:
    return lzma.compress(bytes(size), preset=0)


def _digest(data: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(data)


def _points(true: bytes, chance: random.Random) -> bytes:
    """Check points that are none: too few, too many, one of them wrong, in another order."""
    how = chance.randrange(4)
    if not true or how == 0:
        return chance.randbytes(chance.choice([0, 3, 4, 8, 40]))
    at = 4 * chance.randrange(len(true) // 4)
    if how == 1:
        return true[:at] + chance.randbytes(4) + true[at + 4 :]
    return true[at:] + true[:at] if how == 2 else true[:at]


def lie_about_a_block(parts: Parts, chance: random.Random) -> tuple[bytes, str]:
    """One block's size, params, payload or hashes: the stored bytes have the hash that is said of them."""
    at = chance.randrange(len(parts.blocks))
    header, payload = parts.blocks[at]
    how = chance.randrange(10)
    told = "a block's "
    if how == 0:
        size = chance.choice([0, 1, header.size - 1, header.size + 1, 1 << 16, 1 << 20, 1 << 24, 1 << 30])
        # As many check points as such a block has, or the lie would end at the header's own length.
        wanted = 4 * min(check_points.count(size), 1 << 12)
        points = header.check_points.ljust(wanted, b"\x11")[:wanted]
        header, told = header._replace(size=size, check_points=points), told + f"size {size}"
    elif how == 1:
        params = chance.choice(
            [b"", chance.randbytes(chance.randrange(40)), _mutated(header.params, chance), b"\xff" * 65535]
        )
        header, told = header._replace(params=params), told + "params"
    elif how == 2:
        payload, told = _mutated(payload, chance), told + "payload"
    elif how == 3:
        payload, told = chance.randbytes(chance.randint(0, header.size)), told + "payload, random"
    elif how == 4:
        header = header._replace(method=STORED if header.method == CODED else CODED)
        told += "method"
    elif how == 5:
        header, told = header._replace(decoded_hash=chance.getrandbits(32)), told + "decoded hash"
    elif how == 6:
        code = bytes([chance.choice([0, 1, 3, 8, 9, 126, 126, 127, 128, 129, 136, 200, 254, 255])])
        pinned = chance.choice([b"", chance.randbytes(4), text_hash(PRIMER)[:4], text_hash(DATA[:HEAD])[:4]])
        params = b"\x10" + code + pinned + header.params[1:]
        header, told = header._replace(params=params), told + "primer"
    elif how == 7:
        payload, told = payload + bytes(chance.choice([1, 9, 300])), told + "payload, longer"
    elif how == 8:
        params, payload = _streams(header.size, chance)
        header, told = header._replace(method=CODED, params=params), told + "streams"
    else:
        header = header._replace(check_points=_points(header.check_points, chance))
        told += "check points"
    header = header._replace(payload_size=len(payload), stored_hash=hash32(payload))
    if header.method == STORED:
        header = header._replace(decoded_hash=header.stored_hash)
    blocks = list(parts.blocks)
    blocks[at] = header, payload
    if header.method == STORED:
        told += FREE
    how = chance.randrange(8)
    if how <= 1:
        told += FREE
    if how == 0:
        chance.shuffle(blocks)
    elif how == 1:
        blocks += blocks[:1] * chance.choice([1, 40])
    return put_together(parts._replace(blocks=tuple(blocks))), told


def _streams(size: int, chance: random.Random) -> tuple[bytes, bytes]:
    """Params and payload of a mix block of streams that mostly make up the block, with a layout of noise."""
    edges = sorted({0, size, *(chance.randrange(size + 1) for _ in range(chance.choice([1, 1, 2, 9])))})
    layout = chance.randbytes(chance.choice([0, 1, 3, 20]))
    streams, payload = b"", layout
    for begin, end in itertools.pairwise(edges):
        own = chance.randbytes(chance.randint(0, end - begin))
        kind = chance.choice([0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 0x0A, 0x10, 0x26])
        if kind == STORED_STREAM:
            own = chance.randbytes(end - begin)
        said = end - begin if chance.randrange(8) else _number(chance)
        streams += bytes([kind]) + varint(said) + varint(len(own))
        payload += own
    count = len(edges) - 1 if chance.randrange(8) else chance.choice([0, 1, 2, 255, 256, 1 << 40])
    return b"\x80" + varint(count) + varint(len(layout)) + streams, payload


def lie_about_the_index(parts: Parts, chance: random.Random) -> tuple[bytes, str]:
    """An end frame of other numbers, its own hash right."""
    entries = bytearray()
    count = len(parts.blocks)
    for block, _ in parts.blocks:
        frame = chance.choice([block.payload_size, _number(chance)])
        size = chance.choice([block.size, block.size, _number(chance)])
        entries += varint(frame) + varint(size) + u32(chance.getrandbits(32))
    claimed = chance.choice([count, count, 0, 1, 2, _number(chance)])

    def end(real: bytes) -> bytes:
        del real
        header_size = chance.choice([len(parts.passport.pack(False)), 0, _number(chance)])
        return framing.pack_end(
            header_size, claimed, _number(chance), bytes(entries), chance.getrandbits(64)
        ).data

    if chance.randrange(2):
        return put_together(parts, end=end), "another end frame"
    # The real one, with one entry's decoded size or frame length another.
    return put_together(
        parts, end=lambda real: _rehashed_end(real, chance)
    ), "an end frame with one number changed"


def _rehashed_end(real: bytes, chance: random.Random) -> bytes:
    body = bytearray(real[:-4])
    body[chance.randrange(len(body))] = chance.randrange(256)
    return bytes(body) + u32(hash32(bytes(body)))


def lie_between_streams(parts: Parts, chance: random.Random) -> tuple[bytes, str]:
    """Skippable frames of other lengths, junk, streams behind streams."""
    whole = put_together(parts)
    note = framing.pack_skippable(chance.randbytes(chance.randrange(30)))
    long = framing.MAGIC + bytes([framing.SKIPPABLE_BYTE]) + varint(min(_number(chance), (1 << 62) - 1))
    long += u32(hash32(long))
    junk = chance.randbytes(chance.randint(1, 40))
    return chance.choice(
        [note + whole, whole + note, note * 40 + whole, long + whole, whole + long, whole + junk,
         whole + bytes(9), whole[: chance.randrange(len(whole))], whole + whole,
         whole + whole[: chance.randrange(len(whole))]]
    ), "between streams"  # fmt: skip


FREE = ", its hash right"

LIES = (
    (lie_about_the_predictor, 3), (lie_about_the_models, 2), (lie_about_a_block, 6), (lie_about_the_index, 3),
    (lie_between_streams, 1),
)  # fmt: skip


def case(seed: int, number: int, names: tuple[str, ...] = tuple(WEIGHTS)) -> Case:
    """Case ``number`` of the run ``seed``, of streams of the predictors ``names``."""
    chance = random.Random(f"{seed} {number}")
    name = chance.choices(names, [WEIGHTS[n] for n in names])[0]
    parts = honest(name, chance.choice([100, 250, 1000]))
    primer = OWN if name.endswith(" primed") or chance.randrange(50) == 0 else None
    lie = chance.choices([lie for lie, _ in LIES], [weight for _, weight in LIES])[0]
    try:
        stream, told = lie(parts, chance)
    except (NzipError, OverflowError, UnicodeEncodeError, ValueError) as error:
        # The package's own writer refuses to tell this lie.
        stream, told = _mutated(put_together(parts), chance), f"damage ({error})"
    if chance.randrange(6) == 0:
        stream, told = _mutated(stream, chance), told + ", damaged"
    return Case(stream, f"{name}: {told}", FREE in told, primer)


def lying_primer(seed: int, number: int) -> bytes:
    """A primer file with lies before its hash, every other one in a dictionary that is hashed and packed
    rightly, or in the header before it."""
    chance = random.Random(f"primer {seed} {number}")
    if number % 2:
        alphabet, *words = WORDS.split(b"\n")
        chance.shuffle(words)
        words += chance.sample(ODD_WORDS, chance.choice([0, 0, 1, 2]))
        if chance.randrange(4) == 0:
            alphabet = chance.choice([b"", *ODD_WORDS])
        content = b"\n".join([alphabet, *words])
        if chance.randrange(3) == 0:
            content = _mutated(content, chance)
        try:
            packed = primer_file.pack(OwnPrimer(PRIMER, content))
        except NzipError:
            packed = primer_file.pack(OwnPrimer(PRIMER, WORDS))
        if chance.randrange(3):
            return packed
    else:
        packed = primer_file.pack(OwnPrimer(PRIMER))
    body = packed[:9] + _mutated(packed[9:-4], chance)
    return body + u32(hash32(body))


def register_toys() -> None:
    """Names that the streams use, in this process, and its short segments."""
    check_points.CHECK_POINT = CHECK_POINT
    heads.SIZE, heads.LEAST = HEAD, HEAD_LEAST
    registry.register_predictor("toy", toys.toy_factory)
    registry.register_expert("count", toys.count_factory)
    registry.register_expert("runs", toys.runs_factory)
    registry.register_expert("stranger", stranger)


def unregister_toys() -> None:
    """Take them back."""
    check_points.CHECK_POINT = 1 << 16
    heads.SIZE, heads.LEAST = 1 << 21, 1 << 20
    for name in ("toy", "count", "runs", "stranger"):
        registry.unregister(name)


def stranger(argument, data=None):
    """An expert of another package that opens whatever it is told to."""
    if argument is not None and data is None:
        with open(argument, "rb") as file:
            file.read(1 << 20)
    return toys.CountingExpert()


# What has been used here to write a whole stream, for those who want one.
def written(parts: Parts) -> bytes:
    """The same by the package's own writer: equal to :func:`put_together`."""
    writer = StreamWriter(parts.passport, parts.models)
    out = io.BytesIO()
    out.write(writer.header())
    writer.saw(parts.data)
    for header, payload in parts.blocks:
        coded = CodedBlock(header.method, header.params, payload)
        for part in writer.block(
            HashedBlock(coded, header.size, header.stored_hash, header.decoded_hash, header.check_points)
        ):
            out.write(part)
    out.write(writer.end())
    return out.getvalue()
