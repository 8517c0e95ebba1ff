import itertools

from cases import CASES
from make_records import make_records, with_predictions

from nas.report.gates import gates
from nas.store.record import Record


def test_what_learning_curves_ended_has_a_step_of_its_own():
    ended = {"chance": 0.01, "correlation": 0.9, "curves": 12}
    records = [
        Record(0, "pruned", reason="no hope", foretold=ended, curve=({"epoch": 2},)),
        Record(1, "pruned", curve=({"epoch": 2},)),
        Record(2, "complete"),
    ]
    assert [(s.name, s.lost) for s in gates(records) if s.lost] == [("learning curve", 1), ("rung at epoch 2", 1)]


def test_gates_stand_in_their_order_and_lose_what_the_records_say():
    records = make_records(0, 60, 300)
    candidates = [r for r in records if r.role == "candidate"]
    steps = gates(records)
    assert [s.name for s in steps] == [
        "structure", "duplicate", "cost", "latency", "failed", "rung at epoch 2", "rung at epoch 4", "budget",
    ]  # fmt: skip
    assert steps[0].came == len(candidates) == 360
    for step in steps[:4]:
        assert step.lost == sum(r.gate == step.name for r in candidates)
    assert steps[3].went_on == 60
    assert steps[-1].went_on == sum(r.feasible for r in candidates)
    assert all(a.went_on == b.came for a, b in itertools.pairwise(steps))


def test_the_predictor_s_gate_stands_before_the_measured_latency():
    steps = gates(with_predictions(make_records(0, 60, 300)))
    assert [s.name for s in steps[:5]] == ["structure", "duplicate", "cost", "predicted", "latency"]
    assert steps[3].lost == 9
    assert steps[3].reasons[0][0].startswith("latency_ms <= 1.5: predicted 3 ms")


def test_the_commonest_reasons_are_kept():
    records = [Record(i, "infeasible", gate="cost", reason="macs" if i % 3 else "params") for i in range(9)]
    cost = next(step for step in gates(records) if step.name == "cost")
    assert cost.reasons == (("macs", 6), ("params", 3))


def test_unknown_gates_running_and_pruned_without_a_curve_have_steps_too():
    records = [
        Record(0, "infeasible", gate="elsewhere"),
        Record(1, "running"),
        Record(2, "pruned"),
        Record(3, "duplicate"),
        Record(4, "complete"),
    ]
    lost = {step.name: step.lost for step in gates(records) if step.lost}
    assert lost == {"duplicate": 1, "elsewhere": 1, "still running": 1, "stopped early": 1}
    assert gates(records)[-1].went_on == 1


def test_no_candidate_is_lost_from_the_count():
    for records, _ in CASES.values():
        steps = gates(records)
        assert steps[0].came - sum(step.lost for step in steps) == steps[-1].went_on
