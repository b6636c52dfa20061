"""Random networks of every kind that a spec can describe."""

from __future__ import annotations

from hypothesis import strategies as st

from resnet_demo.specs import EXPANSION, SHORTCUTS, ResNetSpec, StemSpec

stems = st.builds(
    StemSpec, width=st.integers(1, 6), kernel=st.sampled_from((1, 3, 5, 7)), stride=st.integers(1, 2),
    padding=st.integers(0, 3), bias=st.booleans(), norm=st.booleans(),
    pool=st.sampled_from((None, (3, 2, 1), (2, 2, 0), (3, 2, 0))),
)  # fmt: skip


@st.composite
def specs(draw) -> ResNetSpec:
    """Any small residual network that can be built."""
    block = draw(st.sampled_from(("basic", "bottleneck")))
    entry = draw(st.sampled_from(("stride", "conv_pool")))
    stages = draw(st.integers(1, 3))
    least = 0 if entry == "conv_pool" and block == "basic" else 1
    widths = sorted(draw(st.lists(st.integers(6, 12), min_size=stages, max_size=stages)))
    shortcut = draw(st.sampled_from(SHORTCUTS))
    if entry == "conv_pool" and EXPANSION[block] > 1 and shortcut == "zero_pad":
        shortcut = "projection"
    return ResNetSpec(
        name="drawn", family="custom", stem=draw(stems), block=block, widths=tuple(widths),
        blocks_per_stage=tuple(draw(st.lists(st.integers(least, 2), min_size=stages, max_size=stages))),
        shortcut=shortcut, input=(draw(st.integers(1, 4)), 32, 32), num_classes=draw(st.integers(1, 12)), source="",
        conv_bias=draw(st.booleans()), shortcut_bias=draw(st.booleans()), shortcut_norm=draw(st.booleans()),
        relu_before_add=draw(st.booleans()), stage_entry=entry, head_pool=draw(st.sampled_from(("average", "max"))),
        logit_scale=draw(st.sampled_from((None, 0.125))),
    )  # fmt: skip
