"""Photo files: find them, decode them, split them, keep them."""
