"""Builds the site from the pages in docs/, which stay plain Markdown: `make site`, or `python -m website DIRECTORY`.

zensical makes the site (MIT, by the authors of Material for MkDocs, which gets security fixes only): search, dark and
light, no request to any other host. It runs in strict mode, and afterwards every link of the result is followed.
"""
