"""What the log says: one line for what was refused, the place of what went wrong, and no patient data."""

import logging

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from pacsbrowser.log import DiscreetFormatter
from tests.pages.browsing import client_of


@pytest.mark.django_db
def test_what_was_refused_takes_one_line(caplog: pytest.LogCaptureFixture) -> None:
    refused: Client = client_of("viewer")
    with caplog.at_level(logging.INFO):
        assert refused.get(reverse("user_list"), {"who": "Doe"}).status_code == 403
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    text = DiscreetFormatter().format(record)
    assert "Forbidden" in text and "Doe" not in text
    assert len(text.splitlines()) == 1


def test_what_went_wrong_says_where_but_not_with_which_values() -> None:
    try:
        raise ValueError("Doe^Jane")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Internal Server Error: /", None, trace)
    record.status_code, record.request = 500, RequestFactory().get("/")
    text = DiscreetFormatter().format(record)
    assert "test_log.py" in text and text.endswith("ValueError") and "Doe" not in text
