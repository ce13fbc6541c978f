"""Predictors and experts: what turns bytes into probabilities.

* ``base``      the two contracts
* ``registry``  spellings to predictors, and other packages' names
* ``bare``      an expert coded alone, through the many-symbol coder
* ``mix``       the context-mixing model, the default
"""
