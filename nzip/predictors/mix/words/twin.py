"""The transform of words and lines in plain Python: twin of dictionary.py, encoder.py, transform.py,
lines.py, options.py.

It reads the shipped file itself and shares no code with them; tests hold both against each other. Slow: a
megabyte takes seconds."""

from __future__ import annotations

import lzma
import re
from importlib.resources import files

from nzip.errors import CorruptError
from nzip.hashes import text_hash

WHITE = b" \n\t\r"
MARKS = b"\x06\x07\x0c@"
_SEQUENCE = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"


class TwinDictionary:
    """Words and their codes, small letters and their capitals. ``content``: an alphabet (pairs of a letter
    and its capital), then a word a line."""

    def __init__(self, content: bytes):
        first, *words = content.split(b"\n")
        self.hash = text_hash(content)[:4]
        alphabet = first.decode()
        self.codes = {word: code(i) for i, word in enumerate(words)}
        self.words = {c: word for word, c in self.codes.items()}
        pairs = [(chr(c), chr(c - 32)) for c in range(ord("a"), ord("z") + 1)]
        pairs += list(zip(alphabet[::2], alphabet[1::2], strict=True))
        self.capital = {small.encode(): capital.encode() for small, capital in pairs if small != capital}
        self.small = {capital: small for small, capital in self.capital.items()}
        small = b"|".join(re.escape(small.encode()) for small, _ in pairs)
        capital = b"|".join(map(re.escape, self.small))
        self.letter = re.compile(small)
        # Several capitals (not those that a small letter makes a word of), or a word, or what is no letter.
        self.token = re.compile(
            b"(?P<capitals>(?:%b){2,}(?!%b))|(?P<word>(?:%b)?(?:%b)+|(?:%b))|(?P<sequence>%b)|(?P<byte>.)"
            % (capital, small, capital, small, capital, _SEQUENCE),
            re.DOTALL,
        )
        self.capital_letter = re.compile(capital)


