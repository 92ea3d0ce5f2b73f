"""What is generated in helm/jwks-operator: the values table of its README, and the CRD's copy."""
