"""Where it is shown: positions for cards, frames and edges, from Graphviz or the built-in layout."""
