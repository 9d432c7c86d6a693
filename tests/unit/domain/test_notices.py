from mlpipeline.domain.notices import Notice, Notices, Standing, cause_of_hold

DONE, HELD, FAILED = Notice.DONE, Notice.HELD, Notice.FAILED


def standing(ended=0, failed=0, urgent=(), held=(), rests=False):
    return Standing(
        ended_count=ended,
        failed_count=failed,
        urgent=frozenset(urgent),
        held=frozenset({*held, *urgent}),
        is_at_rest=rests,
    )


def told(*standings):
    notices = Notices()
    return [notices.due(now) for now in standings]


def test_a_launch_is_done_once_when_it_has_worked():
    assert told(standing(), standing(ended=1), standing(ended=2, rests=True), standing(ended=2, rests=True)) == [
        [],
        [],
        [DONE],
        [],
    ]


def test_a_launch_that_had_nothing_to_do_tells_nothing():
    assert told(standing(rests=True), standing(held=["net"], rests=True)) == [[], []]


def test_only_the_first_failure_is_told():
    assert told(standing(ended=1, failed=1), standing(ended=2, failed=2)) == [[FAILED], []]


def test_a_queue_that_stands_because_of_what_is_held_is_held_and_not_done():
    assert told(standing(ended=1), standing(ended=1, held=["net"], rests=True)) == [[], [HELD]]


def test_what_is_held_while_others_go_on_is_told_later():
    assert told(standing(ended=1, held=["net"]), standing(ended=2, held=["net"], rests=True)) == [[], [HELD]]


def test_a_script_held_for_its_failures_is_told_at_once_and_once():
    stuck = standing(ended=3, failed=3, urgent=["net"])
    assert told(stuck, stuck, standing(ended=4, failed=3, urgent=["net", "cnn"])) == [[FAILED, HELD], [], [HELD]]


def test_what_was_told_to_be_held_leaves_a_queue_that_is_done():
    assert told(standing(ended=3, urgent=["net"]), standing(ended=9, urgent=["net"], rests=True)) == [[HELD], [DONE]]


def test_a_hold_that_brings_the_queue_to_rest_is_one_notice():
    assert told(standing(ended=3, urgent=["net"], rests=True)) == [[HELD]]


def test_a_daemon_that_stays_tells_anew_what_happens_after_a_rest():
    first = standing(ended=1, failed=1, urgent=["net"], rests=True)
    mended = standing(ended=2, failed=1, rests=True)
    again = standing(ended=3, failed=2, urgent=["net"])
    assert told(first, mended, again) == [[FAILED, HELD], [DONE], [FAILED, HELD]]


def test_versions_of_a_script_are_held_for_one_cause():
    assert {cause_of_hold(what) for what in ("cnn/net:small", "cnn/net:large", "cnn/net.py")} == {"cnn/net"}
