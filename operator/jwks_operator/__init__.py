"""jwks-operator: rotates JSON Web Keys on Kubernetes without ever breaking a valid token."""

__version__ = "0.1.0"
