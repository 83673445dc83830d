# The program alone, without PostgreSQL: production has a database of its own (see compose.yml).
#
#   docker build -t signalbox .
#
# Both images can be replaced by your own copies of them with --build-arg.
ARG BUILD_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm
ARG RUN_IMAGE=docker.io/library/debian:12.12-slim

FROM ${BUILD_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev libssl-dev make pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin signalbox \
    && install -D target/release/signalbox /out/signalbox

FROM ${RUN_IMAGE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 signalbox \
    && useradd --system --uid 10001 --gid signalbox --home-dir /var/lib/signalbox --no-create-home \
        --shell /usr/sbin/nologin signalbox \
    && install -d -m 0700 -o signalbox -g signalbox /var/lib/signalbox
COPY --from=build /out/signalbox /usr/local/bin/signalbox
COPY packs /usr/share/signalbox/packs

USER signalbox
WORKDIR /var/lib/signalbox
ENV SIGNALBOX_BIND=0.0.0.0:8080 \
    SIGNALBOX_DATA_DIR=/var/lib/signalbox
EXPOSE 8080
VOLUME /var/lib/signalbox
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["signalbox", "healthcheck"]
ENTRYPOINT ["signalbox"]
CMD ["serve"]
