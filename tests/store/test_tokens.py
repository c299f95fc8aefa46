import stat
import threading

from fishermask_backend.state import KEY_FILE
from fishermask_backend.store.tokens import TokenBox, fingerprint


def test_only_the_same_secret_opens(tmp_path):
    sealed = TokenBox("secret", tmp_path).seal("0123")
    assert "0123" not in sealed
    assert TokenBox("secret", tmp_path).open(sealed) == "0123"
    assert TokenBox("another", tmp_path).open(sealed) is None
    assert TokenBox("secret", tmp_path).open(None) is None
    assert not (tmp_path / KEY_FILE).exists()


def test_key_file_is_private_and_kept(tmp_path):
    folder = tmp_path / "made"
    sealed = TokenBox("", folder).seal("0123")
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert TokenBox("", folder).open(sealed) == "0123"
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_processes_that_start_together_share_one_key(tmp_path):
    boxes = []
    start = threading.Barrier(8)

    def make():
        start.wait()
        boxes.append(TokenBox("", tmp_path))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = boxes[0].seal("0123")
    assert [box.open(sealed) for box in boxes] == ["0123"] * 8


def test_a_fingerprint_is_of_one_state_and_one_label_studio(configured, tmp_path):
    found = [
        fingerprint(configured(**environment))
        for environment in (
            {"MODEL_DIR": str(tmp_path / "one")},
            {"MODEL_DIR": str(tmp_path / "two")},
            {"SECRET_KEY": "secret"},
            {"MODEL_DIR": str(tmp_path / "one")},
            {"DATABASE_URL": "sqlite:///one.db"},
            {"LABEL_STUDIO_URL": "http://labels.example"},
        )
    ]
    assert len(set(found)) == 6
    assert fingerprint(configured(MODEL_DIR=str(tmp_path / "two"))) == found[-1]  # of its database
    (tmp_path / "file").touch()
    assert fingerprint(configured(SECRET_KEY="", MODEL_DIR=str(tmp_path / "file"))) == ""
