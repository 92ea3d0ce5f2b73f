"""What should happen now? Pure decisions: same facts and same clock reading, same plan.

Nothing in this room performs I/O, reads a clock, rolls dice or touches private key bytes; import contracts
keep it so. The way through it: `record` (what is known) → `timing`, `schedule`, `requests` (what the spec
asks for) → `checks` (what of it cannot be) → `plan` (what to do now) → `projections`, `status` (what to show).
"""
