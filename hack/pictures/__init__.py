"""Pictures for the documentation, drawn from the planner's own forecast."""
