FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# Both folders stay between builds, so that only what changed is compiled.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release && cp target/release/vetted /usr/local/bin/vetted

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates ffmpeg util-linux \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/vetted vetted \
    && install -d -o vetted -g vetted -m 0700 /var/lib/vetted
COPY --from=build /usr/local/bin/vetted /usr/local/bin/vetted
USER vetted
WORKDIR /var/lib/vetted
VOLUME /var/lib/vetted
ENV DATA_DIR=/var/lib/vetted BIND=0.0.0.0:8000 LOG_FORMAT=json
EXPOSE 8000
ENTRYPOINT ["vetted"]
CMD ["api"]
