"""What is a key? The room of the algorithms, JSON Web Keys, their generation and their file formats.

Everything about the shape of a key is decided here, from one table (`algorithms.py`); private bytes travel
only inside `private.PrivateJwk`, which prints as `<redacted>`. The room knows neither Kubernetes nor time.

This file imports nothing, so that `algorithms` can be had without loading cryptography.
"""
