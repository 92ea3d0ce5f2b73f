"""Facts, bounds, schedules and windows."""
