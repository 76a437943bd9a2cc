# syntax=docker/dockerfile:1

# Builds aftercall and leaves the binary in a small image.
#
# There is no PostgreSQL in the image: DATABASE_URL is required, and with it ENCRYPTION_KEYS.
#
#   docker build -t aftercall .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 8080:8080 -v aftercall-data:/data \
#          -e DATABASE_URL=postgres://… -e ENCRYPTION_KEYS=k1:… aftercall
#
# The same sources give the same binary: dependencies come from the lock file, and no path or time of the build is in it.
# Debian's tag moves with its security fixes, on purpose; to hold on to the very same images, name their digests, which
# `docker buildx imagetools inspect rust:1.95.0-bookworm` tells:
#
#   docker build --build-arg RUST_IMAGE=rust@sha256:… --build-arg DEBIAN_IMAGE=debian@sha256:… .

ARG RUST_IMAGE=rust:1.95.0-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS builder
# What stands in the binary in the place of the directories it was built in, from Rust and from C.
ENV CARGO_INCREMENTAL=0 \
    RUSTFLAGS="--remap-path-prefix=/src=/aftercall --remap-path-prefix=/usr/local/cargo=/cargo" \
    CFLAGS="-ffile-prefix-map=/src=/aftercall -ffile-prefix-map=/usr/local/cargo=/cargo"
WORKDIR /src

# The dependencies, in a layer that changes only when they do: the crate is an empty one for the moment.
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
RUN mkdir -p src migrations \
 && touch src/lib.rs \
 && echo 'fn main() {}' > src/main.rs \
 && cargo build --locked --profile dist \
 && rm -r src migrations

# Our own code. Queries are checked against .sqlx, so no database is needed. The files' times may be older than the
# empty crate's, hence the touch.
COPY .sqlx .sqlx
COPY migrations migrations
COPY assets assets
COPY docs/verify docs/verify
COPY templates templates
COPY demo demo
COPY src src
RUN touch build.rs src/lib.rs src/main.rs \
 && cargo build --locked --profile dist

FROM ${DEBIAN_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="aftercall" \
      org.opencontainers.image.description="Turns recorded customer calls into summaries, documents and notifications, and can prove it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin aftercall \
 && install -d -o aftercall -g aftercall -m 0700 /data
COPY --from=builder /src/target/dist/aftercall /usr/local/bin/aftercall

# By number, so that orchestrators can see that it is not root.
USER 10001:10001
# PORT makes it listen on every address. The only place it writes to is DATA_DIR: documents, mail when there is no SMTP
# server, and the admin token when none is given. The root file system may be read-only, and no /tmp is needed.
ENV PORT=8080 DATA_DIR=/data
VOLUME /data
WORKDIR /data
EXPOSE 8080

# What is under way may finish for SHUTDOWN_TIMEOUT (8 s); `docker stop` waits for ten.
STOPSIGNAL SIGTERM

# Asks /readyz. A container that runs `worker` needs METRICS_PORT for this.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["aftercall", "healthcheck"]

ENTRYPOINT ["aftercall"]
CMD ["serve"]
