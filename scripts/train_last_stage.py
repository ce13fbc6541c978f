"""Train the mix's last stage (nzip/predictors/mix/last_stage.py) from texts that neither experts nor
primers have read: the held-out ends of the experts' own training texts, and texts of no mixture.

    python scripts/train_last_stage.py rows --form words --corpora DIR --gathered DIR -o ROWS  # minutes
    python scripts/train_last_stage.py fit ROWS --check   # each text by what the others taught
    python scripts/train_last_stage.py fit ROWS -o nzip/predictors/mix/last_words.i16
    python scripts/train_last_stage.py rows --online --form words --corpora DIR --gathered DIR -o ONLINE
    python scripts/train_last_stage.py fit ONLINE --after ROWS -o nzip/predictors/mix/last_words_online.i16

``rows`` codes each text at level 5 with the expert that reads its form, as it stands in the package, and
notes what the last stage would see of each bit; with ``--online`` with those of -8, which take ten times as
long, and of each text the first 65,536 bytes as coded. ``fit --after``: what the other rows teach is learnt
first. To be run anew after any change of what the mix codes with experts.

Concession: all of a form's rows are held in memory, 600 bytes a byte coded.
"""

from __future__ import annotations

import lzma
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from train_expert import sources

# Texts of no mixture, of licences that allow it; of each the part from 55% of its length on is read.
UNREAD = {
    "words": ("libreoffice_help_en.txt", "gnome_help_en.txt"),
    "text": ("more_tr_ud_atis.txt", "libreoffice_help_en.txt"),
}
MIXTURE = {"words": "words", "text": "languages"}
LONG = 150_000  # bytes of each of these
PLAIN = 0.05  # a text that is coded in less of its size stands in a primer, or repeats itself: it is left out
ONLINE = "mix:5+online:ssm+online+ssm"
BEGINNING = 1 << 16  # bytes of a text's form that are read with these
FURTHER = 7e-4  # the rate of what is learnt after other rows
UNIT = 256.0  # of the rows' stretches


@click.group(help=__doc__)
def main() -> None:
    pass


def texts(form: str, corpora: Path, gathered: Path) -> list[tuple[str, str, bytes]]:
    """(kind, name, text) of all that may be read: of a kind with several ends, half of them one by one and
    the others as one long text, so that both what is young and what is old are seen."""
    from nzip.training.text import held_out  # start-up: numba

    kinds = defaultdict(list)
    for source in sources(corpora, MIXTURE[form], gathered):
        kinds[source.kind].append((source.name, held_out(source)[1]))
    found = []
    for kind, ends in kinds.items():
        alone = ends if len(ends) < 4 else ends[::2]
        found += [(kind, *end) for end in alone]
        if len(ends) >= 4:
            joined = b"".join(data for _, data in ends[1::2])
            found.append((f"long: {kind}", f"{len(ends) // 2} ends", joined[:LONG]))
    for name in UNREAD[form]:
        packed_text = corpora / "train" / f"{name}.xz"
        data = (
            lzma.decompress(packed_text.read_bytes())
            if packed_text.exists()
            else (gathered / name).read_bytes()
        )
        begin = len(data) * 55 // 100
        found.append((f"long: {name}", name, data[begin : begin + LONG]))
    return found


@main.command("rows")
@click.option("--form", type=click.Choice(list(UNREAD)), required=True)
@click.option("--corpora", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--gathered", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--online", is_flag=True, help="with a first expert that goes on learning, and others")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def rows_command(form: str, corpora: Path, gathered: Path, online: bool, output: Path) -> None:
    """Note what the last stage sees, text by text."""
    kept: dict[str, np.ndarray] = {}
    for kind, name, data in texts(form, corpora, gathered):
        found = rows_of(np.frombuffer(data, np.uint8), form == "words", online)
        if found is None:
            print(f"{name:44} is not coded in this form")
            continue
        rows, size = found
        print(f"{name:44} {len(rows) // 8:8,} B, coded, to {size:8,}", flush=True)
        if size > PLAIN * len(rows) // 8:
            kept[f"{kind}|{name}"] = rows
    np.savez(output, **kept)  # type: ignore[arg-type]  # names, not options


