"""Several networks as one: averaged, one a finding, or one with averaged weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from hilum.errors import RunError
from hilum.models.classifier import Classifier, Forward
from hilum.models.network import Network
from hilum.models.outputs import LINEARISED


class Averaged(Classifier):
    """Networks that read the same findings; log-odds and maps are their means.

    The mean of log-odds is the log of the geometric mean of odds: one network that is sure counts
    for more than in a mean of probabilities. Features, for the gate, are the first network's.

    Args:
        networks: at least one; all with the same findings and the same input.

    Raises:
        RunError: none, or their findings differ.
    """

    def __init__(self, networks: Sequence[Classifier]) -> None:
        super().__init__()
        first = _first(networks)
        for at, network in enumerate(networks):
            if network.findings != first.findings:
                raise RunError(
                    f"Network {at + 1} of the ensemble reads {_some(network.findings)}, the first "
                    f"{_some(first.findings)}; averaging needs the same findings in one order."
                )
        self.networks = nn.ModuleList(networks)
        self.findings = first.findings
        self.heatmaps = _words(networks, f"mean over {len(networks)} networks of ")

    def forward(self, image: Tensor) -> Tensor:
        """Log-odds [batch, findings]."""
        return self.everything(image).logits

    def everything(self, image: Tensor) -> Forward:
        """Log-odds, the first network's features, and maps."""
        found = [network.everything(image) for network in self.networks]  # type: ignore[operator]
        logits = torch.stack([one.logits for one in found]).mean(0)
        maps = _alike([one.cams for one in found])
        return Forward(logits, found[0].features, torch.stack(maps).mean(0) if maps else None)


class OneEach(Classifier):
    """Networks side by side, each for findings of its own.

    Args:
        networks: with the same input. Findings that none is asked for are dropped.
        findings: keys in the order wanted; exactly one network reads each.

    Raises:
        RunError: no network, or more than one, reads a finding.
    """

    def __init__(self, networks: Sequence[Classifier], findings: Sequence[str]) -> None:
        super().__init__()
        _first(networks)
        readers = {
            key: [i for i, n in enumerate(networks) if key in n.findings] for key in findings
        }
        none = [key for key, found in readers.items() if not found]
        several = [key for key, found in readers.items() if len(found) > 1]
        if none or several or len(readers) != len(findings):
            raise RunError(
                f"Each finding needs exactly one network: none reads {_some(none)}, more than one "
                f"reads {_some(several)}, {len(findings) - len(readers)} asked for twice."
            )
        self.networks = nn.ModuleList(networks)
        self.findings = tuple(findings)
        self.heatmaps = _words(networks, "")
        offsets = [0]
        for network in networks:
            offsets.append(offsets[-1] + len(network.findings))
        self._order = [
            offsets[readers[key][0]] + networks[readers[key][0]].findings.index(key)
            for key in findings
        ]

    def forward(self, image: Tensor) -> Tensor:
        """Log-odds [batch, findings]."""
        return self.everything(image).logits

    def everything(self, image: Tensor) -> Forward:
        """Log-odds, the first network's features, and maps."""
        found = [network.everything(image) for network in self.networks]  # type: ignore[operator]
        logits = torch.cat([one.logits for one in found], 1)[:, self._order]
        maps = _alike([one.cams for one in found])
        cams = torch.cat(maps, 1)[:, self._order] if maps else None
        return Forward(logits, found[0].features, cams)


def average_weights(networks: Sequence[Network]) -> Network:
    """One network whose weights are the means of those of networks that began alike.

    Args:
        networks: of one architecture, trained from the same start; others do not average.
            Statistics of batch norm are averaged as well.

    Returns:
        A new network in evaluation mode.

    Raises:
        RunError: none, or their tensors differ in name or shape.

    Source:
        Wortsman et al. 2022, Model soups, § 2 (uniform soup).
    """
    first = _first(networks)
    states = [network.state_dict() for network in networks]
    shapes = {name: value.shape for name, value in states[0].items()}
    for at, (network, state) in enumerate(zip(networks, states, strict=True)):
        if {name: value.shape for name, value in state.items()} != shapes or (
            network.tasks != first.tasks  # type: ignore[union-attr]
        ):
            raise RunError(
                f"Network {at + 1} is built otherwise than the first; weights can only be averaged "
                f"among networks of one recipe. Average their outputs instead."
            )
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    out = copy.deepcopy(networks[0])
    out.load_state_dict(mean)
    return out.eval()


def _first(networks: Sequence[Classifier]) -> Classifier:
    if not networks:
        raise RunError("An ensemble needs at least one network.")
    return networks[0]


def _words(networks: Sequence[Classifier], before: str) -> str:
    said = [network.heatmaps for network in networks]
    if not all(said):
        return ""
    kinds = list(dict.fromkeys(one.removesuffix(LINEARISED) for one in said))
    linearised = LINEARISED if any(one.endswith(LINEARISED) for one in said) else ""
    return before + ", and ".join(kinds) + linearised


def _alike(maps: list[Tensor | None]) -> list[Tensor]:
    """Maps on one grid, each with the mean that it had; empty where one is missing."""
    given = [one for one in maps if one is not None]
    if len(given) < len(maps):
        return []
    size = (max(one.shape[2] for one in given), max(one.shape[3] for one in given))
    laid: list[Tensor] = []
    for one in given:
        if one.shape[2:] != size:
            large = interpolate(one, size, mode="bilinear", align_corners=False)
            one = large + (one.mean((2, 3)) - large.mean((2, 3)))[:, :, None, None]  # noqa: PLW2901
        laid.append(one)
    return laid


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return (", ".join(keys[:3]) or "nothing") + more
