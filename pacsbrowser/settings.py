"""All settings, driven by environment variables; the defaults are safe and serve this machine only.

PACSBROWSER_DATA        the one folder where everything is written (default: var/ beside manage.py)
PACSBROWSER_HOSTS       names and addresses under which the site is reached, separated by commas
PACSBROWSER_HTTPS       1: the site is reached over TLS only (secure cookies, HSTS, redirect)
PACSBROWSER_TLS_HEADER  the header by which a trusted proxy says that the browser used TLS, e.g. X-Forwarded-Proto
PACSBROWSER_PROXIES     addresses of trusted proxies; only they may name the client's address (X-Forwarded-For)
PACSBROWSER_CORS        origins (https://viewer.example) whose pages may use DICOMweb with a token (default: none)
PACSBROWSER_CACHE_GB    how large the kept pictures of frames may grow, in gigabytes (default 2)
PACSBROWSER_DECODERS    processes that decode pixels, for each web process (default 2)
PACSBROWSER_JOBS        jobs that a worker process does at a time (default 3)
PACSBROWSER_ZIP_GB      what an uploaded zip may unpack to at most, in gigabytes (default 64)
PACSBROWSER_IDLE        minutes without a click after which a session ends (default 30)
PACSBROWSER_SESSION_HOURS  hours after which a session ends in any case (default 12)
PACSBROWSER_AE_TITLE    the AE title of this archive (default PACSBROWSER)
PACSBROWSER_DIMSE_*     who may call by DIMSE, TLS, and limits: see below, "the door for DIMSE"
PACSBROWSER_NODE_NETWORKS  networks whose addresses nodes may have although they are loopback or link-local
PACSBROWSER_SECRET_KEY  the signing key, where it is not to be kept in the data folder
PACSBROWSER_DEBUG       1: Django's debug pages; refused on any address but this machine's own
DATABASE_URL            sqlite:///path (default: in the data folder)
"""

import ipaddress
import os
import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from pacsbrowser.static_names import add_headers, never_changes

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def _words(name: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ImproperlyConfigured(f"{name} must be a whole number above zero, not {text!r}.")
    return int(text)


def _networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(word, strict=False) for word in _words(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from None


def _secret_key(folder: Path) -> str:
    """The signing key: made once, readable by its owner only, the same for every process of this data folder."""
    if key := os.environ.get("PACSBROWSER_SECRET_KEY", ""):
        return key
    path = folder / "secret_key"
    if not path.exists():
        fresh = folder / f"secret_key.{secrets.token_hex(8)}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            os.fsync(file.fileno())
        try:
            # link, not rename: of two processes that start at once, the first key stays
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text()


def _database_file(folder: Path) -> Path:
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return folder / "index.sqlite3"
    if not url.startswith("sqlite:///"):
        scheme = url.split(":", 1)[0]
        raise ImproperlyConfigured(
            f"DATABASE_URL names a database of the kind {scheme!r}; only sqlite:///path is supported."
        )
    return Path(unquote(url.removeprefix("sqlite:///"))).absolute()


# ------------------------------------------------------------------ where things are

# What is written is patient data, also where the data folder was made by somebody else and may be entered by others.
os.umask(0o077)
PACSBROWSER_DATA = Path(os.environ.get("PACSBROWSER_DATA") or BASE_DIR / "var").absolute()
try:
    PACSBROWSER_DATA.mkdir(mode=0o700, parents=True, exist_ok=True)
    SECRET_KEY = _secret_key(PACSBROWSER_DATA)
except OSError as error:
    raise ImproperlyConfigured(
        f"The data folder {PACSBROWSER_DATA} cannot be used: {error.strerror}. "
        "Name another one with PACSBROWSER_DATA, or give this user the right to write there."
    ) from error

DEBUG = _flag("PACSBROWSER_DEBUG")
HTTPS = _flag("PACSBROWSER_HTTPS")
PACSBROWSER_HOSTS = _words("PACSBROWSER_HOSTS")
ALLOWED_HOSTS = [*PACSBROWSER_HOSTS, "localhost", "127.0.0.1", "[::1]"]
TRUSTED_PROXIES = frozenset(_words("PACSBROWSER_PROXIES"))

# ------------------------------------------------------------------ what it is made of

INSTALLED_APPS = [
    "pacsbrowser",
    "pacsbrowser.access",
    "pacsbrowser.audit",
    "pacsbrowser.jobs",
    "pacsbrowser.archive",
    "pacsbrowser.exchange",
    "pacsbrowser.pages",
    "pacsbrowser.dicomweb",
    "pacsbrowser.dimse",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "pacsbrowser.pages.requests.RequestNumberMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "pacsbrowser.dicomweb.programs.ProgramsMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "pacsbrowser.access.middleware.IdleTimeoutMiddleware",
    "pacsbrowser.access.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pacsbrowser.pages.requests.NoStoreMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "pacsbrowser.urls"
WSGI_APPLICATION = "pacsbrowser.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pacsbrowser.pages.render.house",
            ],
        },
    }
]

# ------------------------------------------------------------------ the database

# Durable before success: WAL with synchronous=FULL makes a commit wait for the disk. Every write transaction is
# IMMEDIATE and takes the lock file of pacsbrowser.sqlite first, so that SQLite's own busy wait is the last resort.
# The file is read, not mapped: with two connections that take turns and write, a mapping cost 430 page faults a search.
DATABASES = {
    "default": {
        "ENGINE": "pacsbrowser.sqlite",
        "NAME": _database_file(PACSBROWSER_DATA),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
                "PRAGMA cache_size=-20000; PRAGMA journal_size_limit=67108864"
            ),
        },
    }
}

