import re
import tomllib

import pytest

from mlpipeline.project.legacy import legacy_advice, toml_replacements

QUEUE = """\
#this config file will be loaded before every model version is executed
[MLP]
use_blacklist=False

[BLACKLISTED_MODELS]

[WHITELISTED_MODELS]
sample_model.py
cnn\\net.py
; old.py
Sample "two".py # later
sample_model.py
"""


def pasted(folder):
    """What each file holds for a user who pastes the blocks of the advice."""
    blocks = re.split(r"^# ---- (.+) ----$", legacy_advice(folder), flags=re.MULTILINE)[1:]
    texts = dict(zip(blocks[::2], blocks[1::2], strict=True))
    return {name: tomllib.loads(text.split("\n\nHistories")[0]) for name, text in texts.items()}


def test_each_file_of_v1_becomes_toml_to_paste(tmp_path):
    (tmp_path / "mlp.config").write_text("#used when launched\n[MLP]\nmodels_dir=my models")
    (tmp_path / "models.config").write_text(QUEUE)
    (tmp_path / "models_test.config").write_text("[MLP]\nuse_blacklist: YES\n[BLACKLISTED_MODELS]\nold.py\n")
    assert pasted(tmp_path) == {
        "mlp.toml": {"models_dir": "my models"},
        "models.toml": {
            "use_blacklist": False,
            "whitelisted_models": ["sample_model.py", "cnn/net.py", 'Sample "two".py'],
            "blacklisted_models": [],
        },
        "models_test.toml": {
            "use_blacklist": True,
            "whitelisted_models": [],
            "blacklisted_models": ["old.py"],
        },
    }


def test_the_advice_says_what_is_not_read(tmp_path):
    (tmp_path / "mlp.config").touch()
    advice = legacy_advice(tmp_path)
    assert str(tmp_path) in advice
    assert "Histories and model dirs of mlpipeline 1 are not read" in advice


def test_what_v1_took_for_granted_is_written_out(tmp_path):
    (tmp_path / "mlp.config").write_text("[MLP]\n")
    (tmp_path / "models.config").write_text("[WHITELISTED_MODELS]\na.py\n")
    held = pasted(tmp_path)
    assert held["mlp.toml"] == {"models_dir": "models"}
    assert held["models.toml"]["use_blacklist"] is True


def test_only_files_without_a_successor_are_told_of(tmp_path):
    for name in ("mlp.config", "models.config", "models_test.config"):
        (tmp_path / name).write_text(QUEUE)
    (tmp_path / "mlp.toml").touch()
    (tmp_path / "models.toml").touch()
    assert list(toml_replacements(tmp_path)) == ["models_test.toml"]
    (tmp_path / "models_test.toml").touch()
    assert legacy_advice(tmp_path) is None


def test_no_leftover_no_advice(tmp_path):
    assert legacy_advice(tmp_path) is None
    assert legacy_advice(tmp_path / "gone") is None


def test_a_models_config_of_another_program_is_none_of_ours(tmp_path):
    (tmp_path / "models.config").write_text('model_config_list { config { name: "net" } }\n[other]\n')
    assert legacy_advice(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "models_dir"),
    [
        (b"\xef\xbb\xbf[MLP]\r\nmodels_dir = m\r\n", "m"),
        (b"[mlp]\nMODELS_DIR: caf\xe9\n", "café"),
        (b"[Paths]\nmodels_dir=m\n", "m"),
        (b"models_dir=m", "m"),
        (b'[MLP]\nmodels_dir=C:\\m "x"\x7f', 'C:\\m "x"\x7f'),
        (b"\x00\xff[[[", "models"),
        (b"[MLP\nmodels_dir", "models"),
    ],
)
def test_any_mlp_config_becomes_valid_toml(tmp_path, content, models_dir):
    (tmp_path / "mlp.config").write_bytes(content)
    assert pasted(tmp_path) == {"mlp.toml": {"models_dir": models_dir}}


def test_a_folder_named_like_a_file_of_v1_is_none(tmp_path):
    (tmp_path / "mlp.config").mkdir()
    assert legacy_advice(tmp_path) is None
