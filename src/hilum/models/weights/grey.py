"""A first convolution made for three colours, in a network that is shown one grey channel.

Colour c of a grey picture is scale_c · x + shift_c, x being the grey as the recipe normalises it.
The convolution with the kernels W_c is then one of x with Σ scale_c · W_c, plus what the shifts
contribute. Where all shifts are 0 that is nothing. Where the convolution has a bias and does not
pad, it is a constant. Where it pads, the padding is 0 in every colour, hence no grey level of x:
the shifts contribute less along the border, and only a network that keeps its colours is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models.backbones.trace import evaluating
from hilum.models.weights.levels import Levels, as_recipe

if TYPE_CHECKING:
    from hilum.models.backbones import Backbone

SCALE, SHIFT = "grey_scale", "grey_shift"
KEPT = "three colours kept before the first convolution"
ALIKE = 1e-5
"""Largest difference of two maps, relative to their largest value, that is called the same."""


def colours(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Before a convolution: grey [batch, 1, rows, columns] to normalised colours."""
    image, *rest = inputs
    return image * getattr(module, SCALE) + getattr(module, SHIFT), *rest


def expand(module: nn.Module, weight: Tensor, scale: Tensor, shift: Tensor) -> None:
    """Let a convolution keep its colours, and make them of the grey channel that it is shown.

    Args:
        module: convolution of one channel; changed in place.
        weight: kernels [out, colours, k, k].
        scale: colour = scale · grey + shift, [1, colours, 1, 1].
        shift: likewise.
    """
    _replace(module, weight)
    module.register_buffer(SCALE, scale.clone())
    module.register_buffer(SHIFT, shift.clone())
    module.register_forward_pre_hook(colours)


def expand_as_saved(net: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Expand the convolutions that were expanded in the network that ``state`` is of."""
    for name in [n for n in state if n.endswith(f".{SCALE}")]:
        place = name.removesuffix(f".{SCALE}")
        weight, shift = state.get(f"{place}.weight"), state.get(f"{place}.{SHIFT}")
        conv = dict(net.named_modules()).get(place)
        if conv is not None and weight is not None and shift is not None:
            expand(conv, weight, state[name], shift)


def colour_kernels(net: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Kernels of ``state`` for several colours whose convolution in ``net`` takes one channel."""
    found: dict[str, Tensor] = {}
    for name, wanted in net.named_parameters():
        value = state.get(name)
        if value is None or value.ndim != 4 or wanted.ndim != 4 or not name.endswith(".weight"):
            continue
        of_colours = wanted.shape[1] == 1 and value.shape[1] == 3
        if of_colours and value.shape[0] == wanted.shape[0]:
            found[name.removesuffix(".weight")] = value
    return found


def put_colours(
    backbone: Backbone, kernels: Mapping[str, Tensor], levels: Levels, grey: Levels
) -> str:
    """Put colour kernels into a backbone whose other tensors are loaded; the function is kept.

    The cheapest way that gives what the three-colour network gives, behind its first convolution
    and at its end, measured on a noise picture, is taken: summed kernels; summed kernels and a
    shifted bias; colours kept.

    Args:
        backbone: changed in place.
        kernels: name of the convolution → [out, 3, k, k].
        levels: what grey 0 and 1 were in each colour in the training of the kernels.
        grey: what they are in the channel that the backbone is shown.

    Returns:
        What was done, in words.

    Raises:
        RecipeError: another ``[input]`` would do without a shift, or no way gives the same map.
    """
    scale, shift = levels.from_grey(grey)
    no_shift = all(abs(s) <= ALIKE * abs(levels.span) for s in shift)
    if levels.is_one and not no_shift:
        raise RecipeError(
            f"These weights learnt grey 0 to 1 as {levels.first()}, the recipe's [input] makes it "
            f"{grey}. Write under [input]: {as_recipe(levels.first())}."
        )
    number = max(weight.shape[1] for weight in kernels.values())
    a, b = (torch.tensor(v).reshape(1, -1, 1, 1).expand(1, number, 1, 1) for v in (scale, shift))
    modules: dict[str, Any] = {name: backbone.net.get_submodule(name) for name in kernels}
    ways: list[tuple[str, Callable[[nn.Module, Tensor], None]]] = []
    if no_shift:
        ways.append(
            ("kernels summed over colours", lambda m, w: _replace(m, (w * a).sum(1, keepdim=True)))
        )
    if not no_shift and all(_is_bare(m) for m in modules.values()):
        ways.append(("kernels summed, shifts in the bias", lambda m, w: _fold(m, w, a, b)))
    ways.append((KEPT, lambda m, w: expand(m, w, a, b)))
    picture = (
        torch.rand(1, 1, *backbone.size, generator=torch.Generator().manual_seed(0)) * grey.span
        + grey.black[0]
    )
    for name, module in modules.items():
        _replace(module, kernels[name])
    reference = _seen(backbone, modules, picture * a + b)
    biases = {name: m.bias for name, m in modules.items()}
    for said, way in ways:
        for name, module in modules.items():
            module.bias = biases[name]
            way(module, kernels[name])
        seen = _seen(backbone, modules, picture)
        if all(alike(*pair) for pair in zip(seen, reference, strict=True)):
            return said
    raise RecipeError(
        f"{backbone.name} cannot be shown grey exactly as its three-colour weights would see it: "
        "it works on the picture before its first convolution. Choose another backbone, or "
        "train it from scratch."
    )


def alike(one: Tensor, other: Tensor, within: float = ALIKE) -> bool:
    """Whether two maps are the same up to rounding."""
    if one.shape != other.shape:
        return False
    return bool((one - other).abs().max() <= within * other.abs().max().clamp(min=1e-30))


def _seen(backbone: Backbone, modules: Mapping[str, nn.Module], image: Tensor) -> list[Tensor]:
    """What the first convolutions give, and the map."""
    seen: list[Tensor] = []
    handles = [
        m.register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
        for m in modules.values()
    ]
    try:
        with evaluating(backbone), torch.no_grad():
            found = backbone(image)
    finally:
        for handle in handles:
            handle.remove()
    return [*seen, found]


def _is_bare(module: nn.Module) -> bool:
    """Whether it is a plain convolution that has a bias and sees nothing but the picture."""
    if type(module) is not nn.Conv2d or module.bias is None:
        return False
    return module.padding in ((0, 0), "valid")


def _fold(module: Any, weight: Tensor, scale: Tensor, shift: Tensor) -> None:
    _replace(module, (weight * scale).sum(1, keepdim=True))
    bias = module.bias.detach() + (weight * shift).sum((1, 2, 3))
    module.bias = nn.Parameter(bias, requires_grad=module.bias.requires_grad)


def _replace(module: Any, weight: Tensor) -> None:
    module.weight = nn.Parameter(weight.clone(), requires_grad=module.weight.requires_grad)
    module.in_channels = weight.shape[1]
