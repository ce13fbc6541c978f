"""Equal-Info Windows: arithmetic coding cut into windows of W bits, coder and M1 reset after each (Lester et
al. 2024).

``twin`` defines the partition and the three rules in plain Python; ``kernel`` says the same compiled;
``growth`` turns a static M1 into a table of strings, ``strings`` tokenises with such a table by longest
match."""
