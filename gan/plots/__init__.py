"""Everything that is drawn: grids, curves, the animation and the HTML page."""
