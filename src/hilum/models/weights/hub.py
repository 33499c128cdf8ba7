"""Weights that timm knows, from its hub, a local cache, or a file of their name."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import timm
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from timm.models import PretrainedCfg, get_pretrained_cfg

from hilum.bundles.card import StartingWeights
from hilum.errors import RecipeError
from hilum.models.weights.file import as_float, read_safetensors
from hilum.models.weights.levels import Levels
from hilum.models.weights.source import Source, with_warning
from hilum.registry import unknown

FILE = "model.safetensors"
PATIENCE_S = 5.0
"""How long the hub may take to answer at all."""


def from_hub(backbone: str, tag: str, folder: Path) -> Source:
    """Published weights of a backbone that timm lists.

    They are looked for as ``BACKBONE.TAG.safetensors`` in ``folder``, in the cache of the hub, and
    on the hub.

    Args:
        backbone: timm name.
        tag: which of the published ones; "" for timm's default.
        folder: of local weights.

    Raises:
        RecipeError: timm knows no such weights, or there is no way to them; the message says how
            to bring them.
    """
    cfg = _config(backbone, tag)
    name = f"{backbone}.{cfg.tag}" if cfg.tag else backbone
    repository = str(cfg.hf_hub_id or "")
    repository += name if repository.endswith("/") else ""
    local = folder / f"{name}.safetensors"
    file = local if local.is_file() else _fetched(repository, cfg.hf_hub_filename or FILE, name)
    _, digest = read_safetensors(file)
    try:
        # With timm's own classifier: only then does it load strictly.
        donor = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"file": str(file), "custom_load": False}
        )
    except RuntimeError as error:
        said = " ".join(str(error).split())
        said = said if len(said) <= 200 else f"{said[:199]}…"
        raise RecipeError(f"{file.name} is not what timm publishes as {name}: {said}") from error
    start = StartingWeights(
        name=f"timm {name}",
        licence=with_warning(_spdx(cfg.license)),
        origin=f"{repository} on the Hugging Face hub" + _described(cfg),
        sha256=digest,
    )
    levels = Levels.of((0.0, 1.0), cfg.mean, cfg.std)
    return Source(as_float(donor.state_dict()), levels, start)


def _config(backbone: str, tag: str) -> PretrainedCfg:
    if not timm.is_model(backbone):
        raise RecipeError(
            f"timm has no network {backbone}, so its hub has no weights for it. Name a safetensors "
            "file, or leave weights empty to train from scratch."
        )
    tags = [n.partition(".")[2] for n in timm.list_pretrained(f"{backbone}.*")]
    if tag and tag not in tags:
        raise RecipeError(unknown(f"tag of {backbone} on timm's hub", tag, tags))
    cfg = get_pretrained_cfg(f"{backbone}.{tag}" if tag else backbone)
    if cfg is None or not cfg.hf_hub_id:
        raise RecipeError(
            f"timm publishes no weights of {backbone} on its hub. Name a safetensors file, or "
            "leave weights empty to train from scratch."
        )
    return cfg


def _fetched(repository: str, file: str, name: str) -> Path:
    cached = try_to_load_from_cache(repository, file)
    if isinstance(cached, str):
        return Path(cached)
    if not file.endswith(".safetensors"):
        raise RecipeError(
            f"{repository} holds no safetensors file but {file}, which could run code when it is "
            f"loaded. Convert it where that is safe, and name it {name}.safetensors."
        )
    bring = (
        f"Where there is a network, run `hf download {repository} {file} --local-dir .`, then put "
        f"the file as {name}.safetensors into the folder that --weights names. Or copy that "
        "machine's cache of the hub and say with HF_HUB_CACHE where it lies."
    )
    # One look first: the hub's own client tries again for half a minute where no network is.
    request = urllib.request.Request(hf_hub_url(repository, file), method="HEAD")  # noqa: S310
    try:
        urllib.request.urlopen(request, timeout=PATIENCE_S).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        raise RecipeError(
            f"The hub answers {error.code} for {file} of {repository}. {bring}"
        ) from error
    except OSError as error:
        raise RecipeError(f"No way to the hub for {file} of {repository}. {bring}") from error
    try:
        return Path(hf_hub_download(repository, file, etag_timeout=PATIENCE_S))
    except (OSError, HfHubHTTPError) as error:
        said = str(error).splitlines()[0]
        raise RecipeError(f"{file} of {repository} did not arrive: {said} {bring}") from error


def _spdx(licence: str | None) -> str | None:
    spelt = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
    return spelt.get(licence.lower(), licence) if licence else None


def _described(cfg: PretrainedCfg) -> str:
    told = [t for t in (cfg.description, cfg.origin_url) if t]
    papers = [cfg.paper_ids] if isinstance(cfg.paper_ids, str) else list(cfg.paper_ids or ())
    return "".join(f"; {t}" for t in (*told, *papers))
