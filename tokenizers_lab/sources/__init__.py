"""The one reader of other people's data: what verbs train on, measure and build from.

``finding`` (which files: folders, links, standard input), ``kinds`` (what a file is, by its first bytes and
by its suffix), ``unpacking`` (gz, bz2, xz, zst, nz as one file object) and ``reading`` (its documents: text,
JSON lines, rows of Parquet). What holds no text is refused with its kind named, damage with the file's."""
