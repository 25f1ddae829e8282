"""From a field to a model: boundary, gaps, standardisation, moments and their spread."""
