# Two stages: the package is built, then installed on a bare Debian 12. tests/packages/container_test.py takes the second
# stage's steps in a clean tree and runs what comes out as compose.yaml says.
FROM debian:12-slim AS build
WORKDIR /src
# By itself, so that the compiler is installed again only when the list of packages changes.
COPY scripts/install-deps scripts/
RUN scripts/install-deps build package
COPY . .
RUN make deb

FROM debian:12-slim
COPY --from=build /src/build/packages/ctclip_*.deb /tmp/
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends curl /tmp/ctclip_*.deb \
    && rm -rf /var/lib/apt/lists/* /tmp/ctclip_*.deb \
    && install -d -m 700 -o 65532 -g 65532 /var/lib/ctclip
# Inside a container every address is the container's; which of the host's is open, `docker run -p` or compose.yaml says.
# A volume on the folder of the state lets accepted studies outlast the container.
ENV CTCLIP_HOST=0.0.0.0 CTCLIP_PORT=8000 CTCLIP_STATE=/var/lib/ctclip
EXPOSE 8000
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD curl -sf http://127.0.0.1:8000/health
ENTRYPOINT ["ctclip"]
CMD ["serve"]
