"""One figure a module; each a function of records and study that returns a plotly figure, for the page and the browser.

`figure.layout.meta["summary"]` says in words what it shows.
"""
