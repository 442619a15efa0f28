import json
import os
from pathlib import Path

import numpy as np
import pytest

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.core.lease import Lease, Rule
from pbtune.errors import CheckpointMissing, MetricMissing, MetricUnstorable, NotInATrial
from pbtune.worker.config import WatchedConfig
from pbtune.worker.protocol import End, Proceed, Unfit
from pbtune.worker.session import SWALLOWED_COUNT_MAX, Unwound

AT_TWO = Rule("training_iteration", 2)
AT_TWO_WITH_CHECKPOINT = Rule("training_iteration", 2, needs_checkpoint=True)


def test_a_report_that_no_rule_lists_is_streamed(session, channel):
    session(Rule("training_iteration", 10)).report({"loss": 1.0}, None)
    assert [message.step for message in channel.streamed] == [1]
    assert channel.asked == []


def test_a_report_that_reaches_a_rule_blocks(session, channel):
    it = session(AT_TWO)
    it.report({"loss": 1.0}, None)
    it.report({"loss": 0.5}, None)
    assert [message.step for message in channel.streamed] == [1]
    assert [message.step for message in channel.asked] == [2]


def test_under_an_empty_lease_nothing_blocks_but_done(session, channel):
    it = session()
    it.report({"loss": 1.0, "done": False}, None)
    it.report({"loss": 1.0, "done": True}, None)
    assert len(channel.streamed) == 1
    assert channel.asked[0].step == 2


def test_under_a_lease_for_every_report_each_one_blocks(session, channel):
    it = session(lease=Lease(every=True))
    channel.answers = [Proceed(1, Lease(every=True))]
    it.report({"loss": 1.0}, None)
    it.report({"loss": 1.0}, None)
    assert len(channel.asked) == 2


def test_the_lease_of_a_verdict_replaces_the_old_one(session, channel):
    it = session(Rule("training_iteration", 1))
    channel.answers = [Proceed(1, Lease((Rule("training_iteration", 3),)))]
    for _ in range(3):
        it.report({"loss": 1.0}, None)
    assert [message.step for message in channel.asked] == [1, 3]
    assert [message.step for message in channel.streamed] == [2]


def test_a_rule_that_needs_a_checkpoint_lets_a_report_without_one_pass(session, channel):
    it = session(AT_TWO_WITH_CHECKPOINT)
    for _ in range(5):
        it.report({"loss": 1.0}, None)
    assert len(channel.streamed) == 5


def test_a_rule_that_needs_a_checkpoint_blocks_at_the_first_one_behind_its_bound(
    session, channel, folder
):
    it = session(AT_TWO_WITH_CHECKPOINT)
    it.report({"loss": 1.0}, Checkpoint(folder))
    it.report({"loss": 1.0}, None)
    it.report({"loss": 1.0}, Checkpoint(folder))
    assert [message.step for message in channel.streamed] == [1, 2]
    assert channel.asked[0].checkpoint.id == "t0/checkpoint_000001"


def test_a_rule_over_a_nested_key_reads_flat_and_nested_reports(session, channel):
    it = session(Rule("eval/acc", 0.9))
    channel.answers = [Proceed(1, Lease((Rule("eval/acc", 0.9),)))]
    it.report({"eval": {"acc": 0.5}}, None)
    it.report({"eval": {"acc": 0.9}}, None)
    it.report({"eval/acc": 0.95}, None)
    assert [message.step for message in channel.asked] == [2, 3]


@pytest.mark.parametrize("value", [None, "high", float("nan"), {"deep": 1}])
def test_a_value_that_cannot_be_compared_does_not_block(session, channel, value):
    session(Rule("acc", 0.5)).report({"acc": value}, None)
    assert len(channel.streamed) == 1


def test_a_rule_over_a_key_that_the_report_lacks_does_not_block(session, channel):
    session(Rule("acc", 0.5)).report({"loss": 1.0}, None)
    assert len(channel.streamed) == 1


