"""experiments.diagnose: bug or bad luck, for a network in a file and for a number."""

import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import compose, inside

import nnxor
from analysis.data.reading import CAUSES
from analysis.entry import InputError
from experiments.networks.diagnosing import NOT_FINISHED, diagnose, point, states, whole
from experiments.study.weight_files import read_network
from nnxor.condition import Condition
from nnxor.interventions import INTERVENTIONS
from nnxor.network.draws import Weights
from nnxor.network.tasks import Task

FILES = Path(__file__).parent / "files"


def said(capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    """What the command prints, with its line breaks undone."""
    assert diagnose(compose(*overrides, config_name="diagnose")) == 0
    printed = capsys.readouterr().out
    long = [line for line in printed.splitlines() if len(line) > 80 and "explorer.html#" not in line]
    assert not long or "/" in printed
    return " ".join(printed.split())


def saved(tmp_path: Path, W1: Any, b1: Any, W2: Any, b2: float) -> str:
    path = tmp_path / "network.npz"
    np.savez(path, W1=np.float32(W1), b1=np.float32(b1), W2=np.float32(W2)[:, None], b2=np.float32([b2]))
    return f"weights={path}"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["loss=0.3466", "loss_name=bce"], "Under bce a loss of 0.3466 is the trap 1/4. Two rows share one wrong"),
        (["loss=0.4774", "loss_name=bce"], "Three rows share one wrong prediction"),
        (["loss=0.6931", "loss_name=bce"], "Four rows share one wrong prediction 1/2"),
        (["loss=0.25"], "Under half_sse a loss of 0.25 is the trap 1/4"),
        (["loss=0.3333"], "the trap 1/3"),
        (["loss=0.33"], "Under half_sse a loss of 0.33 is the trap 1/3"),
        (["loss=0.34"], "is not a level of half_sse"),
        (["loss=0.3"], "is not a level of half_sse"),
        (["loss=0.69", "loss_name=bce"], "Four rows share one wrong prediction 1/2"),
        (["loss=0.6931", "loss_name=torch.nn.BCEWithLogitsLoss"], "has not learned anything yet"),
        (["loss=0.5"], "has not learned anything yet"),
        (["loss=0"], "the task is solved"),
        (["loss=0.125"], "it is one of mse (the mean squared error): the trap 1/4"),
        (["loss=0.125", "loss_name=mse"], "Under mse a loss of 0.125 is the trap 1/4"),
        (["loss=0.2"], "is not a level of half_sse: the nearest is the trap 1/4"),
        (["loss=1e40"], "1e+40 is not a level of half_sse: no level of this task is that high, so"),
        (["loss=0.25"], "it is the trap 1/2 (loss 0.25): then ask with loss=0.25 loss_name=mse. how"),
        (["loss=0.5"], "it is the trap 1/4 (loss 0.5): then ask with loss=0.25 loss_name=half_sse."),
        (["predictions=[0.5,1,0.5,0]"], "Two rows share one wrong prediction 1/2 (00=10)"),
    ],
)
def test_a_number_is_decoded(capsys: pytest.CaptureFixture[str], overrides: list[str], words: str) -> None:
    assert words in said(capsys, *overrides, "epochs=10")


def test_networks_are_solved_by_the_rule_that_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    rates = [
        float(re.findall(r"epochs: ([\d.]+) %", said(capsys, "loss=0.25", "epochs=30", *rule))[0])
        for rule in ((), ("success.rule=threshold",), ("success.rule=margin", "success.tolerance=0.3"))
    ]
    assert rates[0] < 1 < 5 < rates[2] < rates[1]


@pytest.mark.parametrize(
    ("share", "told"), [(0.999, "more than 99 %"), (1, "100 %"), (0.001, "fewer than 1 %"), (0, "0 %"), (0.745, "75 %")]
)
def test_all_and_none_are_said_of_all_and_none(share: float, told: str) -> None:
    assert whole(share) == told


def test_how_common_it_is_comes_from_training(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "loss=0.25", "init=he")
    assert "setting xor, 4 units, relu, half_sse, init=he, lr=0.1" in text
    assert (
        "Of 1,000 networks drawn like this and trained for 10,000 epochs: 60.4 % (57.3-63.4) solved, 14.0 % (" in text
    )
    assert "do Probably bad luck, not a bug: " in text


