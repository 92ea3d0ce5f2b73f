"""What changed? The kopf adapter, the events it reports and the periodic resync."""
