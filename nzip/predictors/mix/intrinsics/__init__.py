"""What the mixer says to the processor itself (vector.py). A folder of its own, since machine code that calls
it is known by a hash over the folder's files (``nzip.exact.jit.later``): an edit elsewhere in the mix then
recompiles only what it touches."""

VECTOR = 16  # the mixer's inputs are padded to whole vectors of this many
