"""What the words mean and the rules about them: pure values and functions, no I/O, no clock."""
