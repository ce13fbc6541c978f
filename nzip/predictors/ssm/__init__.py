"""The pretrained recurrent expert: contexts, weights file, exact kernel and its readable twin. See
:mod:`.expert`."""