def test_a_reported_training_iteration_counts_instead_of_ours(session, channel):
    session(AT_TWO).report({"training_iteration": 40}, None)
    assert len(channel.asked) == 1


def test_time_total_goes_on_from_the_checkpoint(session, channel):
    it = session(Rule("time_total_s", 100.0), time_total_s=100.0, step=8)
    it.report({"loss": 1.0}, None)
    assert channel.asked[0].time_total_s >= 100.0
    assert channel.asked[0].step == 9


def test_the_metrics_travel_exactly_and_encoded_once(session, channel):
    session().report({"loss": 0.1, "eval": {"n": 3}, "note": "é"}, None)
    assert json.loads(channel.streamed[0].metrics) == {"loss": 0.1, "eval": {"n": 3}, "note": "é"}


def test_a_streamed_report_carries_observed_values_only_beside_a_checkpoint(
    session, channel, folder
):
    it = session(settings={"observed": ("loss", "eval/acc", "absent")})
    metrics = {"loss": np.float32(0.5), "eval": {"acc": 1}}
    it.report(metrics, None)
    it.report(metrics, Checkpoint(folder))
    assert channel.streamed[0].observed is None
    assert channel.streamed[1].observed == {"loss": 0.5, "eval/acc": 1}


@pytest.mark.parametrize(
    ("reported", "sent"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (type("Half", (float,), {})(0.5), 0.5),
        (type("Name", (str,), {})("adam"), "adam"),
        (1 << 70, float(1 << 70)),
        ([1, 2], "[1, 2]"),
    ],
)
def test_an_observed_value_is_sent_as_plain_data(session, channel, reported, sent):
    session().report({"loss": reported, "done": True}, None)
    observed = channel.asked[0].observed["loss"]
    assert observed == sent
    assert type(observed) is type(sent)


def test_a_missing_metric_names_it_and_who_needs_it_and_what_is_there(session, channel):
    it = session(settings={"needed": (("acc", "PBT ranks by"),)})
    with pytest.raises(MetricMissing, match=r"lacks 'acc', which PBT ranks by.*: loss, n\."):
        it.report({"loss": 1.0, "n": 2}, None)
    assert channel.streamed == []


def test_a_needed_metric_may_be_nested(session, channel):
    it = session(settings={"needed": (("eval/acc", "PBT ranks by"),)})
    it.report({"eval": {"acc": 1.0}}, None)
    assert len(channel.streamed) == 1


def test_an_unstorable_metric_names_its_path_and_type_and_what_to_report(session, channel):
    with pytest.raises(MetricUnstorable, match=r"'eval/model' of type .*Path.* value.item\(\)"):
        session().report({"eval": {"model": Path("x")}}, None)
    assert channel.streamed == []


def test_metrics_that_are_no_dict_are_named(session):
    with pytest.raises(MetricUnstorable, match="takes a dict of metrics, not float"):
        session().report(0.5, None)


def test_a_key_that_is_no_text_is_named(session):
    with pytest.raises(MetricUnstorable, match="the key 3"):
        session().report({3: 1.0}, None)


def test_a_report_that_failed_does_not_count(session, channel, tmp_path):
    it = session()
    with pytest.raises(MetricUnstorable):
        it.report({"x": object()}, None)
    with pytest.raises(CheckpointMissing):
        it.report({"x": 1}, Checkpoint(tmp_path / "nowhere"))
    it.report({"x": 1}, None)
    assert [message.step for message in channel.streamed] == [1]


def test_a_checkpoint_directory_that_does_not_exist_is_named(session, tmp_path):
    with pytest.raises(CheckpointMissing, match="nowhere"):
        session().report({"loss": 1.0}, Checkpoint(tmp_path / "nowhere"))


def test_a_checkpoint_is_copied_so_that_its_files_may_change_afterwards(
    session, channel, folder, store
):
    it = session()
    it.report({"loss": 1.0}, Checkpoint(folder))
    (folder / "weights").write_text("changed")
    committed = channel.streamed[0].checkpoint
    assert (store.path_of(committed.id) / "weights").read_text() == "w"
    assert it.get_checkpoint().path == str(store.path_of(committed.id))


