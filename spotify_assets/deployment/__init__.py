"""What an installation in containers needs beside the pipeline: programs for `python -m`, run once and by hand."""
