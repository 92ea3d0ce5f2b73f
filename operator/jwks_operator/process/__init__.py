"""The operator as a process: start, end, leadership, the admin port and the log."""
