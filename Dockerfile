# jwks-operator: `run` (the default), `serve`, `sign` and the others from one image. docs/operations.md tells how to build and check it.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=… --build-arg REVISION="$(git rev-parse HEAD)" .
#
# BASE is any image with Python >= 3.11 whose python3 can make virtual environments; both stages use the same, because
# the environment that is copied points at its interpreter. Pin it by digest for builds that can be repeated.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /src
# Certificates come from the base's own store, so that a base with a company's CA in it builds behind that company's
# proxy. Compiled files are taken as they are: nothing looks at times of sources that are never edited.
ENV UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 UV_LINK_MODE=copy UV_SYSTEM_CERTS=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH
COPY hack/uv.txt ./
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement uv.txt
# Dependencies first: they change less often than the code. Every file is checked against the hashes of the lock, and
# nothing is compiled here, so that no compiler is needed on any platform.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN /uv/bin/uv export --locked --no-dev --extra publish --extra service-accounts --no-emit-project --output-file requirements.txt > /dev/null \
 && /uv/bin/uv export --locked --only-group build --output-file build.txt > /dev/null \
 && python3 -m venv --without-pip /app \
 && /uv/bin/uv pip install --python /app/bin/python --no-deps --require-hashes --only-binary :all: \
    --compile-bytecode --requirement requirements.txt
COPY operator operator
# uv notes when a wheel was made, which nobody reads here and which would make every build another one.
RUN /uv/bin/uv build --wheel --build-constraints build.txt --require-hashes --out-dir dist \
 && /uv/bin/uv pip install --python /app/bin/python --no-deps --compile-bytecode dist/*.whl \
 && rm /app/lib/python3*/site-packages/jwks_operator-*.dist-info/uv_cache.json \
 && sed -i '/uv_cache[.]json/d' /app/lib/python3*/site-packages/jwks_operator-*.dist-info/RECORD

FROM ${BASE}
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="jwks-operator" \
      org.opencontainers.image.description="Rotates JSON Web Keys without ever breaking a valid token" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# Nothing is run in this stage, and nothing that runs needs a shell, a name for its user or a place to write to.
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
# 8080: the JWKS server; 8081: probes and metrics.
EXPOSE 8080 8081
ENTRYPOINT ["jwks-operator"]
CMD ["run"]
