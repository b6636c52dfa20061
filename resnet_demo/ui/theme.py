"""How the page looks before any of its own rules: one accent colour on neutral greys, fonts from this machine."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

HERE = Path(__file__).parent
TABS = ("train", "class", "model", "classify", "layers", "lessons")
STYLE = [HERE / "style" / f"{part}.css" for part in ("frame", *TABS)]  # later rules win over earlier ones

# macOS, Windows, Linux: asked for letters that the fonts before them lack.
CHINESE = ("PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei")
ACCENT = gr.themes.Color(
    name="accent",
    c50="#eef6fb", c100="#d8eaf5", c200="#afd4ea", c300="#78b7da", c400="#3a96c8", c500="#0072b2",
    c600="#0067a1", c700="#005687", c800="#00456c", c900="#003453", c950="#002238",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """Gradio's default theme in the lab's colours.

    The semibold files of the bundled fonts hold Cyrillic only, so 400 and 700 are asked for and nothing between.
    """
    return gr.themes.Default(
        primary_hue=ACCENT,
        secondary_hue=ACCENT,
        neutral_hue=gr.themes.colors.gray,
        radius_size=gr.themes.sizes.radius_md,
        font=[
            gr.themes.LocalFont("Source Sans Pro", weights=(400, 700)),
            "ui-sans-serif",
            "system-ui",
            *map(gr.themes.Font, CHINESE),
            "sans-serif",
        ],
        font_mono=[gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"],
    ).set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400")
