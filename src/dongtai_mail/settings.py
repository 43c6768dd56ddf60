"""Django's settings, from the environment alone (see environment.py and docs/settings.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from dongtai_mail import caching, database, environment
from dongtai_mail.paths import templates_dir

ENVIRONMENT = environment.load(os.environ)
MODE: str = ENVIRONMENT["mode"]

DEBUG = False
SECRET_KEY: str = ENVIRONMENT["secret_key"]
ORIGIN: str = ENVIRONMENT["origin"]
_secure = ORIGIN.startswith("https://")
ALLOWED_HOSTS: list[str] = [
    str(urlsplit(ORIGIN).hostname),
    *(environment.LOOPBACK if MODE != "production" else ()),
    *ENVIRONMENT["allowed_hosts"],
]
CSRF_TRUSTED_ORIGINS = [ORIGIN]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
X_FRAME_OPTIONS = "SAMEORIGIN"

DATA_DIR: Path = ENVIRONMENT["data_dir"]
SEAL_KEYS: dict[int, bytes] = ENVIRONMENT["seal_keys"]
REDIS_URL: str = ENVIRONMENT["redis_url"]
RELAYS: tuple[environment.Relay, ...] = ENVIRONMENT["relay_url"]
BATCH_SIZE: int = ENVIRONMENT["batch_size"]
LEASE_SECONDS: int = ENVIRONMENT["lease_seconds"]
UNCONFIRMED_SECONDS: int = ENVIRONMENT["unconfirmed_seconds"]
RETRY_HOURS: int = ENVIRONMENT["retry_hours"]
STAGE_BOUNCE_PERCENT: float = ENVIRONMENT["stage_bounce_percent"]
STAGE_COMPLAINT_PERCENT: float = ENVIRONMENT["stage_complaint_percent"]
IMAP: environment.Mailbox | None = ENVIRONMENT["imap_url"]
WEBHOOK_SECRET: str = ENVIRONMENT["webhook_secret"]
# The senders of webhooks are known by this; nothing is sent through django-anymail.
ANYMAIL: dict[str, str] = {"WEBHOOK_SECRET": WEBHOOK_SECRET, **ENVIRONMENT["webhook_keys"]}
SOFT_BOUNCES: int = ENVIRONMENT["soft_bounces"]
SOFT_BOUNCE_DAYS: int = ENVIRONMENT["soft_bounce_days"]
RETURN_DAYS: int = ENVIRONMENT["return_days"]
COMPLAINT_SCOPE: str = ENVIRONMENT["complaint_scope"]
RETURNED_DAYS: int = ENVIRONMENT["returned_days"]
METRICS_TOKEN: str = ENVIRONMENT["metrics_token"]
DONGTAI_CATCHER_DATABASE: str = ENVIRONMENT["catcher_database"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "dongtai_mail.issues",
    "subscribers",
    "dongtai_mail.delivery",
    "dongtai_mail.desk",
    "dongtai_mail.catcher",
    "worker",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dongtai_mail.desk.security.request_limit",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dongtai_mail.desk.security.content_security_policy",
]

ROOT_URLCONF = "dongtai_mail.urls"
WSGI_APPLICATION = "dongtai_mail.wsgi.application"
CSRF_FAILURE_VIEW = "dongtai_mail.desk.errors.forbidden"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "desk:home"
LOGOUT_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

# Who signs in, and how: django-allauth, in our words (desk/accounts).
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "dongtai_mail.desk.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
# Accounts are made by administrators, by an invitation to the address: it needs no second proof.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "reset_password": "20/m/ip,5/h/key"}
MFA_ADAPTER = "dongtai_mail.desk.accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Dongtai Mail"
MFA_TOTP_TOLERANCE = 1
# Passkeys want https; without it only this machine is reached, as localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _secure
SESSION_COOKIE_AGE = 14 * 24 * 3600

CACHES = {
    "default": {
        "BACKEND": "dongtai_mail.caching.SharedCache",
        "LOCATION": caching.location(ENVIRONMENT["redis_url"]),
        "KEY_PREFIX": "dongtai-cache",
    }
}

# Our own pages are Django templates: forms, CSRF and makemessages work in them as they are.
# Jinja2 stays with the email, whose templates must be pure and know no request.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [templates_dir()],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    config: dict[str, Any] = dict(
        dj_database_url.parse(ENVIRONMENT["database_url"], conn_max_age=600)
    )
    if "sqlite" in config["ENGINE"]:
        # IMMEDIATE takes the write lock at BEGIN: a reader can't fail at its first write.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    if "postgresql" in config["ENGINE"]:
        config["OPTIONS"] = {**database.POSTGRESQL, **config.get("OPTIONS", {})}
        # A page doesn't fail because the server was restarted since the last one.
        config["CONN_HEALTH_CHECKS"] = True
    return config


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
    )
]

# A manuscript's whole text comes back as a field of a form, in UTF-8 perhaps half as big again.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 << 20

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "static/"
# Files are served as they are found: there is no build step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "dongtai_mail.logs.Line"},
    },
    "filters": {"masked": {"()": "dongtai_mail.logs.Masked"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["masked"],
        }
    },
    "root": {"handlers": ["stderr"], "level": ENVIRONMENT["log_level"]},
    "loggers": {
        # Ticks come and go all day; what a task did is an event of its own.
        name: {"level": "DEBUG" if ENVIRONMENT["log_level"] == "DEBUG" else "WARNING"}
        for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace")
    },
}