def rows_of(data: np.ndarray, words: bool, online: bool) -> tuple[np.ndarray, int] | None:
    """What is seen of each bit of a text (int16 (bits, NOTED)), and the bytes that it takes without a
    last stage; None where the form is not its own. ``online``: of its beginning, with the experts of -8."""
    from nzip.predictors.content import TEXT, Content  # start-up: numba, as the next ones
    from nzip.predictors.mix import fused, last_stage, trials
    from nzip.predictors.mix.coder import Output
    from nzip.predictors.mix.constants import CODED
    from nzip.predictors.mix.primers import portion
    from nzip.predictors.mix.stream import Streams
    from nzip.predictors.mix.watching import Staged
    from nzip.predictors.registry import create

    found = [
        start
        for start in trials.starts(Streams(last_stage.LEVEL, raw=not words), data, Content(TEXT))
        if bool(start.form and start.form.dictionary) == words
    ]
    if not found:
        return None
    form, primer = found[0]
    streams = Streams(last_stage.LEVEL, create(ONLINE if online else f"mix:{last_stage.LEVEL}+ssm").experts)
    streams = streams.only(streams.readers(255, form, len(data))).for_form(form)
    coded = (form.apply(data) if form else data)[: BEGINNING if online else None]
    content = Content(CODED if words else TEXT)
    primer = portion(primer, last_stage.LEVEL, form.dictionary if form else None) if primer else None
    mix, ends, room, first = streams._start(content, 1, len(coded), primer)
    room[first:] = coded
    mix = last_stage.put_on(mix, np.zeros(last_stage.SIZE, np.int16))
    staged = Staged(*mix, stage=np.zeros((8 * len(coded), last_stage.NOTED), np.int16))
    bits = Output(len(coded))
    runs = fused.start(streams.experts)
    assert runs is not None
    fused.drive(runs, staged, room, first, ends, bits, False, lambda _: None, loop=_loop())
    return staged.stage, len(bits.finish())


_LOOPS: list = []


def _loop():
    """The loop of experts and the kernel that notes, compiled once."""
    from nzip.predictors.mix import fused, kernel, watching  # start-up: numba

    if not _LOOPS:
        staged = kernel.make("staged", cache=False, watch=watching.STAGE)
        _LOOPS.append(fused.driver(staged, "_drive_staged"))
    return _LOOPS[0]


