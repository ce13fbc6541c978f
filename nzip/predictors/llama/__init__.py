"""The exact engine for models of Llama architecture: the same integers on every machine, in every batch, with
any number of threads.

From a file to weights: ``gguf_loader``, ``safetensors_loader`` (a Hugging Face folder) and ``tokenizer`` make
a ``model``; ``quantised`` rounds its matrices to 4 or 7 bits, ``packed`` is how they lie in memory. One step
of many lanes: ``engine`` gives it to a ``team`` of threads, ``layers`` is what each of them does, out of
``kernels`` (matrix products), ``elementwise``, ``rope`` and ``attention``, which reads a ``kv_cache`` that
slides through ``attention_kernels`` and ``attention_softmax``. ``twin`` is all of it once more in plain
NumPy: read that first.

Two experts stand on it: ``transformer``, over bytes, and ``lm``, over tokens.

Concession: Llama only, RoPE without scaling, and activations rounded to 8 bits before each product.
"""
