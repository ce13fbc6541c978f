"""Weight sets: which weight vector of the first layer speaks for a bit.

Every set has SET_SIZE vectors and picks one by a small context of its own, its *selector* (constants.py,
SET_...; plan.py says which a level has). Some selectors change with every bit, some are known for the whole
byte and then count eight vectors for its eight bits. Helpers of kernel.py.
"""

from nzip.predictors.mix import constants as at
from nzip.predictors.mix.compiled import K1, helper, i64, u64

# The choices that the kernel makes for every bit: the bit's number alone, the bits so far, match model, known
# contexts, the first expert's confidence, match model and known contexts. A set adds one of them to its base.
BY_BIT, BY_PARTIAL, BY_MATCH, BY_HITS, BY_EXPERT, BY_MATCH_HITS = range(6)
CHOICES = 6


@helper
def choice_of(selector):
    """Which of a bit's choices moves a set of this ``selector``."""
    if selector == at.SET_PARTIAL or selector == at.SET_PARTIAL_MATCH:
        return BY_PARTIAL
    if selector == at.SET_MATCH:
        return BY_MATCH
    if selector == at.SET_HITS:
        return BY_HITS
    if selector == at.SET_EXPERT:
        return BY_EXPERT
    if selector == at.SET_MATCH_HITS:
        return BY_MATCH_HITS
    return BY_BIT


@helper
def _hashed(value):
    """``value`` in eight bits."""
    return i64(value * K1 >> u64(56))


@helper
def tier(length):
    """A match's length in four steps."""
    if length == 0:
        return 0
    return 1 if length < 16 else 2 if length < 32 else 3


@helper
def base_of(selector, registers, lane):
    """The first of the eight vectors that a byte's context picks; 0 where choices of every bit decide."""
    history = lane[at.L_HISTORY]
    value = 0
    if selector == at.SET_C1:
        value = i64(history & u64(0xFF))
    elif selector == at.SET_C2:
        value = i64((history >> u64(8)) & u64(0xFF))
    elif selector == at.SET_C3:
        value = i64((history >> u64(16)) & u64(0xFF))
    elif selector == at.SET_SHAPE:
        value = i64(lane[at.L_SHAPE] & u64(0xFF))
    elif selector == at.SET_COLUMN:
        fresh = 64 if registers[at.R_ABOVE] == u64(at.NEWLINE) else 0
        value = min(i64(registers[at.R_COLUMN]), 63) + fresh
    elif selector == at.SET_WORD_POSITION:
        value = i64(lane[at.L_WORD_POSITION])
    elif selector == at.SET_ABOVE:
        value = i64(registers[at.R_ABOVE] & u64(0xFF))
    elif selector == at.SET_EDGE:
        near = registers[at.R_NEIGHBOURS]
        edge = abs(i64(near & u64(0xFF)) - i64((near >> u64(8)) & u64(0xFF)))  # west against north
        value = min(edge >> 1, 31) * 4 + i64(registers[at.R_PLANE] & u64(3))
    elif selector == at.SET_CLASS1:
        value = i64(lane[at.L_CLASSES] & u64(0xFF))
    elif selector == at.SET_EXPECTED:
        value = i64(registers[at.R_EXPECTED])
    elif selector == at.SET_FIELD:
        value = i64(registers[at.R_PREDICTED] >> u64(56))
    elif selector == at.SET_SHAPES:
        value = _hashed(lane[at.L_SHAPE] & u64(0xFFFF))
    elif selector == at.SET_FOLDED:
        value = _hashed(lane[at.L_FOLDED] & u64(0xFFFFFFFF))
    elif selector == at.SET_SIGNS:
        value = _hashed(lane[at.L_SIGNS] & u64(0xFFFF))
    elif selector == at.SET_PARTIAL_MATCH:  # 256 vectors for the bits so far
        after_code = (lane[at.L_SHAPE] & u64(0xF)) == u64(at.SHAPE_FINAL)
        value = 32 * (4 * i64(after_code) + tier(i64(lane[at.L_MATCH_LENGTH0])))
    return value * 8
