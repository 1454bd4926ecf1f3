"""What an object of a vault is: chunks, frames and sealed objects, and the keys that open them."""
