"""What do public URLs show? Asked so that no author of a set can use the question to look around."""
