"""Secrets are read by the installation that sealed them, and by nobody else."""

from typing import Any

import pytest

from pacsbrowser.exchange.sealing import Unreadable, seal, unseal


@pytest.mark.parametrize("text", ["", "x", "correct horse battery", "пароль " * 200])
def test_what_was_sealed_comes_back(text: str) -> None:
    sealed = seal(text)
    assert unseal(sealed) == text
    assert not text or seal(text) != sealed
    # one letter is in the sealed text by chance
    assert len(text) < 5 or text not in sealed


def test_another_key_or_a_changed_letter_is_noticed(settings: Any) -> None:
    sealed = seal("secret")
    place = len(sealed) // 2
    changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
    for bad in (changed, "!", "AAAA", "пароль", sealed[:40], "\x00"):
        with pytest.raises(Unreadable):
            unseal(bad)
    settings.SECRET_KEY = "another"
    with pytest.raises(Unreadable, match="another signing key"):
        unseal(sealed)
