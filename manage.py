#!/usr/bin/env python
"""The command line of the PACS browser; `python manage.py start` runs all of it."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pacsbrowser.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:  # a wrong setting is the reader's to mend: a sentence, not a traceback
        sys.exit(f"{problem}")