def test_checkpoints_are_numbered_on_from_those_of_earlier_attempts(session, channel, folder):
    session(checkpoint_number=4).report({"loss": 1.0}, Checkpoint(folder))
    assert channel.streamed[0].checkpoint.id == "t0/checkpoint_000004"


def test_a_new_attempt_goes_on_from_the_checkpoint_that_it_was_given(session, store):
    it = session(checkpoint="t3/checkpoint_000002")
    assert it.get_checkpoint().path == str(store.path_of("t3/checkpoint_000002"))
    assert session().get_checkpoint() is None


def test_a_new_checkpoint_is_moved_and_not_copied(session, channel, store):
    it = session()
    with it.new_checkpoint() as path:
        file = Path(path, "weights")
        file.write_text("w")
        inode = file.stat().st_ino
        it.report({"loss": 1.0}, Checkpoint(path))
    placed = store.path_of(channel.streamed[0].checkpoint.id) / "weights"
    assert placed.stat().st_ino == inode
    assert not Path(path).exists()


def test_a_new_checkpoint_may_be_reported_after_its_block(session, channel):
    it = session()
    with it.new_checkpoint() as path:
        Path(path, "weights").write_text("w")
    it.report({"loss": 1.0}, Checkpoint.from_directory(path))
    assert channel.streamed[0].checkpoint.file_count == 1


def test_a_new_checkpoint_whose_block_raises_is_removed(session):
    it = session()
    with pytest.raises(KeyError), it.new_checkpoint() as path:
        raise KeyError
    assert not Path(path).exists()


def test_a_new_checkpoint_that_is_never_reported_ends_with_its_attempt(session):
    it = session()
    with it.new_checkpoint() as path:
        Path(path, "weights").write_text("w")
    it.close()
    assert not Path(path).exists()


def test_a_reported_new_checkpoint_survives_the_interrupt_that_follows(session, channel, store):
    it = session(Rule("training_iteration", 1))
    channel.answers = [End(1)]
    with pytest.raises(Unwound), it.new_checkpoint() as path:
        it.report({"loss": 1.0}, Checkpoint(path))
    it.close()
    assert store.path_of(channel.asked[0].checkpoint.id).is_dir()


def test_a_checkpoint_is_due_when_the_next_report_reaches_a_rule(session, channel):
    it = session(Rule("training_iteration", 3, needs_checkpoint=True))
    due = []
    for _ in range(4):
        due.append(it.checkpoint_due())
        it.report({"loss": 1.0}, None)
    assert due == [False, False, True, True]


def test_a_checkpoint_is_due_when_a_stop_rule_is_about_to_end_the_trial(session):
    assert session(Rule("training_iteration", 9, is_stop=True), step=8).checkpoint_due()
    assert not session(Rule("training_iteration", 9, is_stop=True), step=7).checkpoint_due()


def test_a_checkpoint_is_due_by_a_key_of_the_user_s_own_when_it_can_be_foreseen(session):
    it = session(Rule("epoch", 8, needs_checkpoint=True), Rule("epoch", 16))
    due = []
    for epoch in (2, 4, 6, 8):
        due.append(it.checkpoint_due())
        it.report({"epoch": epoch}, None)
    assert due == [False, False, False, True]


def test_a_trial_that_goes_on_foresees_no_jump_from_zero(session):
    it = session(Rule("epoch", 60), step=50)
    it.report({"epoch": 51}, None)
    assert not it.checkpoint_due()


def test_without_rules_no_checkpoint_is_due(session):
    it = session()
    it.report({"loss": 1.0}, None)
    assert not it.checkpoint_due()


@pytest.mark.parametrize("order", ["end", "begin"])
def test_a_verdict_to_leave_raises_a_system_exit(session, channel, make_begin, order):
    it = session(Rule("training_iteration", 1))
    channel.answers = [End(1) if order == "end" else make_begin(attempt=2)]
    with pytest.raises(SystemExit):
        it.report({"loss": 1.0}, None)
    assert it.next_order is not None


