"""``online``: a small network that learns from the file while it codes it, in float32 of a written order.

The network is that of ``ssm``; ``network`` is the memory of a run, ``products`` its matrix products and Adam,
``vectors`` their inner loop, ``kernel`` one byte: predict, and every few bytes learn. ``twin`` says the same
in NumPy: read that first. ``expert`` is what the mix and the registry see.

Concession: every byte costs forward and backward, so it is slow, and a file beyond a limit goes without.
"""
