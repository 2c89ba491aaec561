"""Alerts: what a person is told on Slack of the runs that ended, and the heartbeat for who watches from outside.

`runs` reads what ended out of Dagster's history, `memory` and `news` decide what of it is worth a message, `words`
writes the message, `slack` posts it, `cursor` keeps what was told, and `sensor` joins them.
"""
