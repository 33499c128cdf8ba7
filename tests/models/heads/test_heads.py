"""What every head promises, and what the published ones count."""

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import freeze  # noqa: E402
from hilum.models.heads import HEADS, build_head  # noqa: E402
from hilum.models.network import build_network  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402

pytestmark = pytest.mark.train
WIDTH, OUTPUTS, BATCH = 12, 3, 5


def features():
    torch.manual_seed(1)
    return torch.randn(BATCH, WIDTH, 4, 6)


def lively(name, views=1):
    torch.manual_seed(2)
    head = build_head(name, WIDTH, OUTPUTS, views=views, dropout=0.3).eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("views", [1, 3])
def test_shapes_and_the_beginning(name, views):
    head = build_head(name, WIDTH, OUTPUTS, views=views)
    pooled = head.pool(features())
    assert pooled.shape == (BATCH, *head.pooled)
    wanted = torch.tensor([0.5, -1.0, 2.0])
    head.start(wanted)
    for mode in (True, False):
        out = head.train(mode)(torch.cat([pooled] * views, -1))
        assert torch.equal(out, wanted.expand(BATCH, -1)), name
    out = head.train()(torch.cat([pooled] * views, -1))
    out.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in head.parameters())


@pytest.mark.parametrize("name", ["linear", "attention"])
def test_the_mean_of_the_evidence_plus_a_bias_is_the_output(name):
    head, x = lively(name), features()
    out, maps = head(head.pool(x)), head.evidence(x)
    assert maps.shape == (BATCH, OUTPUTS, 4, 6)
    bias = out - maps.mean((2, 3))
    assert torch.allclose(bias, bias[:1].expand_as(bias), atol=1e-5)
    kept = next(value for key, value in head.named_parameters() if key.endswith("bias"))
    assert torch.allclose(bias[0], kept, atol=1e-5)


@pytest.mark.parametrize("name", ["linear", "attention"])
def test_views_end_to_end_share_the_evidence(name):
    head, x = lively(name, views=2), features()
    y = x.flip(0)
    out = head(torch.cat([head.pool(x), head.pool(y)], -1))
    maps = head.evidence(x, 0).mean((2, 3)) + head.evidence(y, 1).mean((2, 3))
    bias = out - maps
    assert torch.allclose(bias, bias[:1].expand_as(bias), atol=1e-5)


def test_attention_begins_as_the_average_and_learns_where_to_look():
    """A finding in one place of 64: the average hides it, attention finds it."""
    torch.manual_seed(0)
    head = build_head("attention", WIDTH, 1)
    x = torch.randn(BATCH, WIDTH, 8, 8)
    assert torch.allclose(head.attention(x), torch.full((BATCH, 1, 8, 8), 1 / 64))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(60):
        noise = torch.randn(16, WIDTH, 8, 8)
        target = (torch.arange(16) % 2).float()[:, None]
        noise[:, 0] = 0
        noise[:, 0, 2, 5] = 6 * target[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(head.pool(noise)), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    weights = head.attention(noise[1:2])[0, 0].detach()
    assert int(weights.argmax()) == 2 * 8 + 5
    assert float(weights.max()) > 0.5
    assert float(weights.sum()) == pytest.approx(1, abs=1e-5)


def test_attention_is_what_its_formula_says():
    head, x = lively("attention").requires_grad_(False), features()
    out = head(head.pool(x))
    u, w, b = head.score.weight[:, :, 0, 0], head.weight, head.bias
    for row in range(BATCH):
        places = x[row].flatten(1).T
        for f in range(OUTPUTS):
            a = torch.softmax(places @ u[f], 0)
            assert float(out[row, f]) == pytest.approx(
                float((a * (places @ w[f])).sum() + b[f]), rel=1e-3, abs=1e-4
            )


def test_concat_pool_has_the_published_number_of_parameters():
    """SqueezeNet 1.0 with three colours: 1,263,808 parameters, 528,384 of them trained."""
    task = Task("one-of", ("survivor", "deceased"))
    network = build_network(backbone="squeezenet1_0", tasks=[task], head="concat-pool")
    frozen = freeze(network.backbone, "all")
    assert len(frozen) == len(list(network.backbone.parameters()))
    learnt = sum(p.numel() for p in network.parameters() if p.requires_grad)
    total = sum(p.numel() for p in network.parameters())
    stem = network.backbone.net.get_submodule("features.0")
    two_more_colours = 2 * stem.weight.numel()
    assert learnt == 528_384
    assert two_more_colours == 2 * 96 * 7 * 7 == 9_408
    assert total == 1_254_400
    assert total + two_more_colours == 1_263_808


def test_concat_pool_is_max_and_average_in_order():
    head = build_head("concat-pool", WIDTH, OUTPUTS)
    x = features()
    pooled = head.pool(x)
    assert torch.equal(pooled[:, :WIDTH], torch.nn.functional.adaptive_max_pool2d(x, 1)[:, :, 0, 0])
    assert torch.allclose(pooled[:, WIDTH:], x.mean((2, 3)))
    names = [type(layer).__name__ for layer in head.layers]
    assert names == ["BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Dropout"]
    assert (head.layers[1].p, head.layers[5].p) == (0.25, 0.5)
    assert head.evidence(x) is None
    assert head.maps == ""


@pytest.mark.parametrize(
    ("name", "dropout", "message"),
    [("linaer", None, "did you mean linear"), ("linear", 1.0, r"must lie in \[0, 1\), got 1")],
)
def test_a_head_that_cannot_be_built(name, dropout, message):
    with pytest.raises(RecipeError, match=message):
        build_head(name, WIDTH, OUTPUTS, dropout=dropout)
