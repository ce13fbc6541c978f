"""What is measured against peers, the results as JSON, and the tables and pictures made from them.

    python -m bench run --suite canterbury     all levels and the peers installed here, interleaved, verified
    python -m bench table results.json         the table again (--markdown for a README)
    python -m bench plot results.json          the size-speed picture
    python -m bench coding                     the coders alone: redundancy, speed, what a CDF's total costs
    python -m bench profile FILE               where each level's time goes, and the machine's limits
    python -m bench growth FILES               CPU time and memory against size
    python -m bench start FILE                 what starting takes, and a small file, against NumPy's import
    python -m bench many FILE                  what a small file takes in one call of a thousand

Files, peers, runs, receipts, tables and the picture are :mod:`nzip.benchmark`'s, which ``nzip bench`` shows
to everyone; here is what only nzip's makers ask. KB = 1000 bytes throughout; speeds are per CPU-second
unless said otherwise.
"""
