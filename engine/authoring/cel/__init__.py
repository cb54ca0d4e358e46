"""CEL: expressions parsed, checked and evaluated by Google's runtime, or without it if they are simple."""
