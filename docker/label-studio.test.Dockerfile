# Stands in for heartexlabs/label-studio:1.23.2 where that can't be pulled: the same package, user,
# data folder and command.
ARG BASE_IMAGE
FROM ${BASE_IMAGE:-python:3.11.15-slim-bookworm}
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_NO_INDEX
ENV PATH=/opt/label-studio/bin:$PATH
COPY docker/certificates /usr/local/share/ca-certificates/
COPY docker/wheels /build/wheels
COPY requirements-label-studio.txt /build/
RUN find /usr/local/share/ca-certificates -name '*.crt' -exec cat {} + >> /etc/ssl/certs/ca-certificates.crt \
    && python3 -m venv /opt/label-studio \
    && PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_FIND_LINKS=/build/wheels \
      pip install --no-cache-dir --no-deps -r /build/requirements-label-studio.txt
ENV HOME=/label-studio \
    LABEL_STUDIO_BASE_DATA_DIR=/label-studio/data
RUN install --directory --owner=1001 --group=0 /label-studio /label-studio/data
USER 1001
WORKDIR /label-studio
VOLUME /label-studio/data
EXPOSE 8080
CMD ["label-studio"]
