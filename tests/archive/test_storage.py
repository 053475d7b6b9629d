"""Names in the store, when several processes bring the same bytes at the same moment, and when linking fails."""

from pathlib import Path

import pytest

from pacsbrowser.archive import storage

PLACE = "aa/bb/cc/dd.dcm"


def incoming(data: bytes = b"the same bytes") -> str:
    """Write a file as `stage` does."""
    path = storage.incoming().new_path()
    Path(path).write_bytes(data)
    return path


def final() -> Path:
    return storage.store_folder() / PLACE


def inode(path: str | Path) -> int:
    return Path(path).stat().st_ino


def test_of_two_with_the_same_bytes_the_first_has_the_name_and_both_last() -> None:
    first, second = (storage.link_into_store(incoming(), PLACE) for _ in range(2))
    assert inode(final()) == inode(first) != inode(second)
    assert {number for _, number in storage.sync_content(second, PLACE)} == {inode(first), inode(second)}
    assert {number for _, number in storage.sync_content(first, PLACE)} == {inode(first)}


def test_a_name_that_its_owner_takes_away_is_given_to_the_one_who_needs_it() -> None:
    """The owner found its object superfluous, or failed: before the other has looked, or after."""
    storage.link_into_store(incoming(), PLACE)
    second = storage.link_into_store(incoming(), PLACE)
    final().unlink()
    durable = storage.sync_content(second, PLACE)
    assert {number for _, number in durable} == {inode(second)}
    storage.ensure_linked(second, PLACE, durable)
    assert inode(final()) == inode(second)


def test_a_name_that_a_third_one_has_by_now_is_left_to_it() -> None:
    storage.link_into_store(incoming(), PLACE)
    second = storage.link_into_store(incoming(), PLACE)
    durable = storage.sync_content(second, PLACE)
    final().unlink()
    third = storage.link_into_store(incoming(), PLACE)
    storage.ensure_linked(second, PLACE, durable)
    assert inode(final()) == inode(third)


def test_a_file_that_cannot_be_linked_keeps_the_name_under_which_it_is_given_up() -> None:
    source = incoming()
    storage.store_folder().mkdir(parents=True)
    (storage.store_folder() / "aa").write_bytes(b"no folder")
    with pytest.raises(NotADirectoryError):
        storage.link_into_store(source, PLACE)
    assert Path(source).exists()
