"""One network: what a person may ask for (`Config`) and the mathematics of it, as pure functions.

Nothing here knows of populations, data files or optimisers; `training` adds the axis `networks` with vmap.
"""
