"""A page for people on the admin port: every set, its keys over time, what comes next and what is wrong.

Rules of the room: it reads what the passes left on the board and asks the cluster nothing; what it shows is the status
that everybody with `get` on sets sees, and no key material; every text is escaped unless its type says that it is HTML;
pages need no script, and their headers forbid it.
"""
