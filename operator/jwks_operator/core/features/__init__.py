"""Imports, certificates, the historical set, copies and workload restarts."""
