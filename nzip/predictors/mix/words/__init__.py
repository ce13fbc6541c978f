"""Words: a reversible transform of text before it is mixed. Words become codes of one to three bytes whose
order is that of their meaning, so that the first byte of a code says what class of word it is; capitals
become marks; line ends that wrapping predicts become spaces.

``options`` (:class:`Words`: what a stream was coded with, as one to three bytes of params, there and back)
and ``choice`` (a guess whether it pays) are what the mix asks; ``dictionary`` reads what ships,
``transform`` and ``lines`` do the work, ``twin`` says the same in plain Python, ``learning`` makes a
dictionary of texts. Nothing here knows the mix.

Concession: it is for text whose words a dictionary knows. Other bytes pass, and some grow to twice their
size; whoever codes a stream decides whether it is worth it."""
