"""Events and a moment become numbers: the catalogue, the kernel, many leads, one lead."""
