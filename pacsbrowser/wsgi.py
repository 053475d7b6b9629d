"""The web application as a WSGI callable, for any WSGI server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from pacsbrowser.management.lifeline import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pacsbrowser.settings")

if os.environ.get("PACSBROWSER_SUPERVISED"):
    die_with_parent()

django = get_wsgi_application()

# the tables have to be known before
from pacsbrowser.answers import PromptAnswers  # noqa: E402
from pacsbrowser.archive.derived.warming import warm_decoders  # noqa: E402
from pacsbrowser.pages.form_bodies import TimedForms  # noqa: E402
from pacsbrowser.sqlite.base import keep_connections  # noqa: E402

keep_connections(4)
application = PromptAnswers(TimedForms(django))

# what is loaded by now stays for good: no collection has to look at it again
gc.collect()
gc.freeze()

if os.environ.get("PACSBROWSER_SUPERVISED"):
    # the first requests go first
    warm_decoders(seconds=3)
