"""A codec of every kind, for tests that ask the same of all."""

SPELLINGS = [
    "bytes",
    "gzip",
    "gzip[v=65k]",
    "ac[m1=order-2]",
    "ac[m1=order-2,v=65k]",
    "equal-info[b=16,v=65k,m1=order-2]",
    "equal-info[b=16,v=256,m1=order-2]",
    "equal-info[b=32,v=256,m1=order-2]",
    "equal-info[b=64,v=65k,m1=order-2]",
    "equal-info[b=32,v=256,m1=order-2,reset=2]",
    "equal-info[b=32,v=256,m1=order-2,reset=never]",
    "model-dictionary[n=2000,m1=order-2]",
    "segment[of=model-dictionary[n=2000,m1=order-2],by=fewest]",
    "segment[of=model-dictionary[n=2000,m1=order-2],by=likeliest]",
    "marked[of=model-dictionary[n=2000,m1=order-2]]",
]
NAMES = [*SPELLINGS, "bpe", "unigram"]  # the keys of conftest's ``codecs``
