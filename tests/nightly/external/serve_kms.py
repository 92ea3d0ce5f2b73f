# /// script
# requires-python = ">=3.11"
# dependencies = ["moto[kms]==5.2.5", "boto3", "cryptography", "flask", "flask-cors", "setuptools"]
# ///
"""Moto's server of the KMS API on a port of 127.0.0.1, and boto3 for the examples: an environment of its own.

`uv run --script` installs what `serve_kms.py.lock` says.
"""

import sys

from moto.server import main  # type: ignore[import-not-found]  # only in that environment

if __name__ == "__main__":
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
