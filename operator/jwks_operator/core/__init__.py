"""What should happen now? Pure decisions: same observed state and same clock reading, same plan.

Nothing in this room performs I/O, reads a clock, uses randomness or touches private key bytes; import contracts keep it
so. The way through it: `model` (what is known) → `planner/rules.py` (the order of decisions) with `timing` (when) and
`features` → `transitions` (what becomes of the keys) → `outputs` (what is written and shown).
"""
