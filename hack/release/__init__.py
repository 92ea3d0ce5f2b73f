"""`make release`: everything that a user installs, in one directory, the same octets from the same commit.

    install.yaml, namespace-install.yaml, sidecar-injection.yaml, crds.yaml, a kustomize base, the chart, wheel and
    sdist, the plugin as a program of its own for this platform with its krew manifest, the image as an OCI archive,
    CycloneDX SBOMs, provenance, SHA256SUMS

Times are those of SOURCE_DATE_EPOCH, the commit's by default. Nothing is signed or uploaded here: that takes
credentials (.github/workflows/release.yml).
"""
