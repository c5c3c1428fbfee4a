"""Pages of the board, a module for each thing that is done on them."""
