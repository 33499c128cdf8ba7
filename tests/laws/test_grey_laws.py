"""What must hold of every grey-scale chain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.imaging.grey import GreyFacts, LookUp, Window, render

CELLS = np.arange(65536, dtype=np.uint16).reshape(256, 256)

finite = st.floats(-1e5, 1e5)
windows = st.builds(
    Window,
    centre=finite,
    width=st.floats(-10, 1e5),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
tables = st.builds(
    lambda first, values: LookUp(first, np.sort(np.asarray(values, np.float64)), 16),
    st.integers(-32768, 32767),
    st.lists(st.integers(0, 65535), min_size=2, max_size=64),
)
facts = st.builds(
    GreyFacts,
    bits=st.integers(8, 16),
    signed=st.booleans(),
    padding=st.none() | st.tuples(st.integers(0, 100), st.integers(100, 200)),
    slope=st.floats(1e-3, 1e3),
    intercept=finite,
    modality=st.none() | tables,
    voi=st.none() | windows | tables,
    inverted=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(facts)
def test_grey_levels_lie_in_the_unit_range(some: GreyFacts):
    pixels = render(CELLS, some).pixels
    assert pixels.dtype == np.float32
    assert float(pixels.min()) >= 0.0
    assert float(pixels.max()) <= 1.0


@settings(max_examples=60, deadline=None)
@given(facts)
def test_more_stored_is_never_darker_and_in_monochrome1_never_brighter(some: GreyFacts):
    some = replace(some, padding=None)
    pixels = render(CELLS, some).pixels.ravel()[: 1 << some.bits].astype(np.float64)
    if some.signed:
        pixels = np.roll(pixels, len(pixels) // 2)
    steps = np.diff(-pixels if some.inverted else pixels)
    assert steps.min() >= -1e-7


@settings(max_examples=60, deadline=None)
@given(facts)
def test_a_monochrome1_picture_is_the_negative_of_its_twin(some: GreyFacts):
    some = replace(some, padding=None)
    one = render(CELLS, replace(some, inverted=True)).pixels
    two = render(CELLS, replace(some, inverted=False)).pixels
    assert np.abs(one + two - 1).max() < 1e-6


@settings(max_examples=40, deadline=None)
@given(facts, st.integers(0, 4095))
def test_padding_is_black_and_changes_no_other_pixel_of_a_windowed_picture(
    some: GreyFacts, value: int
):
    some = replace(some, bits=13, signed=False, voi=Window(100.0, 5000.0), padding=None)
    plain = render(CELLS, some).pixels
    padded = render(CELLS, replace(some, padding=(value, value))).pixels
    filled = value == (CELLS % 8192)
    assert (padded[filled] == 0).all()
    assert (padded[~filled] == plain[~filled]).all()


@settings(max_examples=40, deadline=None)
@given(facts)
def test_bits_above_those_stored_change_nothing(some: GreyFacts):
    some = replace(some, bits=12, padding=None, voi=Window(100.0, 5000.0))
    pixels = render(CELLS, some).pixels.reshape(16, 4096)
    assert (pixels == pixels[0]).all()
