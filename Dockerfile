# A static binary in an empty image: no shell, no libc, a numeric user, a root that can be read-only.
#   docker build -t corsd .
#   docker run -p 8080:8080 -v ./corsd.yaml:/etc/corsd/corsd.yaml:ro corsd
FROM debian:13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
WORKDIR /corsd
COPY . .
RUN ./dev static && strip build/static/corsd

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /corsd/build/static/corsd /corsd
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/corsd"]
