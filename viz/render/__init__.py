"""How it is shown: SVG, heat maps, HTML, text for a terminal, and matplotlib plots."""
