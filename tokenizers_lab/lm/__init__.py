"""Language models over any codec's tokens: trained on a dataset, judged in bits per byte, sampled, exported
to nzip.

``model.py`` is the network, ``training.py`` the loop, ``evaluation.py`` the exact accounting, ``sweep.py``
the comparison of many arms. Needs torch (the extra ``neural``); nothing else of the lab imports this package.
"""
