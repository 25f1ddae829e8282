"""What goes wrong, as exceptions whose text is the one sentence that the user reads.

Each class carries the exit code of the command line.
"""

from __future__ import annotations


class SynthError(Exception):
    """Any failure that `synth` explains: ``str(error)`` is one sentence with a remedy."""

    exit_code = 1


class UsageError(SynthError):
    """A call that cannot be meant, such as an output that exists already."""

    exit_code = 2


class InputError(SynthError):
    """Input that is missing, broken, ambiguous or unfit for what was asked."""

    exit_code = 3


class MemoryLimitError(SynthError):
    """The computation needs more memory than there is."""

    exit_code = 5
