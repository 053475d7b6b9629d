"""What the web server is handed: bytes that are there go whole, streams stay streams."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from pacsbrowser.answers import PromptAnswers

# A response that is closed ends its request, at which Django looks at connections that earlier tests left open.
pytestmark = pytest.mark.django_db


@pytest.fixture
def answer() -> Callable[[Any], Iterable[bytes]]:
    """What the server gets for a response."""
    return lambda response: PromptAnswers(lambda environ, start: response)({}, print)


def test_what_is_in_memory_is_a_list_and_closed(answer: Callable[[Any], Iterable[bytes]]) -> None:
    response = HttpResponse("body")
    assert answer(response) == [b"body"]
    assert response.closed


def test_a_stream_is_left_to_the_server(answer: Callable[[Any], Iterable[bytes]]) -> None:
    response = StreamingHttpResponse(iter((b"a", b"b")))
    assert answer(response) is response
    assert not response.closed
