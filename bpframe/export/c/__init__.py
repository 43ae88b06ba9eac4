"""The C form of a model: a header in C99 that allocates nothing and needs math.h alone."""
