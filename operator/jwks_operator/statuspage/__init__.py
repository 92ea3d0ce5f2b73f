"""The status page on the admin port: every set, its keys over time, the next transition and what is wrong.

Rules of the room: it reads the results of the passes and sends no request to the cluster; it shows the status, which
every user with `get` on sets can read, and no key material; every text is escaped unless its type says that it is HTML;
pages need no script, and their headers forbid it.
"""
