# One image for every service of docker-compose.yml; the command says which.
FROM python:3.11-slim AS build
RUN python -m venv /venv
COPY requirements/runtime.txt /build/requirements/
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r /build/requirements/runtime.txt
COPY pyproject.toml README.md LICENSE /build/
COPY src /build/src
COPY subscribers /build/subscribers
COPY worker /build/worker
COPY templates /build/templates
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation /build

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/dongtai --create-home dongtai
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER dongtai
WORKDIR /var/lib/dongtai
VOLUME /var/lib/dongtai
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s CMD ["dongtai", "web", "--check"]
ENTRYPOINT ["dongtai"]
CMD ["web"]
