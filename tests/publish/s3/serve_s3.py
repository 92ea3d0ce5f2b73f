# /// script
# requires-python = ">=3.11"
# dependencies = ["moto[s3]==5.2.5", "flask", "flask-cors", "setuptools"]
# ///
"""Moto's server of the S3 API on a port of 127.0.0.1: an environment of its own, for its packages contradict ours.

`uv run --script` installs what `serve_s3.py.lock` says.
"""

import sys

from moto.server import main  # type: ignore[import-not-found]  # only in that environment

if __name__ == "__main__":
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
