"""How do we touch the cluster? Reads that know what "gone" means, writes that carry fences, typed errors."""