def test_a_loss_of_another_convention_is_looked_for_among_those_of_the_networks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As twice the loss of the networks that are trained, 2/3 was 'a bug', in which 0 % end."""
    text = said(capsys, "loss=0.6667")
    assert "From here on it is taken to be loss=0.333333 loss_name=half_sse." in text
    assert "16.5 % (14.3-18.9) in this trap" in text
    assert "do Probably bad luck, not a bug: " in text


def test_more_units_are_advised_where_they_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "loss=0.25").partition("With 10 units ")[2].startswith("96 % of such networks learn the task.")
    assert "With 10 units" not in said(capsys, "loss=0.25", "hidden=10")
    assert "With 10 units" not in said(capsys, "loss=0.25", "init=he", "lr=0.2"), "33 % and 42 %"


def test_too_few_units_are_told_before_all_else(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "loss=0.25", "hidden=1", "loss_name=mse", "init=torch")
    assert "do Use at least 2 units: fewer cannot represent xor. watch" in text
    assert "frees it" not in text
    assert "bad luck" not in text


def test_nobody_has_bad_luck_where_hardly_any_network_learns(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "loss=0.25", "hidden=2", "freeze=W1")
    do = "do Change the setting: 1 % of such networks learn the task. With 10 units 83 % of such networks learn"
    assert do in text
    text = said(capsys, "loss=0.5", "hidden=2", "init=he", "lr=0.4")
    assert "If it fell and then stopped, change the setting: 0 % of such networks learn the task." in text


def test_who_has_hardly_begun_is_told_to_train_longer_and_not_to_look_for_a_bug(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After 100 epochs networks have a loss of 0.25 on their way, and none of them is in the trap yet."""
    text = said(capsys, "loss=0.25", "loss_name=mse", "init=torch", "lr=0.01", "epochs=100")
    assert "do Train longer: 100 % of such networks are not finished after 100 epochs." in text
    assert "do Look for a bug: fewer than 1 %" in said(capsys, "loss=0.25", "hidden=30", "init=he", "lr=0.01")
    trapped = saved(tmp_path, -np.ones((2, 4)), [-0.5, -0.2, -0.3, -0.4], [1, -1, 1, -1], 0.5)
    text = said(capsys, trapped, "epochs=10")
    assert "do Ask with more epochs: 100 % of such networks are not finished after 10 epochs." in text
    assert "do Keep training, which solves it." in said(capsys, trapped, "init=he", "recycle_every=100")


