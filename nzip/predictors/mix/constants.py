"""The mix's numbers by name: settings, context registers, a lane's state, selectors of weight sets, and how
the tables are laid out.

Whoever needs them writes ``from nzip.predictors.mix import constants as at``: plans, the compiled mix (numba
freezes what it finds here, so a name costs nothing) and the readable twin. No imports, so that plans can be
read without compiling anything. A change of any number here changes the bytes and raises the format's draft
number.
"""

# The kind of text whose words are codes (mix/words). No file is born so: content.py has no number for it.
CODED = 7

# Places in Mix.setting (int64).
(
    S_CONTEXTS,
    S_WIDTH,
    S_SETS,
    S_MATCHES,
    S_EXPERTS,
    S_STATE_LIMIT,
    S_RATE,
    S_RATE_MIN,
    S_RATE_DECAY,
    S_FINAL_RATE,
    S_APM_RATE,
    S_HIT_FROM,
    S_HIT_TO,
    S_MATCH_MIN0,
    S_MATCH_MIN1,
    S_MATCH_BITS,
    S_STRIDE,
    S_PIXEL,
    S_APMS,
    S_LONG,
    S_DIRECT_FROM,
    S_DIRECT_TO,
    S_RUNS_FROM,
    S_RUNS_TO,
    S_PRIMED,
    S_CODED,
    S_THIRD_APM,
    S_FINALS,
    S_BESIDE_FROM,
    S_BESIDE_TO,
    S_SAMPLED,
    S_FIXED,
) = range(32)
SETTINGS = 32

# Context registers; a recipe names up to four with masks.
(
    R_HISTORY,
    R_WORD,
    R_WORD1,
    R_WORD2,
    R_COLUMN,
    R_ABOVE,
    R_AFTER1,
    R_AFTER2,
    R_SHAPE,
    R_LONG1,
    R_LONG2,
    R_WORD_POSITION,
    R_LINE,
    R_NEIGHBOURS,
    R_PREDICTED,
    R_DNA,
    R_SAMPLE,
    R_TAG,
    R_NUMBERLESS,
    R_PLANE,
    R_WORD3,
    R_CLASSES,
    R_GAP,
    R_EXPECTED,
    R_SIGNS,
    R_SENTENCE,
    R_LINE_WORD,
    R_FOLDED,
) = range(28)
REGISTERS = 32
R_NONE = 255

# Places in one lane's state (uint64): what must survive from byte to byte.
(
    L_POSITION,
    L_HISTORY,
    L_WORD,
    L_WORD1,
    L_WORD2,
    L_LINE_START,
    L_LINE_BEFORE,
    L_SHAPE,
    L_WORD_POSITION,
    L_LINE,
    L_DNA,
    L_TAG,
    L_NUMBERLESS,
    L_MATCH_AT0,
    L_MATCH_AT1,
    L_MATCH_LENGTH0,
    L_MATCH_LENGTH1,
    L_RATE,
    L_START,
    L_WORD3,
    L_CLASSES,
    L_GAP,
    L_SIGNS,
    L_SENTENCE,
    L_LINE_WORD,
    L_FOLDED,
) = range(26)
LANE_STATE = 32

# Selectors of weight sets: which small context picks a set's weight vector (weight_sets.py).
(
    SET_PARTIAL,
    SET_C1,
    SET_MATCH,
    SET_C2,
    SET_HITS,
    SET_SHAPE,
    SET_COLUMN,
    SET_WORD_POSITION,
    SET_ABOVE,
    SET_C3,
    SET_FIELD,
    SET_EXPERT,
    SET_EDGE,
    SET_CLASS1,
    SET_EXPECTED,
    SET_SHAPES,
    SET_MATCH_HITS,
    SET_FOLDED,
    SET_SIGNS,
    SET_PARTIAL_MATCH,
) = range(20)

# Bytes that mean something to the history.
NEWLINE, ZERO, LETTER = b"\n0a"
ENDS = b".!?"  # of sentences
FLAGS = b"@\x06\x07\x0c"  # of capitals and escapes, where words are codes (mix/words)
MOST_LETTERS = 31  # of a word that are counted
LINE_BEGINNING = 4  # bytes of a line, and above them of the line before, that the register R_LINE holds

# Classes of bytes in the shape of a text, four bits each.
(
    SHAPE_OTHER,
    SHAPE_LOWER,
    SHAPE_DIGIT,
    SHAPE_SPACE,
    SHAPE_LINE_END,
    SHAPE_HIGH,
    SHAPE_STOP,
    SHAPE_OPENING,
    SHAPE_UPPER,
    SHAPE_QUOTE,
    SHAPE_CLOSING,
    SHAPE_CONTROL,
    SHAPE_LEAD,
    SHAPE_FINAL,
    SHAPE_FLAG,
) = range(15)

# Multipliers of every hash of contexts, modulo 2**64.
K1, K2, K3 = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xCA5A826395121157

# Probabilities are P(bit = 1) in units of 2**-PROBABILITY_BITS; a map's cell keeps a count in the bits below.
PROBABILITY_BITS = 22
COUNT_BITS = 10
HALF_CELL = 1 << 31  # one half, never counted
NO_DIRECT = 1 << 15  # the same in 12 bits of probability and 4 of count
SQUASH_ZERO = 4096  # where the table squash has stretch 0

# Layout of the tables.
SET_SIZE = 2048  # weight vectors of one set
FINAL_WIDTH = 16  # inputs of the final mixer
FINAL_ROWS, FINAL_BYTES = 512, 256  # its weight vectors, by the byte's bits so far, then by the byte before
FINAL_EXPERT_ROWS = 512  # those by an expert's confidence, only where there is one; behind those of finals
SLOT = 16  # bytes of a slot of bit histories
SLOT_GROUP = 64  # a cache line, four slots
MATCH_CELLS = 128  # of one match model's map
RUN_CELLS = 128  # of one context's run map, behind an empty cell
APM1_ROWS = 256 * 17 * 16  # by the last byte, the nibble before, the bits of this nibble
APM2_ROWS = 4096 * 16  # by a hash of two bytes and the nibble before, the bits of this nibble
APM3_ROWS = 256 * 256  # by the byte that a match expects, the bits of this byte
APM_BUCKETS = 16
MAX_SETS, MAX_FINALS, MAX_CONTEXTS, MAX_WIDTH = 16, 8, 64, 256  # that the compiled mix has room for

# Learning.
ONE = 16384  # the first layer's weight of 1.0
RATE_DECAY = 7
# Under an expert that leads: what the other inputs' first weights are divided by, and the mixer's rates.
LEADING_SHARE, LEADING_RATE, LEADING_RATE_MIN = 10, 30, 8
BESIDE = ONE * 2 // 25  # what an expert beside a leading one weighs at first
# With experts that do not lead, in a mix that has read a primer: the other inputs' weights are multiplied by
# this share, since the experts' add to them, and the rate begins lower than a cold mix's (plan.rate), since
# most is learnt already.
WARM_SHARE, WARM_RATE = (3, 5), 80
YOUNG = 1 << 15  # bytes of a lane with experts in which the APMs have little to say
# A primed mix has tables of one size whatever the block's, so that one snapshot serves all.
PRIMED_SIZE = 1 << 20
# After priming the maps' counts are cut to this, so that they follow the block's own ways again.
COUNT_AFTER = 30
