"""Charts as geometry: frozen shapes and texts, which partials write as SVG.

Nothing here knows a colour: a shape names its role (`ok`, `fail`, `soft`, …), as the badges do.
Texts stand as HTML beside an SVG that stretches.
"""
