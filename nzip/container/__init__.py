"""The file format: everything between a file's bytes and ``codec``'s blocks. Specified in docs/FORMAT.md.

* ``framing``          what each frame looks like: pure functions, bytes in and out
* ``check_points``     hashes of every 64 KiB of decoded bytes: what is proven before its block ends
* ``passport``         the predictor's passport in a stream's header, and its check against the one at hand
* ``config``           what the passport says beyond the spelling, in short codes
* ``embedded_models``  models that a stream carries itself
* ``writer``           blocks to frames, in order
* ``parser``           frames back to blocks, from whatever comes: a sans-I/O generator with two drivers;
                       ``frame_reader``: a header's fields, likewise
* ``index``            random access: the seek tables of a seekable file, read from its end
* ``decoding``         blocks back to bytes: predictor, limits and hashes checked
* ``raw``              decoded bytes as a file object
* ``recovery``         what can be saved of a damaged file
* ``pipeline``         whole streams: read, code blocks on several threads, write, with bounded memory
* ``workers``          the threads; ``meter``: how far a job has come

A block's bytes are copied once on their way to a predictor, and once on their way from a file: what is put
together from pieces is handed on, never copied again, and never changed.
"""
