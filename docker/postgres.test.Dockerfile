# Stands in for the public image postgres:17 where that can't be pulled: Debian's PostgreSQL with the
# same user, data folder, first start and variables, as far as compose.scale.yaml uses them.
ARG BASE_IMAGE
FROM ${BASE_IMAGE:-python:3.11.15-slim-bookworm}
COPY docker/certificates /usr/local/share/ca-certificates/
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql \
    && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/* /etc/postgresql \
    && install --directory --owner=postgres --group=postgres --mode=0700 /var/lib/postgresql/data \
    && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/
COPY docker/postgres.test.sh /
USER postgres
ENV PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
EXPOSE 5432
# The slow stop waits for clients, who are pooled connections and stay.
STOPSIGNAL SIGINT
CMD ["sh", "/postgres.test.sh"]
