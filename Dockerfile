FROM python:3.12-slim-trixie

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

COPY . .
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CANBAO_HOME=/var/lib/canbao \
    CANBAO_STATIC_ROOT=/app/collected
# The keys here only let the settings be read while static files are collected; they stay in no image.
RUN CANBAO_SECRET_KEY=only-for-collectstatic CANBAO_ID_KEYS=k1:only CANBAO_INDEX_KEY=only \
    python manage.py collectstatic --noinput --verbosity 0 \
    && useradd --uid 10001 --create-home canbao \
    && install -d -o canbao -g canbao -m 700 /var/lib/canbao

USER canbao
VOLUME /var/lib/canbao
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", \
     "--worker-class", "gthread", "--threads", "4", "--timeout", "120", \
     "--max-requests", "20000", "--max-requests-jitter", "2000", "--no-control-socket"]