def code(index: int) -> bytes:
    """The code of the word at ``index``."""
    if index < 64:
        return bytes([0x80 + index])
    index -= 64
    if index < 4096:
        return bytes([0xC0 + index // 64, 0x80 + index % 64])
    index -= 4096
    return bytes([0xC0 + index // 4096, 0xC0 + index // 64 % 64, 0x80 + index % 64])


def shipped(name: str) -> TwinDictionary:
    """The shipped dictionary of that name."""
    return TwinDictionary(lzma.decompress(files(__package__).joinpath(f"{name}.xz").read_bytes()))


def encode(raw: bytes, dictionary: TwinDictionary) -> bytes:
    """Words to codes."""
    out = bytearray()
    for token in dictionary.token.finditer(raw):
        text = token.group()
        if token.lastgroup == "capitals":
            out += b"\x07" + _word(text, dictionary)
        elif token.lastgroup == "word":
            out += b"@" * bool(dictionary.capital_letter.match(text)) + _word(text, dictionary)
        elif token.lastgroup == "sequence":
            out += b"\x0c" + text
        else:
            out += b"\x06" * (text in MARKS or text[0] >= 128) + text
    return bytes(out)


def _word(text: bytes, dictionary: TwinDictionary) -> bytes:
    small = dictionary.capital_letter.sub(lambda m: dictionary.small[m.group()], text)
    if small in dictionary.codes:
        return dictionary.codes[small]
    return dictionary.letter.sub(
        lambda m: m.group() if len(m.group()) == 1 else dictionary.codes[m.group()], small
    )


def decode(coded: bytes, dictionary: TwinDictionary) -> bytes:
    """Codes to words. :class:`CorruptError` for what :func:`encode` never writes."""
    rule = re.compile(
        b"(?P<word>[\xc0-\xff]{0,2}[\x80-\xbf]|[a-z])|\x0c(?P<sequence>%b)|(?P<byte>.)" % _SEQUENCE, re.DOTALL
    )
    out, raising, place = bytearray(), 0, 0
    while place < len(coded):
        token = rule.match(coded, place)
        assert token is not None
        place = token.end()
        if token["word"]:
            word = token["word"] if token["word"].isalpha() else dictionary.words.get(token["word"])
            if word is None:
                raise CorruptError("no word has this code")
            if raising >= 2:
                raising = 3
                word = dictionary.letter.sub(lambda m: _raised(m.group(), dictionary), word)
            elif raising == 1:
                word = dictionary.letter.sub(lambda m: _raised(m.group(), dictionary), word, count=1)
                raising = 0
            out += word
            continue
        # 1: the next letter is raised; 2: all are; 3: and one was.
        if raising in (1, 2) or token.group() in b"\x0cABCDEFGHIJKLMNOPQRSTUVWXYZ" or token.group()[0] >= 128:
            raise CorruptError("what no encoder writes")
        raising = 0
        if token["sequence"]:
            out += token["sequence"]
        elif token.group() == b"\x06":
            if place == len(coded):
                raise CorruptError("a byte is missing")
            out += coded[place : place + 1]
            place += 1
        elif token.group() in b"\x07@":
            raising = 2 if token.group() == b"\x07" else 1
        else:
            out += token.group()
    if raising in (1, 2):
        raise CorruptError("a letter is missing")
    return bytes(out)


def _raised(letter: bytes, dictionary: TwinDictionary) -> bytes:
    if letter not in dictionary.capital:
        raise CorruptError("a letter without a capital")
    return dictionary.capital[letter]


def fold(raw: bytes, width: int) -> bytes:
    """Newlines that wrapping at ``width`` predicts to spaces."""
    out, column = bytearray(), 0
    for i, byte in enumerate(raw):
        if byte in b" \n" and 0 < i < len(raw) - 1 and raw[i - 1] not in WHITE and raw[i + 1] not in WHITE:
            if column + 1 + _length(raw[i + 1 : i + 1 + 4 * width], width) > width:
                out += b"\x1e " if byte == 32 else b" "
            else:
                out.append(byte)
        else:
            out += bytes([byte]) * (1 + (byte == 0x1E))
        column = 0 if byte == 10 else column + (byte & 0xC0 != 0x80)
    return bytes(out)


def _length(text: bytes, width: int) -> int:
    """Characters of the word that ``text`` begins with, at most ``width``."""
    word = re.match(rb"[^ \n\t\r]*", text).group()  # type: ignore[union-attr]
    return min(width, sum(byte & 0xC0 != 0x80 for byte in word))


def unfold(folded: bytes, width: int) -> bytes:
    """What :func:`fold` was given. :class:`CorruptError` for what it never writes."""
    # Tokens: what they stand for, and whether a mark says so.
    tokens: list[tuple[int, bool]] = []
    i = 0
    while i < len(folded):
        marked = folded[i] == 0x1E
        i += marked
        if marked and folded[i : i + 1] not in (b"\x1e", b" "):
            raise CorruptError("a mark before nothing that it could mark")
        tokens.append((folded[i], marked))
        i += 1
    raw = bytes(byte for byte, _ in tokens)
    out, column = bytearray(), 0
    for i, (byte, marked) in enumerate(tokens):
        between = i and out[-1] not in WHITE and i + 1 < len(raw) and raw[i + 1] not in WHITE
        word = raw[i + 1 : i + 1 + 4 * width]
        if byte == 32 and not marked and between and column + 1 + _length(word, width) > width:
            byte = 10
        out.append(byte)
        column = 0 if byte == 10 else column + (byte & 0xC0 != 0x80)
    return bytes(out)


def undo(params: bytes, coded: bytes, dictionary: TwinDictionary | None) -> bytes:
    """What the transform that ``params`` name was given; ``dictionary``: the one they name, None for none."""
    text = decode(coded, dictionary) if dictionary else coded
    if params[0] & 0x80:
        text = unfold(text, params[1])
    return text.replace(b"\n", b"\r\n") if params[0] & 0x40 else text
