"""What Spotify hands out on request: reading it, landing it without personal data, loading every row of it."""
