"""What the pages on generator, sensors and estimator do in their own cells is what the library does."""

from types import SimpleNamespace

import pytest
import torch
from generate_toy import build_toy_library
from notebook_cells import list_trees, read_definitions

from gaitlib.estimate.training_loop import compute_loss
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.flow_network import compute_flow_loss

TINY = {"steps": 20, "hidden": 16, "n_blocks": 1, "log_every": 10, "batch_size": 32}


def test_the_flow_is_learned_by_the_loss_of_the_library():
    own = read_definitions("2_generate")["compute_flow_loss"]
    random = torch.Generator().manual_seed(1)
    stride, weight = (torch.randn(size, generator=random) for size in ((40, 6), (6,)))
    known = (torch.rand((40, 6), generator=random) < 0.3).float()

    def network(x, t, known):
        return torch.sin(x + t) + known

    found = [
        loss(network, stride, known, weight.abs(), torch.Generator().manual_seed(2))
        for loss in (own, compute_flow_loss)
    ]
    assert found[0] == pytest.approx(float(found[1])) and found[0] > 0


def test_the_estimator_is_learned_by_the_loss_of_the_library():
    own = read_definitions("3_train")["compute_loss"]
    random = torch.Generator().manual_seed(1)
    location, log_scale, truth = torch.randn((3, 50, 8), generator=random)
    activity, true_activity = torch.randn((2, 50, 2, 24), generator=random)
    truth[:7, 3], true_activity[4:9] = torch.nan, torch.nan
    prediction = SimpleNamespace(location=location, log_scale=log_scale, activity=activity)
    found = [loss(prediction, truth, true_activity, 0.5) for loss in (own, compute_loss)]
    assert found[0] == pytest.approx(float(found[1]))


def test_a_loss_of_ones_own_is_what_is_learned_by_and_has_its_own_checkpoint(tmp_path):
    library = build_toy_library(60)

    def double_loss(*arguments):
        return 2 * compute_flow_loss(*arguments)

    usual = GaitGenerator().fit(*library, TINY, 3, tmp_path)
    other = GaitGenerator().fit(*library, TINY, 3, tmp_path, compute_loss=double_loss)
    again = GaitGenerator().fit(*library, TINY, 3, tmp_path, compute_loss=double_loss)
    assert len(list(tmp_path.iterdir())) == 2
    assert other.history["loss"][0] == pytest.approx(2 * usual.history["loss"][0], rel=0.05)
    assert other.history.equals(again.history)


def test_camera_and_inertial_sensors_of_the_page_are_those_of_the_library(tmp_path):
    """Pixels to a billionth; specific force (m/s^2) and angular velocity (rad/s) likewise."""
    names, differences = {}, []
    for number, tree in enumerate(list_trees("2_sense")):
        before = names.get("difference")
        exec(compile(tree, "2_sense", "exec"), names)
        names |= {"results": str(tmp_path)} if number == 0 else {}
        differences += [names["difference"]] if names.get("difference") is not before else []
        if "contacts" in names:
            break
    assert len(differences) == 2 and max(differences) < 1e-9
