"""CEL: expressions parsed, checked and evaluated through Google's runtime, and the faster ways around it."""
