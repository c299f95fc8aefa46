"""`fishermask report`: the page as one file."""

import pytest

from fishermask_backend.commands.report import NoReport, report
from fishermask_backend.web.page.facts import thumbnails_of
from tests.web.test_review_status import to_review


def test_the_page_is_one_file(served, settings, tmp_path):
    thumbnails_of(settings, served.id).put({0: b"of task 1"})
    path = tmp_path / "report.html"
    path.write_text("a former one")
    report(settings, 7, path)
    text = path.read_text()
    assert "<h1>Animals" in text
    assert text.count("data:image/jpeg;base64,") == 1
    assert "http://127.0.0.1" not in text
    assert [*tmp_path.glob("*.html*")] == [path]


def test_pictures_of_labels_to_review_are_in_it(store, served, work, settings, tmp_path):
    to_review(work, store)
    thumbnails_of(settings, served.id).put({3: b"of task 4"})
    report(settings, 7, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().count("data:image/jpeg;base64,") == 1


def test_what_cannot_be_written_is_a_sentence(served, settings, tmp_path):
    with pytest.raises(NoReport, match="Project 8 is not connected"):
        report(settings, 8, tmp_path / "report.html")
    with pytest.raises(NoReport, match=r"could not be written .* name another --output"):
        report(settings, 7, tmp_path / "nowhere" / "report.html")
