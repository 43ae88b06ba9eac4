"""MathML of the recursion's formulas, as text that browsers show without a library."""

from __future__ import annotations

from html import escape

LETTERS = {"delta": "δ", "phi": "φ"}  # Greek is meant


def math(*parts: str) -> str:
    """One formula."""
    return f"<math>{''.join(parts)}</math>"


def letter(name: str, *below: str | int, over: str = "") -> str:
    """A letter with what stands below it, "k" or 1, and above it, "T"."""
    base = f"<mi>{escape(LETTERS.get(name, name))}</mi>"
    index = "<mo>,</mo>".join(f"<mn>{each}</mn>" if isinstance(each, int) else f"<mi>{each}</mi>" for each in below)
    if below and over:
        return f"<msubsup>{base}<mrow>{index}</mrow><mi>{over}</mi></msubsup>"
    if below:
        return f"<msub>{base}<mrow>{index}</mrow></msub>"
    return f"<msup>{base}<mi>{over}</mi></msup>" if over else base


def sign(text: str) -> str:
    """An operator."""
    return f"<mo>{escape(text)}</mo>"


def of(function: str, *arguments: str) -> str:
    """A function applied: tanh(u)."""
    inner = sign(",").join(arguments)
    return f"<mi>{escape(function)}</mi><mo>&#x2061;</mo><mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"


def partial(above: str, below: str) -> str:
    """A partial derivative."""
    return f"<mfrac><mrow><mo>∂</mo>{above}</mrow><mrow><mo>∂</mo>{below}</mrow></mfrac>"


def words(text: str) -> str:
    """Words inside a formula."""
    return f"<mtext>{escape(text)}</mtext>"
