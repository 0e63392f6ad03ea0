"""The page of `certify report`: one self-contained HTML file with formulas, blueprint graphs, tables and sliders."""
