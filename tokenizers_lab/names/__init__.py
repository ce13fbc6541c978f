"""Everybody's tokenizers by name: ``gpt2``, ``cl100k_base``, ``llama3``, ``OWNER/NAME`` of Hugging Face.

``known`` lists the names that have pinned files, ``places`` looks where one may lie already (the lab's
folder, installed packages, tiktoken's and Hugging Face's caches), ``fetching`` brings one. Nothing is ever
downloaded unasked: loading a codec only looks."""