def test_frozen_networks_rest_at_other_levels_and_none_is_called_no_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With W1 frozen networks rest at 0.319 or 0.312, which is not 'on its way'."""
    with pytest.raises(InputError, match=r"the levels of .*, W1 frozen are not known; give the network itself"):
        said(capsys, "loss=0.319", "freeze=W1")
    with pytest.raises(InputError, match="b2 frozen are not known"):
        said(capsys, "loss=1", "freeze=b2")
    assert "Under half_sse a loss of 0.25 is the trap 1/4" in said(capsys, "loss=0.25", "freeze=b1", "epochs=10")
    text = said(capsys, saved(tmp_path, [[-1], [-1]], [-1], [1], 0), "freeze=b2", "epochs=10")
    assert "Its outcome is stuck; the traps of networks like it are not known." in text


def test_every_setting_that_is_not_the_usual_one_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "loss=0.25", "scale=2", "recycle_every=7", "optimizer=momentum", "momentum=0.5", "epochs=1")
    told = "scale 2.0, 1 epoch, momentum, momentum 0.5, dead units redrawn every 7 epochs verdict"
    assert f"init=uniform, lr=0.1, {told}" in text
    assert "trained for 1 epoch: " in text
    assert "bce, init=uniform, lr=0.1 verdict" in said(capsys, "loss=0.3466", "loss_name=bce")


def test_what_frees_networks_from_a_trap_is_tried_on_some_that_are_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    freed = said(capsys, "loss=0.25").partition("within 10,000 more epochs, best first: ")[2].partition(" do ")[0]
    shares = [float(share) for share in re.findall(r"([0-9.]+) % \(", freed)]
    assert len(shares) == len(INTERVENTIONS)
    assert shares == sorted(shares, reverse=True)
    assert freed.endswith("more training 0.0 % (0.0-1.9)")


def test_who_slides_down_to_the_level_of_a_trap_has_not_left_it() -> None:
    """The loss is 1.4 % above the level, and a quench takes it there: that was told to be a shoulder."""
    inputs, targets = ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 0, 0, 1)
    rare = Task("rare", inputs, targets, multiplicities=(33, 33, 33, 1))
    condition = Condition(hidden=2, task=rare, dtype="float64", loss="bce", output="sigmoid")
    W1, b1 = -np.ones((2, 2, 1)), np.full((2, 1), -0.5)
    weights = Weights(W1, b1, np.ones((2, 1)), np.array([np.log(0.01 / 0.99) + 0.38]))
    now = states(condition, weights, 0)
    assert now["outcome"][0].startswith("stuck")
    assert 0.99 * now["final_loss"] > now["plateau"]
    assert point(condition, weights, now).startswith("It is 0.38 from a resting point, a true local minimum")


def test_a_leaky_unit_is_never_called_dead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = [[1, -1], [1, -1]], [0, -1], [1, 1], 0
    text = said(capsys, saved(tmp_path, *weights), "activation=leaky_relu")
    assert "1 above 0 on no row, so linear (unit 2); 1 alive: unit 1 on 01, 10 and 11" in text
    W1, b1, W2, b2 = weights
    found = nnxor.diagnose(W1=W1, b1=b1, W2=W2, b2=b2, activation="leaky_relu")
    assert [unit.state for unit in found.units] == ["alive", "linear"]
    found = nnxor.diagnose(W1=W1, b1=b1, W2=W2, b2=b2, activation="leaky_relu", slope=1.0)
    assert [unit.state for unit in found.units] == ["linear", "linear"]
    text = said(capsys, saved(tmp_path, *weights), "activation=leaky_relu", "slope=1.0")
    assert "units 2, all of them linear, whatever their weights" in text
    text = said(capsys, saved(tmp_path, [[1, 0], [0, 1]], [0, 0], [0, 0], 0.5), "activation=leaky_relu", "slope=1.0")
    assert "verdict No loss is lower: the task is solved as far as it can be, since its units bend nowhere." in text
    assert "A global minimum" in text
    assert "trap" not in text
    assert "how common" not in text


def test_a_dead_network_is_at_a_minimum_or_at_a_kink(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = [[-1, -0.5], [-0.5, -1]]
    text = said(capsys, saved(tmp_path, dead, [-0.5, -0.2], [1, -1], 0.5))
    assert "A true local minimum" in text
    assert "It is in the trap 1/2 (loss 0.5). Four rows share one wrong prediction 1/2" in text
    assert "2 dead (units 1 and 2)" in text
    assert "After 10,000 more epochs: stuck at 1/2, loss 0.5. It will never change: its parameters repeat, bit" in text
    text = said(capsys, saved(tmp_path, dead, [-0.5, 0], [1, -1], 0.5))
    assert "Not a minimum, but an artefact of the ReLU's kink" in text
    assert "(unit 2, on row 00)" in text


def test_what_frees_a_network_is_tried_on_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All units dead: nothing moves any more, fresh ones may learn, and a fresh network learns as often as any."""
    dead = [[-1, -0.5], [-0.5, -1]]
    text = said(capsys, saved(tmp_path, dead, [-0.5, -0.2], [1, -1], 0.5))
    freed = text.partition("within 10,000 more epochs, best first: ")[2].partition(" do ")[0]
    assert "more training no" in freed
    share = float(freed.partition("redrawing the dead units ")[2].split()[0])
    assert 10 < share < 40
    assert "a new network " in freed
    assert "a leaky ReLU no" in freed
    assert "lifting the dead units' biases " in freed


