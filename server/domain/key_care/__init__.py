"""What a change of keys asks for afterwards."""
