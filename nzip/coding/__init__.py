"""Coders that turn exact integer probabilities into bytes, and back. They know nothing of models.

* ``binary``   one bit at a time, under 22-bit probabilities: for models that predict bits
* ``symbols``  one symbol of any alphabet at a time, under a CDF; ``symbol_kernel``: its compiled code
* ``cdf``      CDFs of integers from probabilities, weights or logits
* ``twin``     the readable twins of ``symbols`` and ``cdf``
"""
