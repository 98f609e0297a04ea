"""The page's sentences in other languages."""
