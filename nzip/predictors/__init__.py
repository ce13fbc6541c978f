"""Predictors and experts: what turns bytes into probabilities.

From the contracts upwards; each may import what stands above it in this list, never the reverse:

* ``kinds``           text, binary, image ...; ``content``: which of them a stretch of bytes is
* ``segmentation``    where in a block that changes
* ``own_primer``      a primer of the user's own
* ``base``            the two contracts
* ``spelling``        ``mix:3+lm:PATH`` as text
* ``distribution``    logits to the 256 integers of an answer; ``expert_files``: an argument to its weights
* ``stepping``        experts in compiled code; ``bare``: one coded alone; ``probe``: what tells models apart
* ``llama``           the exact engine for Llama-architecture models
* ``ssm``             then ``online`` and ``transformer``: the small experts
* ``mix``             the context-mixing model, the default
* ``lm``              pretrained language models, alone or in the mix
* ``registry``        spellings to predictors, and other packages' names
"""
