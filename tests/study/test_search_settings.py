"""How a study names its sampler."""

from nas.study.config import SearchSettings


def test_a_study_says_what_auto_chose() -> None:
    assert SearchSettings(sampler="auto", trials=40).sampler_words == "auto: surrogate, for 40 trials"
    assert SearchSettings(sampler="auto", trials=4000).chosen_sampler == "tpe"
    assert SearchSettings(sampler="qmc").sampler_words == "qmc"
