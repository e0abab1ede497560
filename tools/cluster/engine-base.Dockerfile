# Stands in for the public vLLM image where no image can be pulled: vLLM's CPU build in the locked versions.
ARG BASE
FROM ${BASE}
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ARG SSL_CERT_FILE
ARG UV=uv==0.13.9
WORKDIR /src
COPY pyproject.toml uv.lock README.md ./
COPY operator/pyproject.toml operator/
COPY worker/pyproject.toml worker/
# One layer, and compiled: importing vLLM takes several times as long otherwise, in every pod anew on a read-only root.
RUN python3 -m venv /tmp/uv && /tmp/uv/bin/pip install --quiet --no-cache-dir "${UV}" \
    && UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/vllm UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
       UV_COMPILE_BYTECODE_TIMEOUT=0 /tmp/uv/bin/uv sync --quiet --frozen --no-dev --no-install-workspace \
       --package shardwright-worker --extra engine-cpu \
    && rm -rf /tmp/uv
ENV PATH=/opt/vllm/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /
