"""The codecs, one a file, named as it is spelled: ``bytes``, ``gzip``, ``ac`` (and static-ac),
``equal_info``, ``model_dictionary``; and the kinds of vocabulary files: ``bpe`` (tokenizer.json),
``tiktoken``, ``sentencepiece``, ``huggingface`` (any other tokenizer.json).

``strings`` is what two of them become once they are compiled, ``bpe_kernel`` the compiled side of ``bpe``,
``raw_bits`` how a compressed stream is cut into tokens. :func:`tokenizers_lab.load` chooses among them."""
