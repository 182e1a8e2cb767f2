# One static binary in an empty image.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG RELEASE=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=${RELEASE}" -o /grenier ./cmd/grenier && mkdir -p /vide/data /vide/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /grenier /grenier
COPY --from=build --chown=65532:65532 /vide/data /data
COPY --from=build --chown=65532:65532 /vide/tmp /tmp
USER 65532:65532
WORKDIR /data
ENV GRENIER_DATA=/data GRENIER_ADDR=0.0.0.0:8080 GRENIER_BASE_URL=http://127.0.0.1:8080
EXPOSE 8080
VOLUME /data
ENTRYPOINT ["/grenier"]
CMD ["serve"]
