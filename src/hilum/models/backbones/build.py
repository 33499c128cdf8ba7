"""From a name to a backbone."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import timm
from torch import nn

from hilum.errors import RecipeError
from hilum.models import WEIGHTS
from hilum.models.backbones.backbone import Backbone
from hilum.models.backbones.cut import cut as cut_at
from hilum.models.backbones.normalisation import replace_normalisation
from hilum.registry import Registry

OTHERS = Registry(
    "backbone",
    [
        ("squeezenet1_0", "hilum.models.backbones.squeezenet:squeezenet1_0"),
        ("squeezenet1_1", "hilum.models.backbones.squeezenet:squeezenet1_1"),
        ("nasnet_mobile", "hilum.models.backbones.nasnet_mobile:NASNetMobile"),
    ],
)
"""Networks that timm has not; all others are timm's."""


def build_backbone(
    name: str,
    *,
    cut: str = "",
    normalisation: str = "",
    drop_path: float = 0.0,
    size: tuple[int, int] | None = None,
) -> Backbone:
    """An untrained network without its classifier, for one grey channel.

    Args:
        name: timm's name, or one of ``squeezenet1_0``, ``squeezenet1_1``, ``nasnet_mobile``.
        cut: module at which it ends, see :func:`~hilum.models.backbones.cut`; "" for its own end.
        normalisation: what takes the place of its normalisation, see
            :func:`~hilum.models.backbones.replace_normalisation`; "" keeps it.
        drop_path: share of residual branches dropped in training (stochastic depth), in [0, 1).
        size: rows and columns of the images, for the few transformers that must know it when they
            are built; others take any size.

    Raises:
        RecipeError: no such network, or it cannot be changed as asked.
    """
    net, designed = _others(name, drop_path) if name in OTHERS else _timm(name, drop_path, size)
    if name in WEIGHTS:
        WEIGHTS.resolve(name).adapt(net)
    backbone = Backbone(name, net, size=designed)
    if drop_path and not _drops(net):
        raise RecipeError(_no_drop_path(name))
    if cut:
        cut_at(backbone, cut)
    if normalisation:
        replace_normalisation(backbone, normalisation)
    return backbone


def names() -> list[str]:
    """All names that :func:`build_backbone` knows."""
    return sorted({*timm.list_models(), *OTHERS})


def _others(name: str, drop_path: float) -> tuple[nn.Module, tuple[int, int]]:
    if drop_path:
        raise RecipeError(_no_drop_path(name))
    return OTHERS.resolve(name)(), (224, 224)


def _timm(
    name: str, drop_path: float, size: tuple[int, int] | None
) -> tuple[nn.Module, tuple[int, int]]:
    if "/" in name or not timm.is_model(name):
        raise RecipeError(_unknown(name))
    options: dict[str, Any] = {"in_chans": 1, "num_classes": 0}
    if name in WEIGHTS:
        options |= WEIGHTS.resolve(name).timm_options
    if drop_path:
        options["drop_path_rate"] = drop_path
    config = timm.get_pretrained_cfg(name)
    _, rows, columns = config.input_size if config is not None else (3, 224, 224)
    designed = (rows, columns)
    if config is not None and config.fixed_input_size:
        net, designed = _of_any_size(name, options, size or designed, designed)
    else:
        net = _create(name, options)
    return net, designed


def _of_any_size(
    name: str, options: dict[str, Any], size: tuple[int, int], designed: tuple[int, int]
) -> tuple[nn.Module, tuple[int, int]]:
    """Let a transformer take any size; where it cannot, that of the images; else its own."""
    ways: list[tuple[dict[str, Any], tuple[int, int]]] = [
        ({"dynamic_img_size": True}, designed),
        ({"img_size": size}, size),
    ]
    for option, takes in ways:
        try:
            return timm.create_model(name, pretrained=False, **options, **option), takes
        except TypeError as error:
            if not any(key in str(error) for key in option):
                raise _refused(name, options, error) from error
    return _create(name, options), designed


def _create(name: str, options: dict[str, Any]) -> nn.Module:
    try:
        return timm.create_model(name, pretrained=False, **options)
    except TypeError as error:
        raise _refused(name, options, error) from error


def _refused(name: str, options: dict[str, Any], error: TypeError) -> RecipeError:
    if "drop_path_rate" in str(error):
        return RecipeError(_no_drop_path(name))
    if "in_chans" in str(error):
        return RecipeError(f"{name} cannot be built for one grey channel; choose another.")
    return RecipeError(f"timm cannot build {name} with {sorted(options)}: {error}.")


def _drops(net: nn.Module) -> bool:
    return any(getattr(m, "drop_prob", 0) for m in net.modules() if "DropPath" in type(m).__name__)


def _no_drop_path(name: str) -> str:
    return (
        f"{name} has no stochastic depth: leave drop_path out, or choose a residual network "
        f"that has (resnet50, efficientnet_b0, convnext_small, vit_small_patch16_224)."
    )


def _unknown(name: str) -> str:
    """Say which names come near, whatever their case and hyphens: first those that go on alike."""
    wanted = _plain(name)
    plain = {_plain(known): known for known in names()}
    longer = sorted(n for n in plain if wanted and n.startswith(wanted))[:4]
    near = [n for n in get_close_matches(wanted, plain, n=3, cutoff=0.6) if n not in longer]
    found = [plain[n] for n in [*longer, *near]]
    hint = f"did you mean {', '.join(found)}?" if found else "docs/backbones.md has a list."
    return f"Unknown backbone {name!r}; {hint}"


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
