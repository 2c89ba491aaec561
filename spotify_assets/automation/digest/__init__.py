"""The weekly digest: on Mondays each listener is told on Slack how the week was.

`week` reads it from the marts, `words` writes the message, `posting` posts what was not posted yet, and `job` holds the
job and its schedule.
"""
