"""A takeout: everything that is kept of one listener, as Parquet and CSV files and a README in a folder.

What `spotify-assets export` writes. (The files that Spotify hands out are *exports* too; those come in by `import`.)
"""
