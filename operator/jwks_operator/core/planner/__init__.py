"""The rules in order: what should happen to one set now."""
