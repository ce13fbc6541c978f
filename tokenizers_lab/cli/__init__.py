"""The lab in the shell, ``tokenizers-lab``: ``main`` is the command and its exit codes; the verbs stand in
``train`` (train, truncate, export), ``codec`` (encode, decode, save), ``analysis`` (analyze, report,
compare), ``dataset`` and ``lm``; ``common`` is what they share.

Every verb is one call of the library; what that needs (numba, torch, rich) is imported when a verb is run."""
