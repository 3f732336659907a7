# A static binary in an empty image: no shell, no libc, a numeric user, a root that can be read-only.
#   docker build -t corsd .
#   docker run --read-only -p 8080:8080 -v ./corsd.yaml:/etc/corsd/corsd.yaml:ro corsd
# Or without a file: -e CORSD_LISTEN=:8080 -e CORSD_UPSTREAM=http://app:3000 -e CORSD_ALLOW_ORIGINS=…
FROM debian:13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
WORKDIR /corsd
COPY . .
RUN ./dev static && strip build/static/corsd

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="corsd" \
      org.opencontainers.image.description="Correct CORS in front of any backend" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.documentation="docs/packages.md"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/share/publicsuffix/public_suffix_list.dafsa /usr/share/publicsuffix/public_suffix_list.dafsa
COPY --from=build /corsd/build/static/corsd /corsd
USER 65532:65532
EXPOSE 8080
# corsd drains on TERM. As PID 1 it has nothing to reap: it starts no processes.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/corsd", "health"]
ENTRYPOINT ["/corsd"]
