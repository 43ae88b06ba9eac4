"""Label text: names that users gave, as matplotlib shows them and does not read them."""

from __future__ import annotations


def label_text(name: object) -> str:
    """The name as text: dollars stand for no formula, and a legend does not drop what begins with an underscore."""
    text = str(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
