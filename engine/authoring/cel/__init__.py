"""CEL expressions: parsed and checked by Google's CEL runtime, and evaluated by it or by faster code with the same result."""
