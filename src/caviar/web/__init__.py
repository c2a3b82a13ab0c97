"""The page: sessions and run folders, watched and steered from a browser."""
