"""Training speed of the lab's language model against torch's float32 matrix peak, the data loader's share,
and memory over steps.

    python bench/lab/lm_speed.py -o bench/lab/lm_speed.json [--size 4M] [--steps 60] [--threads 2] [--compile]

Speed: training steps and 1024³ matrix products in turn, best of each (``tokenizers_lab/lm/speed.py``). Loader
and memory: a real run on a dataset of bytes made of the text that ships; resident memory after each step past
the first ten."""

import argparse
import json
import platform
import tempfile
from pathlib import Path

import torch


def resident() -> float:
    """MiB in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / (1 << 20)


def real_run(size: str, steps: int, batch: int, compiled: bool) -> dict:
    from tokenizers_lab.datasets import TokenReader, build
    from tokenizers_lab.lm.model import Shape
    from tokenizers_lab.lm.runs import Plan
    from tokenizers_lab.lm.training import train
    from tokenizers_lab.m1.order_n import default_text

    memory = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "a.txt").write_bytes(default_text())
        build("bytes", [path / "a.txt"], path / "d", workers=1)
        reader = TokenReader(path / "d")
        result = train(
            path / "d",
            path / "run",
            Shape.named(size, reader.vocab_size, 512),
            Plan(steps, batch, evaluations=0, compiled=compiled),
            lambda figures: memory.append(resident()),
        )
    third = max(1, (len(memory) - 10) // 3)
    return {
        "steps": steps,
        "batch": batch,
        "context": 512,
        "seconds": round(result["seconds"], 2),
        "loader share": result["loader_seconds"] / result["seconds"],
        "MiB, first third after ten steps": round(max(memory[10 : 10 + third]), 1),
        "MiB, last third": round(max(memory[-third:]), 1),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--size", default="4M")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    from tokenizers_lab.lm.speed import training_speed

    results = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "compiled": options.compile,
        "speed": [
            training_speed(size, batch=options.batch, compiled=options.compile)
            for size in (options.size, "1M")
        ],
    }
    print(json.dumps(results, indent=1), flush=True)
    results["run"] = real_run(options.size, options.steps, options.batch, options.compile)
    print(json.dumps(results["run"], indent=1))
    Path(options.output).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
