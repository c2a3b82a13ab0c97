"""Configs and a Split in, trained runs out: hundreds of different networks as one compiled program.

`plan` says which networks share a program, `step` is one update of one network, `population` adds the
axis `networks`, spreads it over the devices and drives the program from the host.
"""
