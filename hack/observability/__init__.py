"""Writes what is generated about observability: `python -m observability` (and `--check` compares).

`docs/metrics.md` comes from the catalog of metrics and the alerts, `helm/jwks-operator/files/dashboard.json` from
the table of panels in dashboard.py.
"""
