"""How fast the engines are, beside what people use instead."""
