"""证书: what one says, its number and signature, its states, files and verification."""
