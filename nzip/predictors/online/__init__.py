"""The expert that learns while it codes: network, exact products, kernel and its readable twin. See
:mod:`.expert`."""
