import copy
import pickle

import pytest

from pbtune.worker.config import WatchedConfig


def given(**values: object) -> dict[str, object]:
    return values


@pytest.fixture
def config() -> WatchedConfig:
    return WatchedConfig({"lr": 0.1, "decay": 0.2, "layers": 3}, ["lr", "decay", "absent"])


def test_it_knows_the_watched_keys_that_nobody_has_read(config):
    assert config.unread == {"lr", "decay"}


@pytest.mark.parametrize(
    "read",
    [
        lambda config: config["lr"],
        lambda config: config.get("lr"),
        lambda config: config.pop("lr"),
        lambda config: config.setdefault("lr", 1),
    ],
)
def test_reading_a_key_counts_for_that_key(config, read):
    assert read(config) == 0.1
    assert config.unread == {"decay"}


@pytest.mark.parametrize(
    "read",
    [
        dict,
        lambda config: dict(config.items()),
        lambda config: {**config},
        lambda config: given(**config),
        lambda config: config.copy(),
        lambda config: config | {},
        lambda config: {} | config,
        copy.copy,
        copy.deepcopy,
        lambda config: pickle.loads(pickle.dumps(config)),
    ],
)
def test_reading_the_whole_counts_for_every_key(config, read):
    assert read(config) == {"lr": 0.1, "decay": 0.2, "layers": 3}
    assert config.unread == set()


def test_its_values_as_a_whole_count_for_every_key(config):
    assert list(config.values()) == [0.1, 0.2, 3]
    assert config.unread == set()


@pytest.mark.parametrize("look", [len, list, lambda config: "lr" in config])
def test_looking_only_at_the_keys_reads_nothing(config, look):
    assert look(config)
    assert config.unread == {"lr", "decay"}


def test_it_travels_as_a_plain_dict(config):
    assert type(pickle.loads(pickle.dumps(config))) is dict
    assert type(copy.deepcopy(config)) is dict


def test_it_is_a_dict_for_whoever_checks(config):
    assert isinstance(config, dict)
    assert config == {"lr": 0.1, "decay": 0.2, "layers": 3}


def test_a_key_that_is_missing_raises_as_in_a_dict(config):
    with pytest.raises(KeyError):
        config["momentum"]
    assert config.get("momentum", 5) == 5
    assert config.pop("momentum", 6) == 6
