"""What the processes of a run share is made by one of them."""

import pytest

from tests.support.once import Once


def test_the_second_who_asks_is_given_what_the_first_made(tmp_path):
    def make(folder):
        (folder / "sky.txt").write_text("stars")
        return {"sky": folder / "sky.txt"}

    made = Once(tmp_path)("sky", make)
    found = Once(tmp_path)("sky", lambda folder: pytest.fail("made twice"))
    assert found == made
    assert found["sky"].read_text() == "stars"


def test_what_failed_half_way_is_made_from_nothing(tmp_path):
    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("the disk was full")

    with pytest.raises(RuntimeError, match="disk"):
        Once(tmp_path)("sky", fail)
    assert Once(tmp_path)("sky", lambda folder: list(folder.iterdir())) == []
