# The image of `dalang`. The lock holds the tools of development too: one lock is worth their megabytes (62 of them are the theme of the docs).
FROM python:3.13-slim

WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY engine ./engine
COPY schemas ./schemas
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

RUN useradd --create-home dalang
USER dalang
ENTRYPOINT ["dalang"]
CMD ["--help"]
