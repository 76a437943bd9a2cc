# syntax=docker/dockerfile:1

# Builds aftercall and leaves the binary in a small image.
#
# There is no PostgreSQL in the image: DATABASE_URL is required, and with it ENCRYPTION_KEYS.
#
#   docker build -t aftercall .
#   docker run --read-only -p 8080:8080 -v aftercall-data:/data \
#          -e DATABASE_URL=postgres://… -e ENCRYPTION_KEYS=k1:… aftercall

FROM rust:1.95-bookworm AS builder
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

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin aftercall \
 && install -d -o aftercall -g aftercall -m 0700 /data
COPY --from=builder /src/target/dist/aftercall /usr/local/bin/aftercall

# By number, so that orchestrators can see that it is not root.
USER 10001:10001
# PORT makes it listen on every address. The only place it writes to is DATA_DIR: documents, mail when there is no SMTP
# server, and the admin token when none is given. The root file system may be read-only.
ENV PORT=8080 DATA_DIR=/data
VOLUME /data
WORKDIR /data
EXPOSE 8080

# Asks /readyz. A container that runs `worker` needs METRICS_PORT for this.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["aftercall", "healthcheck"]

ENTRYPOINT ["aftercall"]
CMD ["serve"]
