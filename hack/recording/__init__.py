"""The moving picture in the README: `kubectl jwks status` through a rotation, as it was printed.

make recording                  rotate a set on a real API server, keep what was printed (docs/recording.json)
python -m recording [--check]   draw docs/img/recording.svg from what was kept; a part of `make generate`
"""