@main.command("fit")
@click.argument("rows", type=click.Path(path_type=Path, exists=True))
@click.option("--after", type=click.Path(path_type=Path, exists=True), help="rows to learn from first")
@click.option("--check", is_flag=True, help="train two, each on every other text, and print what both save")
@click.option("--epochs", default=2.0, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def fit_command(rows: Path, after: Path | None, check: bool, epochs: float, output: Path | None) -> None:
    """Train on the rows, and write the whole numbers that ship."""
    import torch  # start-up

    torch.set_num_threads(1)
    kept = np.load(rows)

    def trained(names: set[str]):
        net = _train(_read(after, names), epochs) if after else None
        return _train(_read(rows, names), epochs, FURTHER, net) if net else _train(_read(rows, names), epochs)

    if check:
        saved = defaultdict(list)
        for half in range(2):
            net = trained({name for i, name in enumerate(kept.files) if i % 2 != half})
            for name, inputs, contexts, target in _read(rows, set(kept.files[half::2])):
                before, after_it = (_bytes(net, inputs, contexts, target, used) for used in (False, True))
                saved[name.split("|")[0]].append(np.log(after_it / before))
        for kind, logs in saved.items():
            print(f"{kind:40} {100 * np.expm1(np.mean(logs)):+.2f}%  ({len(logs)})")
        print(f"{'mean of texts':40} {100 * np.expm1(np.mean(np.concatenate([*saved.values()]))):+.2f}%")
    if output:
        net = trained(set(kept.files))
        output.write_bytes(packed(net))
        print(f"{output}: {output.stat().st_size:,} bytes")


def _read(rows: Path, names: set[str]):
    """(name, inputs, contexts, target) of the texts of these names, in the file's order."""
    kept = np.load(rows)
    return [(name, *_tensors(kept[name])) for name in kept.files if name in names]


def _tensors(rows: np.ndarray):
    import torch  # start-up

    from nzip.predictors.mix.last_stage import INPUTS  # start-up: numba

    return (
        torch.from_numpy(rows[:, :INPUTS].astype(np.float32) / UNIT),
        torch.from_numpy(rows[:, INPUTS:-1].copy()),
        torch.from_numpy(rows[:, -1].astype(np.float32)),
    )


def _net():
    import torch  # start-up

    from nzip.predictors.mix.last_stage import CONTEXTS, INPUTS, UNITS  # start-up: numba

    class Net(torch.nn.Module):
        """The network in floats: (n, INPUTS) stretches in nats and (n, 5) contexts to nats to be added."""

        def __init__(self):
            super().__init__()
            self.contexts = torch.nn.ModuleList(torch.nn.Embedding(n, UNITS) for n in CONTEXTS)
            self.first = torch.nn.Linear(INPUTS, UNITS, bias=False)
            self.second = torch.nn.Linear(UNITS, UNITS)
            self.last = torch.nn.Linear(UNITS, 1, bias=False)
            for table in self.contexts:
                torch.nn.init.normal_(table.weight, std=0.03)
            torch.nn.init.normal_(self.first.weight, std=0.08)
            torch.nn.init.zeros_(self.last.weight)

        def forward(self, inputs, contexts):
            which = contexts.long()
            units = self.first(inputs) + sum(t(which[:, i]) for i, t in enumerate(self.contexts))
            return self.last(torch.relu(self.second(torch.relu(units))))[:, 0]

    return Net()


def _train(found, epochs: float, rate: float = 2e-3, net=None, batch: int = 4096):
    """A network trained on ``found`` (see :func:`_read`), from ``net`` on or from nothing."""
    import torch  # start-up

    from nzip.predictors.mix.last_stage import SAID  # start-up: numba

    torch.manual_seed(20261)
    inputs, contexts, target = (torch.cat([text[i] for text in found]) for i in (1, 2, 3))
    if net is None:
        net = _net()
        with torch.no_grad():
            net.first.weight[:, ~(inputs != 0).any(0)] = 0  # of inputs that are not there
    adam = torch.optim.Adam(net.parameters(), rate)
    steps = max(1, int(epochs * len(target) / batch))
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * (1 - step / steps) + 1e-5
        some = torch.randint(0, len(target), (batch,))
        said = inputs[some, SAID] + net(inputs[some], contexts[some])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, target[some])
        adam.zero_grad()
        loss.backward()
        adam.step()
    return net


def _bytes(net, inputs, contexts, target, used: bool) -> float:
    import torch  # start-up

    from nzip.predictors.mix.last_stage import SAID  # start-up: numba

    with torch.no_grad():
        said = inputs[:, SAID] + (net(inputs, contexts) if used else 0)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, target, reduction="sum")
    return float(loss) / np.log(2) / 8


def packed(net) -> bytes:
    """The file: int16, little-endian, as last_stage.py lays it out. ``ValueError`` where a sum could pass
    int32 or a number int16."""
    from nzip.predictors.mix.last_stage import SIZE  # start-up: numba

    def whole(tensor, unit: int) -> np.ndarray:
        found = np.rint(tensor.detach().numpy().astype(np.float64) * unit)
        if np.abs(found).max() > 32767:
            raise ValueError("a number of the last stage is too large for int16")
        return found.astype(np.int64)

    first, second = whole(net.first.weight, 4096), whole(net.second.weight, 4096)
    if (4095 * np.abs(first).sum(1)).max() >= 2**31 or (32767 * np.abs(second).sum(1)).max() >= 2**31:
        raise ValueError("a sum of the last stage may pass 32 bits")
    last = whole(net.last.weight, 4096)
    if np.abs(last).max() >= 32768 // 4:
        raise ValueError("a weight of the last layer is too large for one that learns")
    parts = [whole(table.weight, 2048) for table in net.contexts]
    parts += [first, second, whole(net.second.bias, 2048), last]
    numbers = np.concatenate([part.reshape(-1) for part in parts]).astype("<i2")
    assert len(numbers) == SIZE
    return numbers.tobytes()


if __name__ == "__main__":
    main()
