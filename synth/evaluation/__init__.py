"""Real fields against synthetic ones: statistics, calibration, verdicts, the card."""
