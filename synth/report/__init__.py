"""The report on a card: figures and one self-contained page."""

from __future__ import annotations

from synth.report.page import write_page

__all__ = ["write_page"]
