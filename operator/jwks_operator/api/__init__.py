"""The API: what a user may write, and the status that the operator writes.

The pydantic models here are the one source of the API: the CustomResourceDefinition (`crds/`), the text of
`kubectl explain`, the defaults and the admission rules are generated from them.

The room refuses everything this version does not do: a field whose behaviour does not exist yet is in the
schema, but setting it is an error that says so. It knows no cluster, no clock and no key material.
"""
