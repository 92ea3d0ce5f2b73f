"""The one table of transitions, and their effect on a record."""
