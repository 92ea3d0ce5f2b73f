# jwks-operator: `run` (the default) and `serve` from one image.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /src
COPY hack/uv.txt ./
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir --no-deps --require-hashes -r uv.txt
ENV UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 UV_LINK_MODE=copy
# Dependencies first: they change less often than the code. Every file is checked against the hashes of the lock.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN /uv/bin/uv export --locked --no-dev --no-emit-project --output-file requirements.txt > /dev/null \
 && python3 -m venv --without-pip /app \
 && /uv/bin/uv pip install --python /app/bin/python --no-deps --require-hashes --compile-bytecode -r requirements.txt
COPY operator operator
RUN /uv/bin/uv build --wheel --out-dir dist \
 && /uv/bin/uv pip install --python /app/bin/python --no-deps --compile-bytecode dist/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="jwks-operator" \
      org.opencontainers.image.description="Rotates JSON Web Keys without ever breaking a valid token" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number is what the pod's security context wants; the name must exist too, because kopf asks who it runs as.
RUN groupadd --gid 65532 jwks \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jwks
COPY --from=build /app /app
# The root filesystem may be read-only: nothing is written at run time.
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["jwks-operator"]
CMD ["run"]
