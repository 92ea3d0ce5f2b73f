"""The record of a set, the policy stored in it, the states of keys and the observed state."""
