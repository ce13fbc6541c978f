"""M1: static models of bytes, the small predictors under arithmetic coding and Equal-Info Windows.

``byte_model`` is the contract, ``order_n`` interpolated n-gram counts (with the text that ships,
``m1_text.xz``, to train them on), ``expert`` any exact expert of nzip; ``spelling`` finds one by its name.
"""
