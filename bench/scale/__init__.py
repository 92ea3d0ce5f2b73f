"""How the operator bears many sets: rates beside bare API writes, CPU, memory, latencies. `make bench` runs it.

Every scenario has a real control plane on the loopback, the operator as a process of its own, and this process as the
load generator. What is compared is compared in one run. Every result is checked, not only timed: see `verify`.
"""
