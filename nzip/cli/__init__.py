"""The command line: words in, files, lines and an exit code out. No codec logic lives here, and nothing that
the library cannot do: each verb is a thin face over a call of :mod:`nzip`.

Two dialects: sub-commands (``nzip compress FILE``), and gzip's letters without one (``nzip -dc FILE``,
``tar -I nzip``). Exit codes: 0 fine; 1 usage or environment; 2 corrupt or not ours; 3 a bug of ours.

* ``main``      commands and their dispatch, entry points; the only one that knows the others * ``words``
two dialects, misspelled verbs, ``-12`` * ``process``   signals and the end of the process * ``standard``
the standard streams, made safe * ``options``   what the commands take, as click options and as the small
records that verbs are given * ``examples``  what stands under every help text
* ``completing``  what the shell offers behind options
* ``manual``    the man page, made from the help; completion scripts
* ``terminal``  what is said to standard error: lines, errors, the bar, the
last line; exit codes * ``inputs``    the files that were named: opened, guarded, given the names of their
outputs * ``tables``    what goes to standard output: tables for people, JSON for programs * ``files``
``show`` ``diagnose`` ``measure`` ``estimate`` ``bench`` ``primer`` ``train`` ``model``   a family of
  verbs each

Concession: start-up time is bought with imports inside functions. ``nzip --version`` loads neither numpy nor
numba nor rich, and a verb's file is loaded when the verb is named.
"""
