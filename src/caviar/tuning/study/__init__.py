"""The study: trials and their curves, kept so that no kill loses one."""
