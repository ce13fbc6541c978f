"""``ssm``: a small recurrent network that has read before, as an expert: a gated linear recurrence over
hashed n-gram tables, in integers.

``contexts`` hashes the bytes before a position into rows of the tables, ``weights`` is the file format (and
where files lie), ``kernel`` and ``matvec`` go from a byte to the next byte's distribution in compiled code,
``twin`` says the same in NumPy: read that first. ``expert`` is what the mix and the registry see.
:mod:`nzip.training.recurrent` trains one; ``online`` starts from its weights.

Concession: text only; elsewhere it sits out.
"""