def test_a_revoked_lease_interrupts_at_the_next_streamed_report(session, channel):
    it = session()
    channel.unasked = [End(1)]
    with pytest.raises(Unwound):
        it.report({"loss": 1.0}, None)
    assert len(channel.streamed) == 1


def test_a_swallowed_interrupt_is_raised_again_and_sends_nothing_more(session, channel):
    it = session(Rule("training_iteration", 1))
    channel.answers = [End(1)]
    for _ in range(3):
        with pytest.raises(Unwound):
            it.report({"loss": 1.0}, None)
    assert len(channel.asked) == 1
    assert channel.streamed == []


def test_a_function_that_goes_on_swallowing_is_told_of_once(session, channel):
    it = session(Rule("training_iteration", 1))
    channel.answers = [End(1)]
    for _ in range(SWALLOWED_COUNT_MAX + 5):
        with pytest.raises(Unwound):
            it.report({"loss": 1.0}, None)
    assert len(channel.told) == 1
    assert isinstance(channel.told[0], Unfit)
    assert "swallows SystemExit" in channel.told[0].reason


def test_a_report_in_a_forked_child_raises(session, channel):
    it = session()
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            it.report({"loss": 1.0}, None)
        except NotInATrial as error:
            os.write(write_fd, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd) as pipe:
        assert "forked; only the function's own process can report" in pipe.read()
    os.waitpid(pid, 0)
    assert channel.streamed == []


def test_a_copy_that_reads_nothing_is_noticed_once(session, channel):
    config = WatchedConfig({"lr": 1, "decoy": 2, "n": 3}, ["lr", "decoy"])
    it = session(Rule("training_iteration", 1), config=config, is_copy=True)
    channel.answers = [Proceed(1, Lease(every=True))]
    assert config["lr"] == 1
    it.report({"loss": 1.0}, None)
    it.report({"loss": 1.0}, None)
    assert channel.asked[0].notices == (
        ("unread-hyperparameter", "decoy"),
        ("checkpoint-ignored", "t0"),
    )
    assert channel.asked[1].notices == ()


def test_a_copy_that_loads_its_checkpoint_gives_no_notice(session, channel):
    it = session(Rule("training_iteration", 1), is_copy=True, checkpoint="t1/checkpoint_000000")
    it.get_checkpoint()
    it.report({"loss": 1.0}, None)
    assert channel.asked[0].notices == ()


def test_a_first_attempt_is_not_asked_what_it_read(session, channel):
    config = WatchedConfig({"lr": 1}, ["lr"])
    session(Rule("training_iteration", 1), config=config).report({"loss": 1.0}, None)
    assert channel.asked[0].notices == ()


@pytest.mark.parametrize(
    ("rule", "metrics", "awaits"),
    [
        (Rule("training_iteration", 1, needs_checkpoint=True), {}, (True, True)),
        (Rule("training_iteration", 2), {}, (False, False)),
        (Rule("training_iteration", 5), {"training_iteration": 5}, (True, True)),
        (Rule("steps", 100), {"steps": 100}, (True, True)),
        (Rule("eval/steps", 100), {"eval": {"steps": 99}}, (False, False)),
        (Rule("loss", 1), {"loss": float("nan")}, (False, False)),
        (Rule("time_total_s", 1e9), {}, (False, False)),
        (Rule("training_iteration", 1, is_stop=True), {}, (True, False)),
        (Rule("training_iteration", 9), {"done": True}, (True, False)),
    ],
)
def test_a_checkpoint_is_awaited_by_a_report_that_reaches_a_rule(session, rule, metrics, awaits):
    made = session(rule)
    assert made.awaits_checkpoint(metrics, at_end=True) is awaits[0]
    assert made.awaits_checkpoint(metrics, at_end=False) is awaits[1]
