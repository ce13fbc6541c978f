"""Datasets of tokens on disk: built from text in shards, checked against it, read by trainers.

``build`` (one machine, any number of processes), ``distributed`` (many machines, by datatrove) and a single
call of ``shard.build_shard`` all write the same bytes. ``TokenReader`` reads with NumPy alone,
``TokenDataset`` is a torch Dataset."""

_WHERE = {"build": "build", "verify": "verify", "TokenReader": "reader", "TokenDataset": "torch_data"}
__all__ = ["TokenDataset", "TokenReader", "build", "verify"]


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value  # in place of the submodule of the same name
    return value
