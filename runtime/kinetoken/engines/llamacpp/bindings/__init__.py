"""llama.cpp's C functions, through the Python package that is installed."""