def test_what_is_frozen_or_batched_is_told_and_a_remedy_of_many_draws_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one network it said 'frees 96 % of them', and nothing of what was frozen or how large batches were."""
    dead = saved(tmp_path, [[-1, -0.5, -1, -0.7], [-0.5, -1, -1, -0.3]], [-0.5, -0.2, -0.1, -0.3], [1, -1, 1, 1], 0.5)
    text = said(capsys, dead, "freeze=W2", "batch_size=2")
    assert "init=uniform, lr=0.1, batches of 2, W2 frozen" in text
    assert re.search(r" do .* which frees it in [0-9]+ % of 200 draws\. ", text)
    fitted = said(capsys, saved(tmp_path, [[1, 1], [1, 1]], [0, -1], [1, -2], 0), "freeze=W2+b2")
    assert "A global minimum: no parameters at all, with W2+b2 kept, have a lower loss." in fitted


def test_a_saddle_of_smooth_units_is_no_unit_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was that of 'unit 0'."""
    text = said(capsys, saved(tmp_path, [[0.01, -0.02], [0.3, 0.3]], [0.3, -0.2], [0, 0], 0.5), "activation=tanh")
    where = "It is 0.023 from a resting point, not a minimum but a saddle: "
    assert f"{where}the loss gets lower in a direction in which its slope is 0." in text


