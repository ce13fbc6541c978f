"""The one home of the law of exactness: what is written decodes on every machine, so every bit that coding
depends on is the same on every machine.

Integers keep that law by themselves; floating point keeps it only where the order of operations is written
down. Whatever on a coded path is neither plain integer arithmetic nor a single IEEE operation stands here:

* ``jit``          ``njit``, begun when it is needed, its machine code kept (``numba_cache``) and never stale
                   (``dependencies``), called without numba where an earlier process compiled it (``native``,
                   ``native_entry``); no ``fastmath``, anywhere
* ``numerics``     exp2, log2 and softmax as written sequences of operations
* ``bits``         the bits of a float and back, as one register move
* ``compiler``     whether there is one: asked before anything is coded
* ``cpu``          which processor this is, and which instruction sets may be used (never: what comes out)
* ``x86_emitter``  vector instructions from Python; ``x86`` and ``x86_softmax``: the loops written with it

Concession: the law is kept by review and by the tests beside each file, since no tool can see that LLVM was
not allowed to fuse a multiplication with an addition.
"""
