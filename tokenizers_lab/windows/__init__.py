"""Equal-Info Windows: arithmetic coding cut into windows of W bits, coder and M1 reset after each (Lester et
al. 2024).

``interval`` is the interval that bytes narrow, ``stop_cell`` the rule that ends a window; ``twin`` defines
the partition under that and two other rules in plain Python, ``kernel`` says the same compiled; ``growth``
turns a static M1 into a table of strings, which ``table_cache`` keeps and ``longest_match`` tokenises
with."""
