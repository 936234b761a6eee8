FROM python:3.12-slim AS build

RUN python -m venv /opt/connector
ENV PIP="/opt/connector/bin/pip --disable-pip-version-check --no-cache-dir"
WORKDIR /src

# Before the code, so that a change of code does not install everything anew.
COPY requirements.lock ./
RUN $PIP install --require-hashes --only-binary :all: --requirement requirements.lock

COPY pyproject.toml ./
COPY connector connector
# The templates in the package are links to these.
COPY config.example.yaml config.*.example.yaml ./
COPY mappings mappings
# What runs needs no tools to install more.
RUN $PIP install --no-deps --no-build-isolation . \
    && $PIP uninstall --yes setuptools pip


FROM python:3.12-slim

# A fixed number, so that the owner of a mounted folder can be set outside.
RUN groupadd --gid 10001 connector \
    && useradd --uid 10001 --gid connector --no-create-home --home-dir /tmp --shell /usr/sbin/nologin connector \
    && install --directory --owner=connector --group=connector --mode=0750 /data

COPY --from=build /opt/connector /opt/connector

# Made to run with a read-only root: it writes to /data, and to /tmp which may be a tmpfs.
# The health endpoints of `serve` are for whatever keeps watch from outside the container.
ENV PATH=/opt/connector/bin:$PATH \
    HOME=/tmp \
    CONNECTOR_BIND=0.0.0.0:8080 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /
USER 10001:10001
VOLUME /data
EXPOSE 8080

ENTRYPOINT ["connector"]
CMD ["run", "--config", "/config/config.yaml"]
