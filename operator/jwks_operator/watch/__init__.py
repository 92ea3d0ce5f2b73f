"""What changed? The kopf adapter (kopf_*.py, echo_filter.py), the events it reports and the periodic resync."""
