"""What is made up around a real export, so that every mart has rows: Spotify's and MusicBrainz' answers, charts, polls,
account data, an older export, rules. All of it follows from the export; nothing is random."""