def test_no_bound_is_told_where_none_is_proved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a solved network of tanh it was 'proved for changes of up to nan'."""
    np.savez(tmp_path / "n.npz", **nnxor.train(activation="tanh", seed=1, epochs=5000, dtype="float64").weights)
    text = said(capsys, f"weights={tmp_path / 'n.npz'}", "activation=tanh")
    assert "A true local minimum: no small change of its parameters lowers the loss." in text


def test_a_large_task_is_diagnosed_without_its_traps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{n % 5},{n // 5},{n % 2}" for n in range(20))
    (tmp_path / "large.csv").write_text(f"x1,x2,t\n{rows}\n")
    weights = saved(tmp_path, [[1, -1], [0.5, 1]], [0.1, 0.2], [1, 1], 0)
    text = said(capsys, weights, f"task={tmp_path / 'large.csv'}", "epochs=10")
    assert "alive: unit " in text


def test_the_textbook_solution_is_solved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, saved(tmp_path, [[1, 1], [1, 1]], [0, -1], [1, -2], 0))
    assert "It is solved: there is nothing to fix" in text
    assert "2 alive: unit 1 on 01, 10 and 11, unit 2 on 11" in text
    assert "A global minimum: no parameters at all have a lower loss." in text
    assert "frees it" not in text


def test_a_network_of_another_loss_is_judged_by_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, saved(tmp_path, [[-1], [-1]], [-1], [1], 0.0), "loss_name=bce", "lr=1")
    assert "It is in the trap 1/2 (loss 0.693147). Four rows share one wrong prediction 1/2" in text
    assert "A true local minimum" in text


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], "nothing given; allowed: one of FILE, loss=X and predictions=[Y,...]"),
        (["loss=0.25", "predictions=[1]"], "loss and predictions given"),
        (["loss=abc"], "loss=abc is not allowed; allowed: a finite number"),
        (["loss=-1"], "a finite number from 0"),
        (["loss=mse"], "loss=mse is no number; did you mean loss_name=mse?"),
        (["weights=n.npz", "loss=mse"], "did you mean loss_name=mse?"),
        (["predictions=[0,1]"], "4 finite numbers"),
        (["predictions=[]"], "predictions=[] is not allowed; allowed: 4 finite numbers, one per row"),
        (["weights=/"], "weights=/ is a folder; allowed: a file .npz"),
        (["predictions=[a,1]"], "allowed: a list of numbers, one per row"),
        (["loss=0.25", "loss_name=foo"], "loss_name=foo is not allowed; allowed: half_sse, mse, MSELoss"),
        (["loss=0.25", "loss_name=MSELos"], "did you mean MSELoss?"),
        (["loss=0.25", "activation=tanh"], "are not known; give the network itself"),
        (["loss=0.25", "slope=0.1"], "slope would do nothing"),
        (["weights=nope.npz"], "weights=nope.npz does not exist; allowed: a file"),
        (["weights='0.25'"], "weights=0.25 does not exist; did you mean loss=0.25?"),
    ],
)
def test_bad_input_is_refused_in_one_line(overrides: list[str], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        diagnose(compose(*overrides, config_name="diagnose"))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    weights = saved(tmp_path, [[1], [1]], [1], [1], 0)
    for more, words in (
        (["hidden=3"], "hidden=3 contradicts"),
        (["task=parity3"], "no network of 3 inputs"),
        (["bias=false"], "bias=false contradicts"),
    ):
        with pytest.raises(InputError, match=words):
            diagnose(compose(weights, *more, config_name="diagnose"))


def test_a_file_can_be_named_alone_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "my net's (1).npz"
    np.savez(path, W1=np.float32([[-1], [-1]]), b1=np.float32([-1]), W2=np.float32([[1]]), b2=np.float32([0.5]))
    done = inside(str(path), "epochs=10", module="experiments.diagnose")
    assert (done.returncode, done.stderr) == (0, "")
    assert "local minimum" in done.stdout


def test_help_fits_80_columns() -> None:
    done = inside("--help", module="experiments.diagnose")
    assert done.returncode == 0
    assert ".safetensors" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


W1, B1, W2, B2 = np.float32([[1, 2, 3], [4, 5, 6]]), np.float32([7, 8, 9]), np.float32([[1], [2], [3]]), np.float32([4])
TORCH = {"0.weight": W1.T, "0.bias": B1, "2.weight": W2.T, "2.bias": B2}


def is_the_network(path: Path, library: str) -> None:
    found = read_network(path, 2)
    assert found.library == library
    assert not found.either_way
    for held, array in zip(found.weights, (W1, B1, W2[:, 0], B2[0]), strict=True):
        assert np.array_equal(held[..., 0], array)


@pytest.mark.parametrize("kind", ["ours", "torch", "named", "raised"])
def test_the_same_network_is_read_from_what_people_name_otherwise(kind: str, tmp_path: Path) -> None:
    named = {"fc1.weight": W1.T, "fc1.bias": B1, "out.weight": W2.T, "out.bias": B2}
    ours = {"W1": W1, "b1": B1, "W2": W2, "b2": B2}
    raised = {"4²1.weight": W1.T, "4²1.bias": B1, "4²2.weight": W2.T, "4²2.bias": B2}  # ² is a digit, and no number
    np.savez(tmp_path / "n.npz", **{"ours": ours, "torch": TORCH, "named": named, "raised": raised}[kind])
    is_the_network(tmp_path / "n.npz", "" if kind == "ours" else "PyTorch")


@pytest.mark.parametrize(
    ("file", "library"),
    [
        ("state.pt", "PyTorch"), ("double.pt", "PyTorch"), ("checkpoint.pth", "PyTorch"),
        ("state.safetensors", "PyTorch"),
        ("keras.npz", "Keras"), ("fitted.weights.h5", "Keras"),
    ],
)  # fmt: skip
def test_the_same_network_is_read_from_files_that_pytorch_and_keras_wrote(file: str, library: str) -> None:
    """Written by torch 2.13 and Keras 3.15: state dicts, a checkpoint with its optimizer, a fitted model."""
    if file.endswith(".h5"):
        pytest.importorskip("h5py")
    is_the_network(FILES / file, library)


def test_a_pickled_model_is_refused_and_no_code_of_it_is_run() -> None:
    with pytest.raises(InputError, match=r"it holds torch\.nn\.modules\.container\.Sequential, and not weights alone"):
        read_network(FILES / "model.pt", 2)


def test_numbers_that_numpy_does_not_have_are_refused_by_their_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(FILES / "state.pt") as whole, zipfile.ZipFile(tmp_path / "n.pt", "w") as half:
        for name in whole.namelist():
            half.writestr(name, whole.read(name).replace(b"\nFloatStorage\n", b"\nBFloat16Storage\n"))
    with pytest.raises(InputError, match=r"it holds numbers of torch\.BFloat16Storage: save them as float"):
        read_network(tmp_path / "n.pt", 2)


def test_a_square_matrix_is_read_as_its_library_writes_it_and_both_ways_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = np.float32([[1, 1], [3, 1]])
    np.savez(tmp_path / "n.npz", **{"0.weight": first, "0.bias": B1[:2], "2.weight": W2[:2].T, "2.bias": B2})
    found = read_network(tmp_path / "n.npz", 2)
    assert found.either_way
    assert np.array_equal(found.weights.W1[..., 0], first.T)
    text = said(capsys, f"weights={tmp_path / 'n.npz'}", "epochs=10")
    assert "in PyTorch's layout; read as xor, 2 units, relu, half_sse, init=torch" in text
    assert "W1 is square: it is read as (units, inputs)" in text


def test_a_single_number_is_no_square_matrix(tmp_path: Path) -> None:
    one = np.float32([[2]])
    np.savez(tmp_path / "n.npz", **{"0.weight": one, "0.bias": one[0], "2.weight": one, "2.bias": one[0]})
    assert not read_network(tmp_path / "n.npz", 1).either_way, "read either way it is the same network"


def test_a_square_matrix_by_our_names_is_read_as_we_write_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, saved(tmp_path, [[1, 1], [3, 1]], [0, -1], [1, -2], 0), "epochs=10")
    assert "W1 is square" not in text


def test_a_network_whose_arithmetic_overflows_is_not_said_to_hold_what_it_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, saved(tmp_path, [[1e30, 1e30], [1e30, 1e30]], [0, -1e30], [1e30, -2e30], 0))
    assert "It has diverged: its numbers, or what it computes of them, are not finite." in text
    assert "units" not in text.partition("verdict")[2], "nothing is known of them"


def test_a_network_without_biases_is_read_as_one_and_trains_on_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "n.npz", **{"0.weight": np.float32(W1).T, "2.weight": np.float32(W2).T})
    text = said(capsys, f"weights={tmp_path / 'n.npz'}", "epochs=10")
    assert "init=torch, lr=0.1, no biases" in text
    assert "biases yes" not in text
    with pytest.raises(InputError, match="which has several outputs; allowed: one"):
        np.savez(tmp_path / "two.npz", **{"0.weight": np.ones((4, 2)), "2.weight": np.ones((2, 4))})
        read_network(tmp_path / "two.npz", 2)


def test_a_network_on_its_way_is_told_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = nnxor.train(hidden=4, init="torch", seed=2, epochs=20).weights
    np.savez(tmp_path / "n.npz", **begun)
    text = said(capsys, f"weights={tmp_path / 'n.npz'}", "init=torch", "epochs=2000")
    assert "It is in no known trap" in text
    assert "more training yes" in text
    assert "do Keep training, which solves it. watch" in text
    brief = said(capsys, f"weights={tmp_path / 'n.npz'}", "init=torch", "epochs=20")
    assert "It is in no known trap: perhaps it is not finished, the step is too large" in brief
    assert "more training not yet: not finished" in brief
    assert "do Train longer: it is not finished. watch" in brief
    assert "loss_name" not in text  # with no output far from 0, it is like any untrained one under another loss


def test_a_network_that_is_shaken_about_a_trap_is_told_where_it_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = {"init": "he", "optimizer": "rmsprop", "lr": 0.02, "epochs": 1000}
    run = nnxor.train(hidden=3, seed=11, **how)
    assert run.outcome == "stuck_1/3"
    np.savez(tmp_path / "n.npz", **run.weights)
    text = said(capsys, f"weights={tmp_path / 'n.npz'}", *(f"{name}={value}" for name, value in how.items()))
    assert "It is on its way into a trap, or is shaken about one: trained on, it is stuck at 1/3." in text
    assert "no known trap" not in text


PLUS_MINUS = "task={name: signs, rows: [[-1, -1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]}"


def test_losses_that_cannot_take_the_targets_are_not_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path, [[1, -1], [1, 1]], [0.5, 0.25], [0.5, -0.25], 0.125)
    assert "It is in no known trap" in said(capsys, file, PLUS_MINUS, "epochs=10")


def test_a_trap_has_one_name_whatever_the_targets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, saved(tmp_path, [[0, 0], [0, 0]], [0, 0], [1, 1], 0), PLUS_MINUS, "epochs=10")
    assert "It is in the trap 1/2 (loss 2). Four rows share one wrong prediction 0" in text
    assert "After 10 more epochs: stuck at 1/2, loss 2." in text
    assert "predictions 0 for" in text, "not -0"


def test_what_is_not_freed_yet_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path, [[-1, -0.5], [-0.5, -1]], [-0.1, -0.2], [1, -1], 0.5)
    assert "a leaky ReLU not yet: not finished" in said(capsys, file, "lr=0.1", "epochs=1000")


def test_what_is_not_finished_is_called_so_in_reports_as_well() -> None:
    assert CAUSES["not_finished"] == NOT_FINISHED


def test_a_loss_that_may_never_have_moved_is_not_called_bad_luck(capsys: pytest.CaptureFixture[str]) -> None:
    assert "do If the loss never moved, look for a bug. If it fell and then stopped, it is" in said(capsys, "loss=0.5")


def test_a_network_that_fits_another_loss_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, saved(tmp_path, [[1, 1], [1, 1]], [0, -1], [10, -20], -5), "epochs=10")
    assert "With loss_name=bce it is solved: was it trained with BCEWithLogitsLoss?" in text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("n.txt", b"", "cannot be read as .npz of plain numbers"),
        ("n.txt", b"", "allowed: a file .npz, .safetensors, .pt, .pth, .weights.h5"),
        ("n.npz", b"PK", "cannot be read"),
        ("n.safetensors", b"12345678{", "cannot be read"),
        ("n.safetensors", b"\x13" + bytes(7) + b'{"a":{"dtype":"B"}}', "it holds numbers of B: save them as float"),
        ("n.pt", b"", "cannot be read"),
        ("n.weights.h5", b"", "needs h5py, which is not installed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    name: str, content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(words)) as refusal:
        read_network(tmp_path / name, 2)
    assert "\n" not in str(refusal.value)


def test_layers_that_are_none_of_ours_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "deep.npz", **{f"{n}.weight": np.ones((2, 2)) for n in range(3)})
    with pytest.raises(InputError, match="allowed: a hidden and an output layer"):
        read_network(tmp_path / "deep.npz", 2)
    layers = {"0.weight": W1.T, "0.bias": B1, "2.weight": W2.T, "2.bias": B2}
    for more in ({"1.weight": np.ones(1)}, {"1.weight": np.ones(len(B1)), "1.running_mean": np.ones(len(B1))}):
        np.savez(tmp_path / "more.npz", **layers, **more)  # the slope of a PReLU, or what a BatchNorm holds
        with pytest.raises(InputError, match="which has more than a hidden and an output layer"):
            read_network(tmp_path / "more.npz", 2)
    np.savez(tmp_path / "ours.npz", W1=W1, b1=B1, W2=W2, b2=B2, seed=np.int64(7))
    assert read_network(tmp_path / "ours.npz", 2).library == ""  # it was read as Keras's
    for more in ({"W3": np.ones((1, 1)), "b3": np.ones(1)}, {"gamma": np.ones(len(B1)), "beta": np.ones(len(B1))}):
        np.savez(tmp_path / "more.npz", W1=W1, b1=B1, W2=W2, b2=B2, **more)
        with pytest.raises(InputError, match=r"allowed: a hidden and an output layer|more than a hidden and an output"):
            read_network(tmp_path / "more.npz", 2)
    ours: dict[str, Any] = {"W1": W1, "b1": B1, "W2": W2, "b2": B2}
    for name, kind, told in (("W1", complex, "complex128"), ("b1", complex, "complex128"), ("W2", "U3", "<U3")):
        np.savez(tmp_path / "odd.npz", **{**ours, name: ours[name].astype(kind), "note": np.array("mine")})
        with pytest.raises(InputError, match=f"{name} holds {told}; allowed: real numbers"):
            read_network(tmp_path / "odd.npz", 2)
    np.savez(tmp_path / "nan.npz", W1=W1 * np.nan, b1=B1, W2=W2, b2=B2)
    with pytest.raises(InputError, match="not all of its numbers are finite"):
        read_network(tmp_path / "nan.npz", 2)


@pytest.mark.parametrize("hidden", [0, 5000])
def test_a_network_of_no_unit_or_too_many_is_refused(tmp_path: Path, hidden: int) -> None:
    path = tmp_path / "wide.npz"
    np.savez(path, W1=np.ones((2, hidden)), b1=np.ones(hidden), W2=np.ones((hidden, 1)), b2=np.ones(1))
    with pytest.raises(InputError, match=rf"wide.npz has {hidden} units; allowed: an integer from 1 to 4096"):
        diagnose(compose(f"weights={path}", config_name="diagnose"))
