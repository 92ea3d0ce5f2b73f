"""Who is due? The work queue, one pass over one set, and what a deleted set leaves."""