# ------------------------------------------------------------------ who may come in

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

# Lock-out by user *and* address: nobody can lock a colleague out from elsewhere. An unknown user gets the same answer.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "pacsbrowser.pages.account.locked_out"
AXES_CLIENT_IP_CALLABLE = "pacsbrowser.audit.record.address_of"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
# axes keeps what was sent with a failed try
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "password", "old_password", "new_password1", "new_password2"]

SESSION_IDLE = timedelta(minutes=_number("PACSBROWSER_IDLE", 30))
SESSION_LIFETIME = timedelta(hours=_number("PACSBROWSER_SESSION_HOURS", 12))
SESSION_COOKIE_AGE = int(SESSION_IDLE.total_seconds()) + 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "pacsbrowser.pages.problems.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# ------------------------------------------------------------------ what browsers are told

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in PACSBROWSER_HOSTS] if HTTPS else []
if _header := os.environ.get("PACSBROWSER_TLS_HEADER", ""):
    SECURE_PROXY_SSL_HEADER = ("HTTP_" + _header.upper().replace("-", "_"), "https")
# The host's other names are not ours to force onto TLS (W005), nor to list for preloading (W021).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# Sites other than this one whose scripts may use DICOMweb; they need a token, cookies are never taken from elsewhere.
DICOMWEB_CORS_ORIGINS = frozenset(_words("PACSBROWSER_CORS"))

# ------------------------------------------------------------------ the door for DIMSE

DIMSE_AE_TITLE = os.environ.get("PACSBROWSER_AE_TITLE", "").strip() or "PACSBROWSER"
if len(DIMSE_AE_TITLE) > 16 or not DIMSE_AE_TITLE.isascii() or not DIMSE_AE_TITLE.isprintable():
    raise ImproperlyConfigured("PACSBROWSER_AE_TITLE must have 1 to 16 characters of ASCII.")
# Calls to another AE title than ours are refused.
DIMSE_CHECK_CALLED = _flag("PACSBROWSER_DIMSE_CHECK_CALLED")
# What callers may do that are no nodes: store, find, get, move; with none they are not even answered.
DIMSE_STRANGERS = frozenset(_words("PACSBROWSER_DIMSE_STRANGERS") or ["store"]) - {"none"}
if not {"store", "find", "get", "move"} >= DIMSE_STRANGERS:
    raise ImproperlyConfigured("PACSBROWSER_DIMSE_STRANGERS takes store, find, get, move, or none.")
# Objects of private and unknown SOP classes and transfer syntaxes are taken as well.
DIMSE_TAKES_PRIVATE = os.environ.get("PACSBROWSER_DIMSE_PRIVATE", "1") != "0"
DIMSE_MOST_ASSOCIATIONS = _number("PACSBROWSER_DIMSE_ASSOCIATIONS", 200)
# Bytes of the longest unit that callers may send; a short one makes them slow.
DIMSE_MOST_UNIT = max(4096, _number("PACSBROWSER_DIMSE_PDU", 131_072))
# Seconds without a message after which an association is ended.
DIMSE_IDLE = _number("PACSBROWSER_DIMSE_IDLE", 600)
# PEM files: our certificate and its key make the port speak TLS; with authorities, callers need a certificate of them.
# Whoever is called, by DIMSE or DICOMweb, may have one of these or of the machine's authorities.
DIMSE_TLS_CERT = os.environ.get("PACSBROWSER_DIMSE_TLS_CERT", "")
DIMSE_TLS_KEY = os.environ.get("PACSBROWSER_DIMSE_TLS_KEY", "")
DIMSE_TLS_CA = os.environ.get("PACSBROWSER_DIMSE_TLS_CA", "")
NODE_NETWORKS = _networks("PACSBROWSER_NODE_NETWORKS")

# ------------------------------------------------------------------ files

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = PACSBROWSER_DATA / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "pacsbrowser.static_files.ModuleStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_IMMUTABLE_FILE_TEST = never_changes
WHITENOISE_ADD_HEADERS_FUNCTION = add_headers

# The form without JavaScript sends up to 500 files; everything larger comes as a stream that never is in memory.
DATA_UPLOAD_MAX_NUMBER_FILES = 500
# Only the upload page's own view sets a handler that takes files; every other form refuses them.
FILE_UPLOAD_HANDLERS = ["pacsbrowser.pages.upload_form.RefusingHandler"]
# What a zip may unpack to, in bytes that really come out.
ZIP_MAX_BYTES = _number("PACSBROWSER_ZIP_GB", 64) * 10**9
# Pictures that were made once are kept, the least recently used go first.
PICTURE_CACHE_BYTES = _number("PACSBROWSER_CACHE_GB", 2) * 10**9
JOBS_AT_ONCE = _number("PACSBROWSER_JOBS", 3)
DECODERS = _number("PACSBROWSER_DECODERS", 2)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
FILE_UPLOAD_TEMP_DIR = PACSBROWSER_DATA / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o700, exist_ok=True)

# ------------------------------------------------------------------ words and time

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = os.environ.get("TZ") or "UTC"
DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i:s"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "pacsbrowser.log.DiscreetFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Failed logins are audit events; axes would print what was typed as a user name, which may be a password.
        "axes": {"level": "ERROR"},
    },
}
