"""Spaces, proposals and studies: which settings, searched coarse to fine on the right scales.

    spaces/      which settings are searched, on which scales
    proposals/   which points are tried next
    study/       trials and their curves, kept
    critic/      what mattered, and what is wrong with the space
    functions/   functions of one's own: called at every point
    transfer/    earlier studies, on other data or on yesterday's

`tune` is the door. `tune_networks` and `functions.tune_function` make a `plan` of what is asked, and `search` goes
through it, generation after generation; `networks`, here or on a `cluster`, and `functions.judge` say what came of each
point.
"""
