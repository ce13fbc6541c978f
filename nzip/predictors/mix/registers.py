"""The numbering shared by the mix's parts: settings, context registers, a lane's state. Names only, no numba,
so that plans can be read without compiling anything.
"""

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
    S_DIRECT,
    S_RUNS,
    S_PRIMED,
) = range(23)
SETTINGS = 32

# Context registers; a recipe names up to three with masks.
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
) = range(20)
REGISTERS = 24
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
) = range(19)
LANE_STATE = 24
