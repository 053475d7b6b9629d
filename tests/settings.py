"""The product's settings on a data folder of this test process, with hashing that does not take its time."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="pacsbrowser-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("PACSBROWSER_")] + ["DATABASE_URL"]:
    os.environ.pop(_name, None)
os.environ["PACSBROWSER_DATA"] = _folder
# Playwright keeps an event loop running in the thread of the test; the database is not used from inside it
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

from pacsbrowser.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
# A real file, not a database in memory: with its lock files, and one for each test process
DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}  # noqa: F405
